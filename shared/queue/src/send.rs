//! Sending envelopes.

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use crate::{Envelope, Queue, QueueError};

/// Messages in a batch: SQS's limit.
const BATCH: usize = 10;

fn body(envelope: &impl Envelope) -> Result<String, QueueError> {
    serde_json::to_string(envelope).map_err(QueueError::new)
}

impl<E: Envelope> Queue<E> {
    pub async fn send(&self, envelope: &E) -> Result<(), QueueError> {
        self.sqs
            .client()
            .send_message()
            .queue_url(&*self.url)
            .message_body(body(envelope)?)
            .message_group_id(envelope.group())
            .message_deduplication_id(envelope.deduplication_id())
            .send()
            .await
            .map_err(QueueError::new)?;
        Ok(())
    }

    /// Sends envelopes in order, ten in a request. Fails at the first request that SQS refuses in part. Earlier requests
    /// stay sent; sending all envelopes again is harmless.
    pub async fn send_all(&self, envelopes: &[E]) -> Result<(), QueueError> {
        for batch in envelopes.chunks(BATCH) {
            if let [envelope] = batch {
                self.send(envelope).await?;
                continue;
            }
            let mut request = self.sqs.client().send_message_batch().queue_url(&*self.url);
            for (number, envelope) in batch.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(number.to_string())
                    .message_body(body(envelope)?)
                    .message_group_id(envelope.group())
                    .message_deduplication_id(envelope.deduplication_id())
                    .build()
                    .map_err(QueueError::new)?;
                request = request.entries(entry);
            }
            let answer = request.send().await.map_err(QueueError::new)?;
            if let Some(failure) = answer.failed.first() {
                return Err(QueueError::refused(failure));
            }
        }
        Ok(())
    }
}
