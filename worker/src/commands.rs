//! A shard's command queue, polled.

use std::time::Duration;

use domain::error::chain;
use queue::{CommandEnvelope, Queue, QueueError, Received};
use tokio::task::JoinSet;

/// Polls one request after the other. None is ever cut off: SQS does not notice, gives the next commands to the request
/// whose asker has gone, and hides them from others for minutes.
///
/// Source: aws/aws-sdk-js issue 2350 and aws/aws-sdk-java-v2 issue 1395; `LocalStack`, ministack and moto do the same.
pub(crate) struct Commands {
    queue: Queue<CommandEnvelope>,
    wait: Duration,
    /// The request under way; one at most.
    polls: JoinSet<Result<Vec<Received>, QueueError>>,
}

impl Commands {
    pub fn new(queue: Queue<CommandEnvelope>, wait: Duration) -> Self {
        Self { queue, wait, polls: JoinSet::new() }
    }

    /// The next commands, or none after the wait. Dropped before it has them, its request goes on, and the next call has
    /// the answer.
    pub async fn next(&mut self) -> Result<Vec<Received>, QueueError> {
        if self.polls.is_empty() {
            let (queue, wait) = (self.queue.clone(), self.wait);
            self.polls.spawn(async move { queue.receive(wait).await });
        }
        match self.polls.join_next().await {
            Some(Ok(received)) => received,
            Some(Err(broken)) => std::panic::resume_unwind(broken.into_panic()),
            None => Ok(Vec::new()),
        }
    }

    /// Waits for the request under way, and gives back what it brings.
    pub async fn close(mut self) {
        while let Some(answer) = self.polls.join_next().await {
            let Ok(Ok(received)) = answer else { continue };
            for message in received {
                give_back(&self.queue, &message.receipt).await;
            }
        }
    }
}

/// Lets another worker have a command at once. Kept, it would be hidden for minutes, and with it every later one of its
/// app.
pub(crate) async fn give_back(queue: &Queue<CommandEnvelope>, receipt: &str) {
    if let Err(error) = queue.give_back(receipt, Duration::ZERO).await {
        tracing::warn!(error = %chain(&error), "a command cannot be given back and comes later");
    }
}
