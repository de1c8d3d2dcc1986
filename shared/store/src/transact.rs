//! Transactions.

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::{
    Store, StoreError,
    contention::{CONDITION, cancellation_codes},
};

impl Store {
    /// Applies all writes or none. [`StoreError::Conflict`] if a condition fails. The SDK sends an idempotency token, so
    /// that DynamoDB recognises the repetition of a request whose response was lost.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<(), StoreError> {
        let result = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        let Err(error) = result else { return Ok(()) };
        let refused = error.as_service_error().is_some_and(|error| cancellation_codes(error).contains(&CONDITION));
        Err(if refused { StoreError::Conflict } else { StoreError::from_sdk(error) })
    }
}
