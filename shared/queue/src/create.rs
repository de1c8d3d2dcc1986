//! Making queues, for a machine without a template.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;

use crate::{Envelope, Queue, QueueError};

/// A message that was received this often without being deleted goes to the dead letters: SQS's most. A failed one is
/// seen again after a second here, and may be so while a service it needs is away.
const RECEIVES: u32 = 1_000;

impl<E: Envelope> Queue<E> {
    /// Makes the high-throughput FIFO queue `name` (ends in `.fifo`) with its dead letters, unless it is there.
    /// `visibility` is how long a message in hand stays hidden from others.
    pub async fn create(client: aws_sdk_sqs::Client, name: &str, visibility: Duration) -> Result<Self, QueueError> {
        let dead = format!("{}-dead.fifo", name.trim_end_matches(".fifo"));
        let dead = fifo(&client, &dead, visibility).send().await.map_err(QueueError::from_sdk)?;
        let arn = client
            .get_queue_attributes()
            .queue_url(dead.queue_url().unwrap_or_default())
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .map_err(QueueError::from_sdk)?
            .attributes
            .and_then(|mut all| all.remove(&QueueAttributeName::QueueArn))
            .ok_or_else(|| QueueError("the dead letter queue has no ARN".to_owned()))?;
        let redrive = serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES }).to_string();
        let made = fifo(&client, name, visibility)
            .attributes(QueueAttributeName::RedrivePolicy, redrive)
            .send()
            .await
            .map_err(QueueError::from_sdk)?;
        let url = made.queue_url().ok_or_else(|| QueueError("the new queue has no URL".to_owned()))?;
        Ok(Self::new(client, url))
    }
}

fn fifo(
    client: &aws_sdk_sqs::Client,
    name: &str,
    visibility: Duration,
) -> aws_sdk_sqs::operation::create_queue::builders::CreateQueueFluentBuilder {
    client
        .create_queue()
        .queue_name(name)
        .attributes(QueueAttributeName::FifoQueue, "true")
        .attributes(QueueAttributeName::DeduplicationScope, "messageGroup")
        .attributes(QueueAttributeName::FifoThroughputLimit, "perMessageGroupId")
        .attributes(QueueAttributeName::VisibilityTimeout, visibility.as_secs().to_string())
}
