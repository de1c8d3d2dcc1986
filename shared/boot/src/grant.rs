//! The AWS operations that a role of `template.yaml` allows, as the code declares them.

use std::fmt;

/// An operation on a resource of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// On the ledger's rows. A transaction needs the grants of its writes.
    Table(TableOperation),
    /// On the index `due`.
    DueIndex(TableOperation),
    /// On the inbound queue.
    Inbound(QueueOperation),
    /// On the command queue of every shard.
    Commands(QueueOperation),
    /// On the bucket of media and its objects.
    Media(MediaOperation),
}

/// An operation of DynamoDB, by its name in IAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableOperation {
    BatchGetItem,
    BatchWriteItem,
    ConditionCheckItem,
    DeleteItem,
    GetItem,
    PutItem,
    Query,
    UpdateItem,
}

/// An operation of SQS, by its name in IAM. It covers the operation's batch form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueueOperation {
    ChangeMessageVisibility,
    DeleteMessage,
    GetQueueAttributes,
    ReceiveMessage,
    SendMessage,
}

/// An operation of S3, by its name in IAM. `HeadObject` needs `GetObject`, and `ListBucket` to tell that an object does
/// not exist; the steps of a multipart upload need `PutObject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MediaOperation {
    AbortMultipartUpload,
    GetObject,
    ListBucket,
    PutObject,
}

/// The IAM action and its resource: `dynamodb:GetItem on table`.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(operation) => write!(f, "dynamodb:{operation:?} on table"),
            Self::DueIndex(operation) => write!(f, "dynamodb:{operation:?} on index"),
            Self::Inbound(operation) => write!(f, "sqs:{operation:?} on inbound"),
            Self::Commands(operation) => write!(f, "sqs:{operation:?} on commands"),
            Self::Media(operation) => write!(f, "s3:{operation:?} on media"),
        }
    }
}
