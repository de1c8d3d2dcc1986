//! What transfers of bytes have in common.

use std::time::Duration;

use bytes::Bytes;
use channel::Error;
use futures_util::{Stream, StreamExt, stream};
use media::MediaError;
use tokio::time::timeout;

/// Why bytes were not transferred. The text is shown to the app's owner.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Another attempt may succeed, after this pause at least.
    #[error("{why}")]
    Passing { why: String, pause: Duration },
    /// No attempt will succeed.
    #[error("{why}")]
    Lasting { why: String },
    #[error("the media bucket is not available")]
    BucketUnavailable(#[source] MediaError),
    /// The channel says that the session has ended.
    #[error("the session has ended")]
    LoggedOut { code: i64 },
}

impl Failure {
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self::Passing { why: why.into(), pause: Duration::ZERO }
    }

    pub(super) fn lasting(why: impl Into<String>) -> Self {
        Self::Lasting { why: why.into() }
    }

    pub(super) fn stalled(idle: Duration) -> Self {
        Self::passing(format!("no bytes for {} s", idle.as_secs()))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::LoggedOut { code } => Self::LoggedOut { code },
            Error::RateLimited { after } => Self::Passing { why: error.to_string(), pause: after },
            Error::Transient { .. } => Self::passing(error.to_string()),
            Error::Refused { .. } | Error::Unconfirmed { .. } | Error::Protocol { .. } => {
                Self::lasting(error.to_string())
            }
        }
    }
}

impl From<MediaError> for Failure {
    fn from(error: MediaError) -> Self {
        Self::BucketUnavailable(error)
    }
}

/// The bytes; an error ends them once none come for the time `idle`.
pub(super) fn unless_stalled<S, E>(
    bytes: S,
    idle: Duration,
    failure: impl Fn(E) -> Failure + Send,
) -> impl Stream<Item = Result<Bytes, Failure>> + Send
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
    E: Send,
{
    stream::unfold((Some(bytes), failure), move |(bytes, failure)| async move {
        let mut bytes = bytes?;
        match timeout(idle, bytes.next()).await {
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), (Some(bytes), failure))),
            Ok(Some(Err(error))) => Some((Err(failure(error)), (None, failure))),
            Ok(None) => None,
            Err(_) => Some((Err(Failure::stalled(idle)), (None, failure))),
        }
    })
}
