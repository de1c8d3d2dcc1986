//! One task a shard.

use std::{future::Future, pin::pin, sync::Arc};

use boot::Relay;
use tokio::{sync::watch, task::JoinSet};
use wechat::Channel;

use crate::{Census, Config, Health, session::Shared, shard::Shard};

/// Serves the shards it can get, over one channel.
pub struct Worker<C> {
    shared: Arc<Shared<C>>,
}

impl<C: Channel> Worker<C> {
    pub fn new(relay: Relay, channel: C, config: Config) -> Self {
        Self { shared: Arc::new(Shared::new(relay, channel, config)) }
    }

    /// Whether it is alive, and whether it can work.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.shared.health)
    }

    /// How many sessions there are.
    pub fn census(&self) -> Arc<Census> {
        Arc::clone(&self.shared.census)
    }

    /// Works until `shutdown` is there; then stops its sessions where nothing is left half done, and gives its leases
    /// back. Dropped instead, it is like a process that was killed: nothing is lost, and its leases run out.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let config = &self.shared.config;
        let shards = config.shards.clone().unwrap_or_else(|| (0..self.shared.relay.shards()).collect());
        let owner = config.owner.clone().unwrap_or_else(|| self.shared.relay.ids.hex());
        let (end, ending) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for number in shards {
            tasks.spawn(Shard::new(Arc::clone(&self.shared), number, owner.clone()).run(ending.clone()));
        }
        let mut shutdown = pin!(shutdown);
        loop {
            let ended = tokio::select! {
                () = &mut shutdown, if !*end.borrow() => {
                    end.send_replace(true);
                    continue;
                }
                ended = tasks.join_next() => ended,
            };
            match ended {
                Some(Ok(())) => {}
                // A shard that nobody serves any more is worse than a process that is started again.
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                None => return,
            }
        }
    }
}
