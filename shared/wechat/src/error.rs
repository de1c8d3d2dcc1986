//! What went wrong, said as what to do about it.

use std::time::Duration;

/// A failed call to the chat network. The kind decides what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The session has ended: another login replaced it, the phone ended it, or its cookie died. A new login is needed.
    #[error("the session has ended (code {code})")]
    LoggedOut { code: i64 },
    /// This account may not use this way of logging in (1203).
    #[error("the account may not log in this way: {reason}")]
    Refused { reason: String },
    /// Too much, too fast: wait this long, then go on.
    #[error("rate limited for {} s", after.as_secs())]
    RateLimited { after: Duration },
    /// Network trouble, a time-out or a 5xx: the same call may succeed later. `sent` tells whether the request may
    /// have reached the server.
    #[error("temporary failure: {reason}")]
    Transient { reason: String, sent: bool },
    /// An answer that makes no sense, or a refusal of this one call: repeating it does not help.
    #[error("unexpected answer: {reason}")]
    Protocol { reason: String },
}
