//! Writes that collide with a transaction on the same row.

use aws_sdk_dynamodb::{
    config::{
        interceptors::InterceptorContext,
        retry::{ClassifyRetry, RetryAction},
    },
    operation::{
        delete_item::DeleteItemError, put_item::PutItemError, transact_write_items::TransactWriteItemsError,
        update_item::UpdateItemError,
    },
};

/// Codes of a cancelled transaction that a retry may resolve.
const TRANSIENT: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// Makes the SDK retry a write that DynamoDB refused because of a transaction on the same row. The SDK does not retry it
/// by default.
#[derive(Debug)]
pub(crate) struct RetryContention;

impl ClassifyRetry for RetryContention {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let Some(error) = error.as_operation_error() else { return RetryAction::NoActionIndicated };
        let contended = if let Some(error) = error.downcast_ref::<TransactWriteItemsError>() {
            let codes = cancellation_codes(error);
            !codes.contains(&CONDITION) && codes.iter().any(|code| TRANSIENT.contains(code))
        } else {
            matches!(error.downcast_ref(), Some(UpdateItemError::TransactionConflictException(_)))
                || matches!(error.downcast_ref(), Some(PutItemError::TransactionConflictException(_)))
                || matches!(error.downcast_ref(), Some(DeleteItemError::TransactionConflictException(_)))
        };
        if contended { RetryAction::transient_error() } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "contention on a row"
    }
}

/// The code of a write in a transaction whose condition failed.
pub(crate) const CONDITION: &str = "ConditionalCheckFailed";

/// The code of a write in a transaction that DynamoDB will never accept.
pub(crate) const VALIDATION: &str = "ValidationError";

/// The reasons why DynamoDB cancelled a transaction: a code for each of its writes.
pub(crate) fn cancellation_codes(error: &TransactWriteItemsError) -> Vec<&str> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return Vec::new() };
    cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect()
}
