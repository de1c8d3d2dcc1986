//! What the ledger can answer besides what was asked for. "Not there" is no error: look-ups return `Option`.

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote first; nothing was written.
    #[error("the row was changed by somebody else")]
    Conflict,
    /// The service did not answer, or refused for now. Whether a write was applied is not known.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
    /// A row that this version cannot read.
    #[error("the row {key} cannot be read: {reason}")]
    Corrupt { key: String, reason: String },
}

impl StoreError {
    /// Sorts an SDK error: a failed condition is a conflict, anything else means that the ledger is not there for us.
    /// What cancelled a transaction is looked at by [`Store::transact`](crate::Store::transact).
    pub(crate) fn from_sdk<E>(error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match error.code() {
            Some("ConditionalCheckFailedException") => Self::Conflict,
            _ => Self::Unavailable(DisplayErrorContext(error).to_string()),
        }
    }
}

/// Turns a failed condition into `false`, keeping other failures.
pub(crate) fn applied(result: Result<(), StoreError>) -> Result<bool, StoreError> {
    match result {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}
