//! The SQS queues and their envelopes.
//!
//! | queue | from → to | group (keeps its order) | deduplicated by |
//! |---|---|---|---|
//! | inbound | worker → dispatcher | app and chat | app and sequence number |
//! | commands, one a shard | functions, dispatcher → worker | app | job |
//!
//! An envelope only refers to a row of the ledger, which holds the content. So an envelope that is lost or received twice
//! loses or repeats nothing.

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

type CreateClient = Box<dyn FnOnce() -> aws_sdk_sqs::Client + Send>;

/// The SQS client. It is created at its first use, because most functions never use it. Cheap to clone.
#[derive(Clone)]
pub struct Sqs(Arc<LazyLock<aws_sdk_sqs::Client, CreateClient>>);

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

/// A FIFO queue of envelopes; cheap to clone.
#[derive(Debug)]
pub struct Queue<E> {
    sqs: Sqs,
    url: Arc<str>,
    envelope: std::marker::PhantomData<fn(E) -> E>,
}

impl<E> Clone for Queue<E> {
    fn clone(&self) -> Self {
        Self { sqs: self.sqs.clone(), url: Arc::clone(&self.url), envelope: std::marker::PhantomData }
    }
}

impl<E> Queue<E> {
    /// The queue at `url`. It must exist (see [`create`](Self::create)).
    pub fn new(sqs: Sqs, url: &str) -> Self {
        Self { sqs, url: url.into(), envelope: std::marker::PhantomData }
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

/// All queues of a deployment.
#[derive(Debug, Clone)]
pub struct Queues {
    pub inbound: Queue<InboundEnvelope>,
    /// The command queue of each shard, by number.
    pub commands: Vec<Queue<CommandEnvelope>>,
}

impl Queues {
    /// Sends a command to the worker of a shard.
    pub async fn command(&self, shard: u16, envelope: &CommandEnvelope) -> Result<(), QueueError> {
        match self.commands.get(usize::from(shard)) {
            Some(queue) => queue.send(envelope).await,
            None => Err(QueueError::new(format!("no command queue for shard {shard}"))),
        }
    }
}
