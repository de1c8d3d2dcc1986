//! SQS: our two kinds of envelope, their groups and their deduplication. AWS types stay inside.
//!
//! | queue | from → to | group (what keeps its order) | deduplicated by |
//! |---|---|---|---|
//! | inbound | worker → dispatcher | app and chat | app and row |
//! | commands, one a shard | functions, dispatcher → worker | app | job |
//!
//! The queues carry references only, never content: the ledger is the truth, and an envelope that is lost or comes
//! twice changes nothing.

mod create;
mod envelope;
mod receive;
mod send;

use std::sync::Arc;

pub use create::{DeadLetters, QueueSpec};
pub use envelope::{CommandEnvelope, Envelope, InboundEnvelope};
pub use receive::{Received, sent_at};

/// The service did not take, give or forget a message.
#[derive(Debug, thiserror::Error)]
#[error("the queue is not available: {0}")]
pub struct QueueError(String);

impl QueueError {
    pub(crate) fn from_sdk(error: impl std::error::Error) -> Self {
        Self(aws_sdk_sqs::error::DisplayErrorContext(error).to_string())
    }

    /// One message of a batch was refused.
    pub(crate) fn refused(failure: &aws_sdk_sqs::types::BatchResultErrorEntry) -> Self {
        Self(format!("{}: {}", failure.code, failure.message().unwrap_or_default()))
    }
}

/// A handle on one FIFO queue of envelopes; cheap to clone.
#[derive(Debug)]
pub struct Queue<E> {
    client: aws_sdk_sqs::Client,
    url: Arc<str>,
    carries: std::marker::PhantomData<fn(E) -> E>,
}

impl<E> Clone for Queue<E> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), url: Arc::clone(&self.url), carries: std::marker::PhantomData }
    }
}

impl<E> Queue<E> {
    /// The queue at `url`, which must exist (see [`create`](Self::create)).
    pub fn new(client: aws_sdk_sqs::Client, url: &str) -> Self {
        Self { client, url: url.into(), carries: std::marker::PhantomData }
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
            None => Err(QueueError(format!("no command queue for shard {shard}"))),
        }
    }
}
