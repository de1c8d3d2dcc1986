//! Failures of the bucket. "Not there" is none of them: look-ups return `Option`.

use std::error::Error;

/// What made a request fail.
pub type Cause = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The service did not answer, or refused the request. A write may have been applied or not.
    #[error("the media bucket is not available")]
    Unavailable(#[source] Cause),
}

impl MediaError {
    pub(crate) fn unavailable(error: impl Into<Cause>) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Why a stream of bytes was not stored. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum PutError<E> {
    /// The source of the bytes failed.
    #[error(transparent)]
    Source(E),
    /// There are no bytes.
    #[error("there are no bytes")]
    Empty,
    /// There are more bytes than allowed.
    #[error("more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error(transparent)]
    Store(#[from] MediaError),
}
