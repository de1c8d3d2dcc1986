//! A shard's command queue.

use std::{panic, time::Duration};

use domain::error::chain;
use queue::{CommandEnvelope, Queue, QueueError, Received};
use tokio::task::JoinSet;

/// Receives from the command queue, one request after the other. A request is never cancelled: SQS does not see the
/// disconnect, delivers the next commands to it, and hides them until the visibility time-out.
///
/// Source: aws/aws-sdk-js issue 2350 and aws/aws-sdk-java-v2 issue 1395; `LocalStack`, ministack and moto do the same.
pub(super) struct CommandQueue {
    queue: Queue<CommandEnvelope>,
    wait: Duration,
    /// The request in progress; one at most.
    requests: JoinSet<Result<Vec<Received>, QueueError>>,
}

impl CommandQueue {
    pub(super) fn new(queue: Queue<CommandEnvelope>, wait: Duration) -> Self {
        Self { queue, wait, requests: JoinSet::new() }
    }

    /// The next commands, or none after the wait. May be cancelled: the request continues, and the next call returns its
    /// answer.
    pub(super) async fn receive(&mut self) -> Result<Vec<Received>, QueueError> {
        if self.requests.is_empty() {
            let (queue, wait) = (self.queue.clone(), self.wait);
            self.requests.spawn(async move { queue.receive(wait).await });
        }
        match self.requests.join_next().await {
            Some(Ok(received)) => received,
            Some(Err(error)) => panic::resume_unwind(error.into_panic()),
            None => Ok(Vec::new()),
        }
    }

    /// Waits for the request in progress, and returns its commands to the queue.
    pub(super) async fn close(mut self) {
        while let Some(answer) = self.requests.join_next().await {
            let Ok(Ok(received)) = answer else { continue };
            for message in received {
                return_command(&self.queue, &message.receipt).await;
            }
        }
    }
}

/// Makes a received command visible to other workers at once. Otherwise it stays hidden for minutes, and with it every
/// later command of its app.
pub(crate) async fn return_command(queue: &Queue<CommandEnvelope>, receipt: &str) {
    if let Err(error) = queue.give_back(receipt, Duration::ZERO).await {
        tracing::warn!(error = %chain(&error), "command not returned to its queue; it comes later");
    }
}
