//! Several writes as one.

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::{
    Store, StoreError,
    contention::{CONDITION, cancellation_codes},
};

impl Store {
    /// Carries out all of the writes or none; [`StoreError::Conflict`] when a condition does not hold. The SDK gives
    /// each call a token, by which DynamoDB knows its repetition: one whose answer was lost is not done twice, and does
    /// not meet its own traces.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<(), StoreError> {
        let result = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        let Err(error) = result else { return Ok(()) };
        let refused = error.as_service_error().is_some_and(|error| cancellation_codes(error).contains(&CONDITION));
        Err(if refused { StoreError::Conflict } else { StoreError::from_sdk(error) })
    }
}
