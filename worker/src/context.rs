//! What all sessions of a worker share.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
};

use boot::Relay;
use channel::{Channel, ChannelKind};
use store::StoreError;
use tokio::{sync::Semaphore, time::sleep};

use crate::{
    Config,
    backoff::Backoff,
    monitor::{Health, SessionCounts},
};

/// Contact books that may be in memory at once.
const BOOKS: usize = 8;
/// Blocks of logs that may be summarised at once.
const SUMMARIES: usize = 2;
/// Sessions that may resume at once after a restart.
const RESUMES: usize = 32;

/// The channels that a worker serves: one for each kind.
#[derive(Clone)]
pub struct Channels {
    pub web: Arc<dyn Channel>,
}

impl Channels {
    pub(crate) fn get(&self, kind: ChannelKind) -> &Arc<dyn Channel> {
        match kind {
            ChannelKind::Web => &self.web,
        }
    }
}

/// One for all sessions of a worker.
pub(crate) struct WorkerContext {
    pub relay: Relay,
    pub channels: Channels,
    pub config: Config,
    pub counts: Arc<SessionCounts>,
    pub health: Arc<Health>,
    pub books: Semaphore,
    pub resumes: Semaphore,
    pub summaries: Semaphore,
    fetcher: OnceLock<Option<reqwest::Client>>,
}

impl WorkerContext {
    pub(crate) fn new(relay: Relay, channels: Channels, config: Config) -> Self {
        let (counts, health) = (Arc::default(), Arc::new(Health::new(config.stuck_after)));
        let [books, resumes, summaries] = [BOOKS, RESUMES, SUMMARIES].map(Semaphore::new);
        Self { relay, channels, config, counts, health, books, resumes, summaries, fetcher: OnceLock::new() }
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(self.config.retry)
    }

    /// The client for the URLs of media to send, made when the first one is requested; `None` if TLS cannot be set up. It
    /// resolves names to allowed addresses only, and has no time-out but that for connecting.
    pub(crate) fn fetcher(&self) -> Option<&reqwest::Client> {
        let make = || {
            let client = guard::client(boot::http_client(), &Arc::new(self.config.media_urls.clone()));
            client.inspect_err(|error| tracing::error!(%error, "HTTP client for media not made")).ok()
        };
        self.fetcher.get_or_init(make).as_ref()
    }

    /// Random bits that spread pauses.
    pub(crate) fn jitter(&self) -> u8 {
        self.relay.ids.random()[15]
    }

    /// Repeats a request to the ledger until it is answered. `None` after an error that no retry mends; it is logged.
    pub(crate) async fn ask_ledger<T, F>(&self, request: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = self.backoff();
        loop {
            match Box::pin(request()).await {
                Ok(answer) => return Some(answer),
                Err(StoreError::Unavailable(error)) => {
                    if backoff.failures() == 0 {
                        tracing::warn!(error = %domain::error::chain(&*error), "ledger unavailable; retrying");
                    }
                    sleep(backoff.failed(self.jitter())).await;
                }
                Err(error) => {
                    tracing::error!(error = %domain::error::chain(&error), "ledger request not answered");
                    return None;
                }
            }
        }
    }

    /// Deletes a completed command from its queue. Where that fails the command comes again, and its job has ended.
    pub(crate) async fn delete_command(&self, shard: u16, receipt: &str) {
        if let Err(error) = self.relay.queues.commands[usize::from(shard)].delete(&[receipt]).await {
            tracing::warn!(error = %domain::error::chain(&error), "completed command not deleted from its queue");
        }
    }
}
