//! Failures of the ledger. "Not there" is none of them: look-ups return `Option`.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// What made a request fail; see [`domain::error::chain`] for its text.
pub type Cause = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A conditional write did not apply: another writer was first.
    #[error("another writer changed the row first")]
    Conflict,
    /// The service did not answer, or cannot serve the request now. A write may have been applied or not.
    #[error("the ledger is not available")]
    Unavailable(#[source] Cause),
    /// The service refused the request for what it contains, a row that is too large for example. Nothing was written, and
    /// repeating the request does not help.
    #[error("the ledger refused the request")]
    Refused(#[source] Cause),
    /// A row that this version cannot read or write.
    #[error("row {key} cannot be read")]
    Corrupt { key: String, source: Cause },
}

/// DynamoDB's codes for a request that it will never accept.
const REFUSALS: [&str; 3] =
    ["ValidationException", "ItemCollectionSizeLimitExceededException", "SerializationException"];

impl StoreError {
    /// A failed condition is a conflict, and a refusal stays one; any other failure of the SDK means that the ledger is not
    /// available. [`Store::transact`](crate::Store::transact) reads the reasons of a cancelled transaction.
    pub(crate) fn from_sdk<E>(error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match error.code() {
            Some("ConditionalCheckFailedException") => Self::Conflict,
            Some(code) if REFUSALS.contains(&code) => Self::Refused(error.into()),
            _ => Self::Unavailable(error.into()),
        }
    }

    pub(crate) fn corrupt(key: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Corrupt { key: key.into(), source: source.into() }
    }
}

/// Turns a conflict into `false`; keeps other failures.
pub(crate) fn applied(result: Result<(), StoreError>) -> Result<bool, StoreError> {
    match result {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}
