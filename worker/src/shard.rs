//! A shard's lease: taken, kept, lost or given back.

use std::{sync::Arc, time::Duration};

use domain::error::chain;
use store::{Lease, StoreError};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};
use wechat::Channel;

use crate::{commands::Commands, desk::Desk, health::Pulse, session::Shared};

/// How long a worker that has given its lease back waits for the queue's last answer; a poll takes 20 s.
const CLOSING: Duration = Duration::from_mins(1);

/// What a worker does for one shard.
pub(crate) struct Shard<C> {
    shared: Arc<Shared<C>>,
    number: u16,
    owner: String,
    pulse: Pulse,
}

/// How the time with a lease ended.
enum Outcome {
    Lost,
    Told,
}

impl<C: Channel> Shard<C> {
    pub fn new(shared: Arc<Shared<C>>, number: u16, owner: String) -> Self {
        let pulse = Pulse::new(&shared.health, number);
        Self { shared, number, owner, pulse }
    }

    /// Takes the lease and serves, as often as it is lost, until told to end.
    #[tracing::instrument(name = "shard", skip_all, fields(shard = self.number))]
    pub async fn run(self, mut ending: watch::Receiver<bool>) {
        let mut closing = JoinSet::new();
        loop {
            let lease = tokio::select! {
                biased;
                _ = ending.wait_for(|end| *end) => break,
                lease = self.acquire() => lease,
            };
            tracing::info!(lease.epoch = lease.epoch, "the shard is ours");
            let queue = self.shared.relay.queues.commands[usize::from(self.number)].clone();
            let mut commands = Commands::new(queue, self.shared.config.command_wait);
            let outcome = self.serve(&lease, &mut commands, &mut ending).await;
            closing.spawn(commands.close());
            match outcome {
                Outcome::Lost => tracing::warn!(lease.epoch = lease.epoch, "the shard's lease is lost"),
                Outcome::Told => {
                    if let Err(error) = self.shared.relay.store.release_lease(&lease).await {
                        tracing::warn!(error = %chain(&error), "the lease was not given back; it will run out");
                    }
                    break;
                }
            }
        }
        // Where SQS is away, its last answer is not worth waiting for.
        drop(timeout(CLOSING, async { while closing.join_next().await.is_some() {} }).await);
    }

    /// Waits until the lease can be had, and takes it.
    async fn acquire(&self) -> Lease {
        let store = &self.shared.relay.store;
        // What was last seen, and since when it has stood still.
        let mut still: Option<(Lease, Instant)> = None;
        loop {
            let seen = store.lease(self.number).await;
            self.pulse.ledger(seen.is_ok());
            match seen {
                Ok(seen) => {
                    if self.may_take(seen.as_ref(), &mut still) {
                        match store.acquire_lease(self.number, &self.owner, seen.as_ref()).await {
                            Ok(lease) => return lease,
                            Err(StoreError::Conflict) => continue,
                            Err(error) => tracing::warn!(error = %chain(&error), "the lease cannot be taken"),
                        }
                    }
                }
                Err(error) => tracing::warn!(error = %chain(&error), "the lease cannot be read"),
            }
            sleep(self.shared.config.beat).await;
        }
    }

    fn may_take(&self, seen: Option<&Lease>, still: &mut Option<(Lease, Instant)>) -> bool {
        let Some(seen) = seen.filter(|lease| lease.owner.as_ref().is_some_and(|owner| *owner != self.owner)) else {
            return true;
        };
        match still {
            Some((before, since)) if before == seen => since.elapsed() >= self.shared.config.takeover,
            _ => {
                *still = Some((seen.clone(), Instant::now()));
                false
            }
        }
    }

    async fn serve(&self, lease: &Lease, commands: &mut Commands, ending: &mut watch::Receiver<bool>) -> Outcome {
        let (stop, stopping) = watch::channel(false);
        let mut desk = Desk::new(Arc::clone(&self.shared), lease.clone(), stopping);
        let outcome = tokio::select! {
            biased;
            _ = ending.wait_for(|end| *end) => Outcome::Told,
            () = self.beat_until_lost(lease.clone()) => Outcome::Lost,
            () = desk.work(commands) => Outcome::Lost,
        };
        stop.send_replace(true);
        desk.close().await;
        outcome
    }

    /// Returns once the lease is lost, or may be by now: nobody takes it over before [`crate::Config::takeover`] is up,
    /// and sessions need some of that time to stop.
    async fn beat_until_lost(&self, mut lease: Lease) {
        let config = &self.shared.config;
        let mut last = Instant::now();
        loop {
            sleep(config.beat).await;
            // As of before the beat: another's clock may have started then.
            let begun = Instant::now();
            let beat =
                timeout_at(last + config.takeover * 2 / 3, self.shared.relay.store.write_heartbeat(&mut lease)).await;
            self.pulse.ledger(matches!(beat, Ok(Ok(()) | Err(StoreError::Conflict))));
            match beat {
                Ok(Ok(())) => last = begun,
                Err(_) | Ok(Err(StoreError::Conflict)) => return,
                Ok(Err(error)) => tracing::warn!(error = %chain(&error), "the sign of life was not written"),
            }
        }
    }
}
