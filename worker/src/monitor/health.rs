//! Whether the worker is alive, and whether it is ready.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The health of every shard's loop.
#[derive(Debug)]
pub struct Health {
    shards: Mutex<BTreeMap<u16, LastHeartbeat>>,
    stuck_after: Duration,
}

/// A shard loop's last heartbeat.
#[derive(Debug, Clone, Copy)]
struct LastHeartbeat {
    at: Instant,
    /// Whether the ledger answered.
    ledger_answered: bool,
    /// Whether the ledger has ever answered.
    started: bool,
}

/// Why the worker is not alive or not ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unhealthy {
    #[error("shard {shard}: nothing has happened for {seconds} s")]
    Stuck { shard: u16, seconds: u64 },
    #[error("shard {shard}: the ledger does not answer")]
    Ledger { shard: u16 },
    #[error("the worker has not begun")]
    NotStarted,
}

impl Health {
    pub(crate) fn new(stuck_after: Duration) -> Self {
        Self { shards: Mutex::default(), stuck_after }
    }

    /// Whether every shard's loop had a heartbeat lately, and has reached the ledger once. If this fails, restart the
    /// worker; never let it replace a healthy one.
    pub fn alive(&self) -> Result<(), Unhealthy> {
        let shards = self.lock();
        if shards.is_empty() || shards.values().any(|last| !last.started) {
            return Err(Unhealthy::NotStarted);
        }
        for (&shard, last) in &*shards {
            let silent = last.at.elapsed();
            if silent > self.stuck_after {
                return Err(Unhealthy::Stuck { shard, seconds: silent.as_secs() });
            }
        }
        Ok(())
    }

    /// Whether, besides, the ledger answered every shard's last request: the worker holds the shard's lease, or waits for
    /// it. A standby counts as ready, so that a deployment then stops the worker that it replaces.
    pub fn ready(&self) -> Result<(), Unhealthy> {
        self.alive()?;
        match self.lock().iter().find(|(_, last)| !last.ledger_answered) {
            None => Ok(()),
            Some((&shard, _)) => Err(Unhealthy::Ledger { shard }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, LastHeartbeat>> {
        // Every update is a single insert, so a panic leaves no half-written state.
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records the heartbeats of a shard's loop.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    health: Arc<Health>,
    shard: u16,
}

impl Heartbeat {
    pub(crate) fn new(health: &Arc<Health>, shard: u16) -> Self {
        health.lock().insert(shard, LastHeartbeat { at: Instant::now(), ledger_answered: false, started: false });
        Self { health: Arc::clone(health), shard }
    }

    /// Records that the loop runs, and whether the ledger has just answered.
    pub(crate) fn record(&self, ledger_answered: bool) {
        let mut shards = self.health.lock();
        let started = ledger_answered || shards.get(&self.shard).is_some_and(|last| last.started);
        shards.insert(self.shard, LastHeartbeat { at: Instant::now(), ledger_answered, started });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_without_a_heartbeat_is_stuck() {
        let health = Arc::new(Health::new(Duration::from_mins(2)));
        let not_started = (Err(Unhealthy::NotStarted), Err(Unhealthy::NotStarted));
        assert_eq!((health.alive(), health.ready()), not_started);
        let shards = [3, 4].map(|shard| Heartbeat::new(&health, shard));
        assert_eq!((health.alive(), health.ready()), not_started);
        shards[0].record(true);
        shards[1].record(false);
        assert_eq!(
            (health.alive(), health.ready()),
            not_started,
            "a worker that never reached the ledger replaces no other"
        );
        shards[1].record(true);
        assert_eq!((health.alive(), health.ready()), (Ok(()), Ok(())));
        shards[1].record(false);
        assert_eq!((health.alive(), health.ready()), (Ok(()), Err(Unhealthy::Ledger { shard: 4 })));
        shards[1].record(true);
        assert_eq!(health.ready(), Ok(()));
        tokio::time::advance(Duration::from_secs(100)).await;
        shards[0].record(true);
        tokio::time::advance(Duration::from_secs(30)).await;
        let stuck = Err(Unhealthy::Stuck { shard: 4, seconds: 130 });
        assert_eq!((health.alive(), health.ready()), (stuck.clone(), stuck));
        shards[1].record(false);
        assert_eq!(health.alive(), Ok(()), "an unavailable ledger does not restart the worker");
    }
}
