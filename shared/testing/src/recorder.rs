//! Which AWS operations the code under test calls.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, interceptors::BeforeSerializationInterceptorContextRef},
    error::BoxError,
    operation::{
        batch_get_item::BatchGetItemInput, batch_write_item::BatchWriteItemInput, delete_item::DeleteItemInput,
        get_item::GetItemInput, put_item::PutItemInput, query::QueryInput,
        transact_write_items::TransactWriteItemsInput, update_item::UpdateItemInput,
    },
    types::TransactWriteItem,
};
use aws_sdk_s3::operation::{
    abort_multipart_upload::AbortMultipartUploadInput, complete_multipart_upload::CompleteMultipartUploadInput,
    create_multipart_upload::CreateMultipartUploadInput, get_object::GetObjectInput, head_object::HeadObjectInput,
    put_object::PutObjectInput, upload_part::UploadPartInput,
};
use aws_sdk_sqs::operation::{
    change_message_visibility::ChangeMessageVisibilityInput, delete_message::DeleteMessageInput,
    delete_message_batch::DeleteMessageBatchInput, get_queue_attributes::GetQueueAttributesInput,
    receive_message::ReceiveMessageInput, send_message::SendMessageInput, send_message_batch::SendMessageBatchInput,
};
use boot::{
    Grant,
    MediaOperation::{self, AbortMultipartUpload, GetObject, ListBucket, PutObject},
    QueueOperation::{ChangeMessageVisibility, DeleteMessage, GetQueueAttributes, ReceiveMessage, SendMessage},
    Settings,
    TableOperation::{
        self, BatchGetItem, BatchWriteItem, ConditionCheckItem, DeleteItem, GetItem, PutItem, Query, UpdateItem,
    },
};

/// Records, as the grant that it needs, every request of the relay of [`Fixture::recorded`](crate::Fixture::recorded). A
/// clone is the same recorder.
#[derive(Debug, Clone)]
pub struct Recorder {
    names: Arc<Names>,
    called: Arc<Mutex<BTreeSet<Grant>>>,
}

impl Recorder {
    pub(crate) fn new(settings: &Settings) -> Self {
        let names = Names {
            table: settings.table.clone(),
            inbound: settings.inbound_queue.clone(),
            commands: settings.command_queues.clone(),
            bucket: settings.media_bucket.clone(),
        };
        Self { names: Arc::new(names), called: Arc::default() }
    }

    /// Removes and returns the grants that the requests so far needed.
    pub fn take(&self) -> BTreeSet<Grant> {
        std::mem::take(&mut *self.called.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fails if a request since the last [`take`](Self::take) needed a grant that is not among `granted`. Returns the
    /// grants that were needed.
    ///
    /// # Panics
    /// When a grant is missing.
    pub fn take_within(&self, granted: &[Grant], role: &str) -> BTreeSet<Grant> {
        let called = self.take();
        let missing: Vec<String> = called.iter().filter(|call| !granted.contains(call)).map(Grant::to_string).collect();
        assert!(missing.is_empty(), "{role} calls what its GRANTS lack: {}", missing.join(", "));
        called
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let grants = self.names.grants(context);
        self.called.lock().unwrap_or_else(PoisonError::into_inner).extend(grants);
        Ok(())
    }
}

/// How requests name the deployment's resources.
#[derive(Debug)]
struct Names {
    table: String,
    /// URLs.
    inbound: String,
    commands: Vec<String>,
    bucket: String,
}

/// The value of the first arm whose type the input has.
macro_rules! match_input {
    ($input:expr, $($name:ident: $type:ty => $value:expr,)*) => {
        $(if let Some($name) = $input.downcast_ref::<$type>() { $value } else)* {
            panic!("the recorder does not know which grant this request needs: {:?}", $input)
        }
    };
}

impl Names {
    fn grants(&self, context: &BeforeSerializationInterceptorContextRef<'_>) -> Vec<Grant> {
        match_input!(context.input(),
            input: BatchGetItemInput => {
                let tables = input.request_items().into_iter().flat_map(|items| items.keys());
                tables.map(|table| self.table(BatchGetItem, Some(table))).collect()
            },
            input: BatchWriteItemInput => {
                let tables = input.request_items().into_iter().flat_map(|items| items.keys());
                tables.map(|table| self.table(BatchWriteItem, Some(table))).collect()
            },
            input: DeleteItemInput => vec![self.table(DeleteItem, input.table_name())],
            input: GetItemInput => vec![self.table(GetItem, input.table_name())],
            input: PutItemInput => vec![self.table(PutItem, input.table_name())],
            input: QueryInput => match (self.table(Query, input.table_name()), input.index_name()) {
                (grant, None) => vec![grant],
                (_, Some("due")) => vec![Grant::DueIndex(Query)],
                (_, Some(index)) => panic!("there is no index {index}"),
            },
            input: TransactWriteItemsInput => {
                input.transact_items().iter().flat_map(|item| self.writes(item)).collect()
            },
            input: UpdateItemInput => vec![self.table(UpdateItem, input.table_name())],
            input: ChangeMessageVisibilityInput => vec![self.queue(ChangeMessageVisibility, input.queue_url())],
            input: DeleteMessageInput => vec![self.queue(DeleteMessage, input.queue_url())],
            input: DeleteMessageBatchInput => vec![self.queue(DeleteMessage, input.queue_url())],
            input: GetQueueAttributesInput => vec![self.queue(GetQueueAttributes, input.queue_url())],
            input: ReceiveMessageInput => vec![self.queue(ReceiveMessage, input.queue_url())],
            input: SendMessageInput => vec![self.queue(SendMessage, input.queue_url())],
            input: SendMessageBatchInput => vec![self.queue(SendMessage, input.queue_url())],
            input: GetObjectInput => vec![self.media(GetObject, input.bucket())],
            input: HeadObjectInput => vec![self.media(GetObject, input.bucket()), self.media(ListBucket, input.bucket())],
            input: PutObjectInput => vec![self.media(PutObject, input.bucket())],
            input: CreateMultipartUploadInput => vec![self.media(PutObject, input.bucket())],
            input: UploadPartInput => vec![self.media(PutObject, input.bucket())],
            input: CompleteMultipartUploadInput => vec![self.media(PutObject, input.bucket())],
            input: AbortMultipartUploadInput => vec![self.media(AbortMultipartUpload, input.bucket())],
        )
    }

    /// The grants of one part of a transaction.
    fn writes(&self, item: &TransactWriteItem) -> Vec<Grant> {
        let parts = [
            item.condition_check().map(|check| (ConditionCheckItem, check.table_name())),
            item.delete().map(|delete| (DeleteItem, delete.table_name())),
            item.put().map(|put| (PutItem, put.table_name())),
            item.update().map(|update| (UpdateItem, update.table_name())),
        ];
        parts.into_iter().flatten().map(|(operation, table)| self.table(operation, Some(table))).collect()
    }

    fn table(&self, operation: TableOperation, name: Option<&str>) -> Grant {
        assert_eq!(name, Some(&*self.table), "there is no other table");
        Grant::Table(operation)
    }

    fn media(&self, operation: MediaOperation, bucket: Option<&str>) -> Grant {
        assert_eq!(bucket, Some(&*self.bucket), "there is no other bucket");
        Grant::Media(operation)
    }

    fn queue(&self, operation: boot::QueueOperation, url: Option<&str>) -> Grant {
        let url = url.unwrap_or_default();
        if url == self.inbound {
            return Grant::Inbound(operation);
        }
        assert!(self.commands.iter().any(|commands| commands == url), "there is no queue {url}");
        Grant::Commands(operation)
    }
}
