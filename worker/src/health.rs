//! Whether the worker is alive, and whether it can work.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What the shards' loops say of themselves.
#[derive(Debug)]
pub struct Health {
    shards: Mutex<BTreeMap<u16, Told>>,
    stuck_after: Duration,
}

/// What a shard's loop has told last.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// When it came by.
    at: Instant,
    /// Whether the ledger answered it.
    answered: bool,
    /// Whether the ledger has ever answered it.
    begun: bool,
}

/// Why the worker is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("shard {shard}: nothing has happened for {seconds} s")]
    Stuck { shard: u16, seconds: u64 },
    #[error("shard {shard}: the ledger does not answer")]
    Ledger { shard: u16 },
    #[error("the worker has not begun")]
    NotBegun,
}

impl Health {
    pub(crate) fn new(stuck_after: Duration) -> Self {
        Self { shards: Mutex::default(), stuck_after }
    }

    /// Whether every shard's loop has come by lately, and has reached the ledger once. A worker of which that cannot be
    /// said is to be started again, and must not replace one of which it can.
    pub fn alive(&self) -> Result<(), Trouble> {
        let shards = self.lock();
        if shards.is_empty() || shards.values().any(|told| !told.begun) {
            return Err(Trouble::NotBegun);
        }
        for (&shard, told) in &*shards {
            let still = told.at.elapsed();
            if still > self.stuck_after {
                return Err(Trouble::Stuck { shard, seconds: still.as_secs() });
            }
        }
        Ok(())
    }

    /// Whether every shard reaches the ledger, as it was when it was last asked: then the worker has the shard's lease,
    /// or stands by for it. A worker that stands by is ready: the one that it is to replace is told to end only then.
    pub fn ready(&self) -> Result<(), Trouble> {
        self.alive()?;
        match self.lock().iter().find(|(_, told)| !told.answered) {
            None => Ok(()),
            Some((&shard, _)) => Err(Trouble::Ledger { shard }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, Told>> {
        // What is in it is whole at any time.
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a shard's loop tells.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    health: Arc<Health>,
    shard: u16,
}

impl Pulse {
    pub fn new(health: &Arc<Health>, shard: u16) -> Self {
        health.lock().insert(shard, Told { at: Instant::now(), answered: false, begun: false });
        Self { health: Arc::clone(health), shard }
    }

    /// The loop comes by, and the ledger has just answered it, or not.
    pub fn ledger(&self, answered: bool) {
        let mut shards = self.health.lock();
        let begun = answered || shards.get(&self.shard).is_some_and(|told| told.begun);
        shards.insert(self.shard, Told { at: Instant::now(), answered, begun });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_no_longer_comes_by_is_stuck() {
        let health = Arc::new(Health::new(Duration::from_mins(2)));
        let not_begun = (Err(Trouble::NotBegun), Err(Trouble::NotBegun));
        assert_eq!((health.alive(), health.ready()), not_begun);
        let shards = [3, 4].map(|shard| Pulse::new(&health, shard));
        assert_eq!((health.alive(), health.ready()), not_begun);
        shards[0].ledger(true);
        shards[1].ledger(false);
        assert_eq!((health.alive(), health.ready()), not_begun, "one that never reached the ledger replaces nobody");
        shards[1].ledger(true);
        assert_eq!((health.alive(), health.ready()), (Ok(()), Ok(())));
        shards[1].ledger(false);
        assert_eq!((health.alive(), health.ready()), (Ok(()), Err(Trouble::Ledger { shard: 4 })));
        shards[1].ledger(true);
        assert_eq!(health.ready(), Ok(()));
        tokio::time::advance(Duration::from_secs(100)).await;
        shards[0].ledger(true);
        tokio::time::advance(Duration::from_secs(30)).await;
        let stuck = Err(Trouble::Stuck { shard: 4, seconds: 130 });
        assert_eq!((health.alive(), health.ready()), (stuck.clone(), stuck));
        shards[1].ledger(false);
        assert_eq!(health.alive(), Ok(()), "a ledger that does not answer is no reason to start again");
    }
}
