//! Transactions.

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::{
    Store, StoreError,
    contention::{CONDITION, VALIDATION, cancellation_codes},
};

impl Store {
    /// Applies all writes or none. [`StoreError::Conflict`] if a condition fails, [`StoreError::Refused`] if DynamoDB will
    /// never accept one of the writes. The SDK sends an idempotency token, so
    /// that DynamoDB recognises the repetition of a request whose response was lost.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<(), StoreError> {
        let result = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        let Err(error) = result else { return Ok(()) };
        let codes = error.as_service_error().map(cancellation_codes).unwrap_or_default();
        Err(if codes.contains(&CONDITION) {
            StoreError::Conflict
        } else if codes.contains(&VALIDATION) {
            StoreError::Refused(error.into())
        } else {
            StoreError::from_sdk(error)
        })
    }
}
