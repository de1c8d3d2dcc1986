//! A shard's lease: acquired, kept by heartbeats, lost or released.

use std::{sync::Arc, time::Duration};

use domain::error::chain;
use store::{Lease, StoreError};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{commands::CommandQueue, router::CommandRouter};
use crate::{context::WorkerContext, monitor::Heartbeat};

/// How long a worker that has released its lease waits for the queue's last answer. A receive takes up to 20 s.
const CLOSE_TIMEOUT: Duration = Duration::from_mins(1);

/// A shard as one worker serves it.
pub(super) struct Shard {
    worker: Arc<WorkerContext>,
    number: u16,
    owner: String,
    heartbeat: Heartbeat,
}

/// Why the worker stopped serving a shard.
enum Outcome {
    LeaseLost,
    Shutdown,
}

impl Shard {
    pub(super) fn new(worker: Arc<WorkerContext>, number: u16, owner: String) -> Self {
        let heartbeat = Heartbeat::new(&worker.health, number);
        Self { worker, number, owner, heartbeat }
    }

    /// Acquires the lease and serves the shard, again after each loss, until shutdown.
    #[tracing::instrument(name = "shard", skip_all, fields(shard = self.number))]
    pub(super) async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let mut closing = JoinSet::new();
        loop {
            let lease = tokio::select! {
                biased;
                _ = shutdown.wait_for(|shutdown| *shutdown) => break,
                lease = self.acquire() => lease,
            };
            tracing::info!(lease.epoch = lease.epoch, "lease acquired");
            let queue = self.worker.relay.queues.commands[usize::from(self.number)].clone();
            let mut commands = CommandQueue::new(queue, self.worker.config.command_wait);
            let outcome = self.serve(&lease, &mut commands, &mut shutdown).await;
            closing.spawn(commands.close());
            match outcome {
                Outcome::LeaseLost => tracing::warn!(lease.epoch = lease.epoch, "lease lost"),
                Outcome::Shutdown => {
                    match self.worker.relay.store.release_lease(&lease).await {
                        Ok(()) => tracing::info!(lease.epoch = lease.epoch, "lease released"),
                        Err(error) => tracing::warn!(error = %chain(&error), "lease not released; it will expire"),
                    }
                    break;
                }
            }
        }
        // If SQS is unavailable, its last answer is not worth more time.
        drop(timeout(CLOSE_TIMEOUT, async { while closing.join_next().await.is_some() {} }).await);
    }

    /// Waits until the lease is available, and acquires it.
    async fn acquire(&self) -> Lease {
        let store = &self.worker.relay.store;
        // The lease as last seen, and since when it has not changed.
        let mut unchanged: Option<(Lease, Instant)> = None;
        loop {
            let seen = store.lease(self.number).await;
            self.heartbeat.record(seen.is_ok());
            match seen {
                Ok(seen) => {
                    if self.is_available(seen.as_ref(), &mut unchanged) {
                        match store.acquire_lease(self.number, &self.owner, seen.as_ref()).await {
                            Ok(lease) => return lease,
                            Err(StoreError::Conflict) => continue,
                            Err(error) => tracing::warn!(error = %chain(&error), "lease not acquired"),
                        }
                    }
                }
                Err(error) => tracing::warn!(error = %chain(&error), "lease not readable"),
            }
            sleep(self.worker.config.heartbeat).await;
        }
    }

    /// Whether a lease is released, our own, or without a heartbeat for the takeover time on our own clock.
    fn is_available(&self, seen: Option<&Lease>, unchanged: &mut Option<(Lease, Instant)>) -> bool {
        let Some(seen) = seen.filter(|lease| lease.owner.as_ref().is_some_and(|owner| *owner != self.owner)) else {
            return true;
        };
        match unchanged {
            Some((before, since)) if before == seen => since.elapsed() >= self.worker.config.takeover,
            _ => {
                *unchanged = Some((seen.clone(), Instant::now()));
                false
            }
        }
    }

    async fn serve(&self, lease: &Lease, commands: &mut CommandQueue, shutdown: &mut watch::Receiver<bool>) -> Outcome {
        let (stop, stopping) = watch::channel(false);
        let mut router = CommandRouter::new(Arc::clone(&self.worker), lease.clone(), stopping);
        let outcome = tokio::select! {
            biased;
            _ = shutdown.wait_for(|shutdown| *shutdown) => Outcome::Shutdown,
            () = self.keep(lease.clone()) => Outcome::LeaseLost,
            () = router.run(commands) => Outcome::LeaseLost,
        };
        stop.send_replace(true);
        router.close().await;
        outcome
    }

    /// Writes heartbeats until the lease is lost, or may be lost soon: another worker takes over after
    /// [`crate::Config::takeover`], and the sessions need a part of that time to stop.
    async fn keep(&self, mut lease: Lease) {
        let config = &self.worker.config;
        let mut last = Instant::now();
        loop {
            sleep(config.heartbeat).await;
            // Measured from before the write: another worker's clock may have started then.
            let started = Instant::now();
            let write = self.worker.relay.store.write_heartbeat(&mut lease);
            let written = timeout_at(last + config.takeover * 2 / 3, write).await;
            self.heartbeat.record(matches!(written, Ok(Ok(()) | Err(StoreError::Conflict))));
            match written {
                Ok(Ok(())) => last = started,
                Err(_) | Ok(Err(StoreError::Conflict)) => return,
                Ok(Err(error)) => tracing::warn!(error = %chain(&error), "heartbeat write failed"),
            }
        }
    }
}
