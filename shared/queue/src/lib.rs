//! SQS: our two kinds of envelope, their groups and their deduplication. AWS types stay inside.
//!
//! | queue | from → to | group (what keeps its order) | deduplicated by |
//! |---|---|---|---|
//! | inbound | worker → dispatcher | app and chat | app and row |
//! | commands, one a shard | functions, dispatcher → worker | app | job |
//!
//! The queues carry references only, never content: the ledger is the truth, and an envelope that is lost or comes
//! twice changes nothing.

mod batch;
mod create;
mod envelope;
mod receive;
mod send;

use std::{
    error::Error,
    fmt,
    sync::{Arc, LazyLock},
};

pub use batch::{by_group, event};
pub use create::{DeadLetters, QueueSpec};
pub use envelope::{CommandEnvelope, Envelope, InboundEnvelope};
pub use receive::{Received, sent_at};

/// A request to the queue failed. Whether it took effect is not known; repeating it is harmless.
#[derive(Debug, thiserror::Error)]
#[error("the queue is not available")]
pub struct QueueError(#[source] Cause);

/// What made a request fail; see [`domain::error::chain`] for its text.
type Cause = Box<dyn Error + Send + Sync>;

impl QueueError {
    pub(crate) fn new(cause: impl Into<Cause>) -> Self {
        Self(cause.into())
    }

    /// The service refused one message of a batch.
    pub(crate) fn refused(failure: &aws_sdk_sqs::types::BatchResultErrorEntry) -> Self {
        Self::new(format!("{}: {}", failure.code, failure.message().unwrap_or_default()))
    }
}

type MakeClient = Box<dyn FnOnce() -> aws_sdk_sqs::Client + Send>;

/// The SQS client, made when it is first asked for: most functions never ask. Cheap to clone.
#[derive(Clone)]
pub struct Sqs(Arc<LazyLock<aws_sdk_sqs::Client, MakeClient>>);

impl Sqs {
    pub fn new(config: aws_sdk_sqs::config::Builder) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(|| aws_sdk_sqs::Client::from_conf(config.build())))))
    }

    pub fn client(&self) -> &aws_sdk_sqs::Client {
        &self.0
    }
}

impl fmt::Debug for Sqs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqs").finish_non_exhaustive()
    }
}

/// A handle on one FIFO queue of envelopes; cheap to clone.
#[derive(Debug)]
pub struct Queue<E> {
    sqs: Sqs,
    url: Arc<str>,
    carries: std::marker::PhantomData<fn(E) -> E>,
}

impl<E> Clone for Queue<E> {
    fn clone(&self) -> Self {
        Self { sqs: self.sqs.clone(), url: Arc::clone(&self.url), carries: std::marker::PhantomData }
    }
}

impl<E> Queue<E> {
    /// The queue at `url`, which must exist (see [`create`](Self::create)).
    pub fn new(sqs: Sqs, url: &str) -> Self {
        Self { sqs, url: url.into(), carries: std::marker::PhantomData }
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Both kinds of queue of a deployment.
#[derive(Debug, Clone)]
pub struct Queues {
    pub inbound: Queue<InboundEnvelope>,
    /// One a shard, by number.
    pub commands: Vec<Queue<CommandEnvelope>>,
}

impl Queues {
    /// Sends a command to the worker of its shard.
    pub async fn command(&self, shard: u16, envelope: &CommandEnvelope) -> Result<(), QueueError> {
        match self.commands.get(usize::from(shard)) {
            Some(queue) => queue.send(envelope).await,
            None => Err(QueueError::new(format!("no command queue for shard {shard}"))),
        }
    }
}
