//! Receiving messages, deleting them and returning them to the queue.

use std::time::Duration;

use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry,
    MessageSystemAttributeName::{self, MessageGroupId, SentTimestamp},
};
use jiff::Timestamp;

use crate::{Envelope, Queue, QueueError};

/// SQS's maximum visibility time-out, in seconds.
const MAX_VISIBILITY: u64 = 12 * 3600;

/// A received message. Other receivers do not get it until its visibility time-out ends.
#[derive(Debug, Clone)]
pub struct Received {
    /// SQS's message id.
    pub id: String,
    /// An envelope as JSON. Parse each message separately, so that an invalid body does not affect others.
    pub body: String,
    pub receipt: String,
    /// The message group.
    pub group: Option<String>,
    /// Time of sending on SQS's clock.
    pub sent: Option<Timestamp>,
}

/// Parses SQS's `SentTimestamp`: milliseconds since the epoch.
pub fn sent_at(attribute: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(attribute.parse().ok()?).ok()
}

impl<E: Envelope> Queue<E> {
    /// Up to ten messages. Waits up to `wait`, 20 s at most, for the first.
    pub async fn receive(&self, wait: Duration) -> Result<Vec<Received>, QueueError> {
        let answer = self
            .sqs
            .client()
            .receive_message()
            .queue_url(&*self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(i32::try_from(wait.as_secs().min(20)).unwrap_or(20))
            .message_system_attribute_names(MessageGroupId)
            .message_system_attribute_names(SentTimestamp)
            .send()
            .await
            .map_err(QueueError::new)?;
        let received = |mut message: aws_sdk_sqs::types::Message| {
            let mut attributes = message.attributes.take().unwrap_or_default();
            let mut attribute = |name: MessageSystemAttributeName| attributes.remove(&name);
            Some(Received {
                group: attribute(MessageGroupId),
                sent: attribute(SentTimestamp).and_then(|sent| sent_at(&sent)),
                id: message.message_id?,
                body: message.body?,
                receipt: message.receipt_handle?,
            })
        };
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(received).collect())
    }

    /// Deletes up to ten handled messages. Fails if one of them was not deleted; repeating it is harmless.
    pub async fn delete(&self, receipts: &[&str]) -> Result<(), QueueError> {
        match receipts {
            [] => return Ok(()),
            [receipt] => {
                let request = self.sqs.client().delete_message().queue_url(&*self.url).receipt_handle(*receipt);
                return request.send().await.map(drop).map_err(QueueError::new);
            }
            _ => {}
        }
        let mut request = self.sqs.client().delete_message_batch().queue_url(&*self.url);
        for (number, receipt) in receipts.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string()).receipt_handle(*receipt);
            request = request.entries(entry.build().map_err(QueueError::new)?);
        }
        let answer = request.send().await.map_err(QueueError::new)?;
        match answer.failed.first() {
            Some(failure) => Err(QueueError::refused(failure)),
            None => Ok(()),
        }
    }

    /// Returns a message to the queue, which makes it visible after `pause`: whole seconds rounded up, twelve hours at
    /// most. The receive counts towards the dead-letter limit.
    pub async fn give_back(&self, receipt: &str, pause: Duration) -> Result<(), QueueError> {
        let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        self.sqs
            .client()
            .change_message_visibility()
            .queue_url(&*self.url)
            .receipt_handle(receipt)
            .visibility_timeout(i32::try_from(seconds.min(MAX_VISIBILITY)).unwrap_or(i32::MAX))
            .send()
            .await
            .map(drop)
            .map_err(QueueError::new)
    }

    /// SQS's estimate of the number of messages, including received ones that were not deleted.
    pub async fn depth(&self) -> Result<u64, QueueError> {
        use aws_sdk_sqs::types::QueueAttributeName::{
            ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible,
        };
        let answer = self
            .sqs
            .client()
            .get_queue_attributes()
            .queue_url(&*self.url)
            .attribute_names(ApproximateNumberOfMessages)
            .attribute_names(ApproximateNumberOfMessagesNotVisible)
            .send()
            .await
            .map_err(QueueError::new)?;
        Ok(answer.attributes.unwrap_or_default().values().filter_map(|count| count.parse::<u64>().ok()).sum())
    }
}
