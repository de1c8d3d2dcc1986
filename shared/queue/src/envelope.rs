//! The queues' messages.

use domain::{
    id::{AppId, JobId, Seq},
    puid::Puid,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A message of a FIFO queue.
pub trait Envelope: Serialize + DeserializeOwned + Send + Sync {
    /// Messages of a group are received in order.
    fn group(&self) -> String;
    /// SQS drops a second message with the same id within five minutes.
    fn deduplication_id(&self) -> String;
}

/// A message to deliver to the callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundEnvelope {
    pub app: AppId,
    pub chat: Puid,
    pub seq: Seq,
}

impl Envelope for InboundEnvelope {
    fn group(&self) -> String {
        format!("{}.{}", self.app, self.chat)
    }

    fn deduplication_id(&self) -> String {
        format!("{}.{}", self.app, self.seq)
    }
}

/// A job for the worker of the app's shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnvelope {
    pub app: AppId,
    pub job: JobId,
}

impl Envelope for CommandEnvelope {
    fn group(&self) -> String {
        self.app.to_string()
    }

    fn deduplication_id(&self) -> String {
        self.job.to_string()
    }
}
