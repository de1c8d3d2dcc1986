//! Creating queues where there is no CloudFormation.

use aws_sdk_sqs::types::QueueAttributeName;

use crate::{Envelope, Queue, QueueError, Sqs};

/// Definition of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// Ends in `.fifo`.
    pub name: String,
    /// Attributes under SQS's names.
    pub attributes: Vec<(String, String)>,
    pub dead_letters: Option<DeadLetters>,
}

/// The dead-letter queue: it gets messages that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    pub queue: Box<QueueSpec>,
    /// Maximum number of receives.
    pub receives: u32,
}

impl<E: Envelope> Queue<E> {
    /// Creates the queue and its dead-letter queue, if they do not exist.
    pub async fn create(sqs: Sqs, spec: &QueueSpec) -> Result<Self, QueueError> {
        let redrive = match &spec.dead_letters {
            Some(dead_letters) => {
                let url = create_queue(sqs.client(), &dead_letters.queue, None).await?;
                let arn = arn_of(sqs.client(), &url).await?;
                Some(
                    serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": dead_letters.receives })
                        .to_string(),
                )
            }
            None => None,
        };
        let url = create_queue(sqs.client(), spec, redrive).await?;
        Ok(Self::new(sqs, &url))
    }
}

async fn create_queue(
    client: &aws_sdk_sqs::Client,
    spec: &QueueSpec,
    redrive: Option<String>,
) -> Result<String, QueueError> {
    let mut request = client.create_queue().queue_name(&spec.name);
    for (name, value) in &spec.attributes {
        request = request.attributes(QueueAttributeName::from(name.as_str()), value);
    }
    if let Some(redrive) = redrive {
        request = request.attributes(QueueAttributeName::RedrivePolicy, redrive);
    }
    let created = request.send().await.map_err(QueueError::new)?;
    created.queue_url.ok_or_else(|| QueueError::new("the new queue has no URL"))
}

async fn arn_of(client: &aws_sdk_sqs::Client, url: &str) -> Result<String, QueueError> {
    let request = client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
    let attributes = request.send().await.map_err(QueueError::new)?.attributes;
    let arn = attributes.and_then(|mut all| all.remove(&QueueAttributeName::QueueArn));
    arn.ok_or_else(|| QueueError::new("the dead-letter queue has no ARN"))
}
