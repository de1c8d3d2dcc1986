//! One task for each shard.

use std::{future::Future, panic, pin::pin, sync::Arc};

use boot::Relay;
use tokio::{sync::watch, task::JoinSet};

use super::lease::Shard;
use crate::{
    Channels, Config,
    context::WorkerContext,
    monitor::{Health, SessionCounts},
};

/// Serves the shards whose leases it acquires.
pub struct Worker {
    context: Arc<WorkerContext>,
}

impl Worker {
    pub fn new(relay: Relay, channels: Channels, config: Config) -> Self {
        Self { context: Arc::new(WorkerContext::new(relay, channels, config)) }
    }

    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.context.health)
    }

    pub fn session_counts(&self) -> Arc<SessionCounts> {
        Arc::clone(&self.context.counts)
    }

    /// Runs until `shutdown` resolves; then finishes the batches in progress, stops the sessions and releases the
    /// leases. Dropping the future instead is like killing the process: nothing is lost, and the leases expire.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let config = &self.context.config;
        let shards = config.shards.clone().unwrap_or_else(|| (0..self.context.relay.shards()).collect());
        let owner = config.owner.clone().unwrap_or_else(|| self.context.relay.ids.hex());
        let (ending, receiver) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for number in shards {
            tasks.spawn(Shard::new(Arc::clone(&self.context), number, owner.clone()).run(receiver.clone()));
        }
        let mut shutdown = pin!(shutdown);
        loop {
            let ended = tokio::select! {
                () = &mut shutdown, if !*ending.borrow() => {
                    ending.send_replace(true);
                    continue;
                }
                ended = tasks.join_next() => ended,
            };
            match ended {
                Some(Ok(())) => {}
                // The process ends: a restart is better than a shard without a worker.
                Some(Err(error)) => panic::resume_unwind(error.into_panic()),
                None => return,
            }
        }
    }
}
