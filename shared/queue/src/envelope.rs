//! What travels.

use domain::{
    id::{AppId, JobId, Seq},
    puid::Puid,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a FIFO queue must know of its messages.
pub trait Envelope: Serialize + DeserializeOwned + Send + Sync {
    /// Messages of one group keep their order.
    fn group(&self) -> String;
    /// A second message with the same id within five minutes is dropped.
    fn deduplication_id(&self) -> String;
}

/// A log row that is to be delivered to the callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundEnvelope {
    pub app: AppId,
    pub chat: Puid,
    /// The row's number in the app's log.
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

/// A job for the worker.
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
