//! Making queues, for a machine without CloudFormation.

use aws_sdk_sqs::types::QueueAttributeName;

use crate::{Envelope, Queue, QueueError, Sqs};

/// What a queue is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// Ends in `.fifo`.
    pub name: String,
    /// Attributes by SQS's names for them.
    pub attributes: Vec<(String, String)>,
    pub dead_letters: Option<DeadLetters>,
}

/// Where a message goes that is received again and again without being deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    pub queue: Box<QueueSpec>,
    /// Receives after which it does.
    pub receives: u32,
}

impl<E: Envelope> Queue<E> {
    /// Makes the queue with its dead letters, unless it is there.
    pub async fn create(sqs: Sqs, spec: &QueueSpec) -> Result<Self, QueueError> {
        let redrive = match &spec.dead_letters {
            Some(dead) => {
                let url = make(sqs.client(), &dead.queue, None).await?;
                let arn = arn(sqs.client(), &url).await?;
                Some(serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": dead.receives }).to_string())
            }
            None => None,
        };
        let url = make(sqs.client(), spec, redrive).await?;
        Ok(Self::new(sqs, &url))
    }
}

async fn make(client: &aws_sdk_sqs::Client, spec: &QueueSpec, redrive: Option<String>) -> Result<String, QueueError> {
    let mut request = client.create_queue().queue_name(&spec.name);
    for (name, value) in &spec.attributes {
        request = request.attributes(QueueAttributeName::from(name.as_str()), value);
    }
    if let Some(redrive) = redrive {
        request = request.attributes(QueueAttributeName::RedrivePolicy, redrive);
    }
    let made = request.send().await.map_err(QueueError::new)?;
    made.queue_url.ok_or_else(|| QueueError::new("the new queue has no URL"))
}

async fn arn(client: &aws_sdk_sqs::Client, url: &str) -> Result<String, QueueError> {
    let request = client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
    let attributes = request.send().await.map_err(QueueError::new)?.attributes;
    let arn = attributes.and_then(|mut all| all.remove(&QueueAttributeName::QueueArn));
    arn.ok_or_else(|| QueueError::new("the dead letter queue has no ARN"))
}
