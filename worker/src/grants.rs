//! The AWS operations that the worker may call.

use boot::{
    Grant::{self, Commands, DueIndex, Inbound, Media, Table},
    MediaOperation::{AbortMultipartUpload, GetObject, ListBucket, PutObject},
    QueueOperation::{ChangeMessageVisibility, DeleteMessage, ReceiveMessage, SendMessage},
    TableOperation::{BatchGetItem, BatchWriteItem, GetItem, PutItem, Query, UpdateItem},
};

/// The worker's role in `template.yaml` allows exactly these.
pub const GRANTS: &[Grant] = &[
    Table(BatchGetItem),
    Table(BatchWriteItem),
    Table(GetItem),
    Table(PutItem),
    Table(Query),
    Table(UpdateItem),
    DueIndex(Query),
    Inbound(SendMessage),
    Commands(ChangeMessageVisibility),
    Commands(DeleteMessage),
    Commands(ReceiveMessage),
    Media(AbortMultipartUpload),
    Media(GetObject),
    Media(ListBucket),
    Media(PutObject),
];
