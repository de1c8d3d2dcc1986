//! A failed call, classified by what the caller does next.

use std::time::Duration;

/// A failed call to a channel. The variant, not the caller, decides what happens next.
///
/// A reason names the call and what happened to it. It contains no address, key or cookie, and nothing that a person
/// wrote: it is logged, and shown to the app's owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The session has ended at the network: another login replaced it, the phone ended it, or its credentials expired.
    /// A new login is needed.
    #[error("the session has ended (code {code})")]
    LoggedOut { code: i64 },
    /// The network does not let this account log in this way.
    #[error("the account may not log in this way: {reason}")]
    Refused { reason: String },
    /// Too many requests: wait this long, then continue.
    #[error("rate limited for {} s", after.as_secs())]
    RateLimited { after: Duration },
    /// A network failure, a time-out or a server error: the same call may succeed later. `sent` says whether the request
    /// may have reached the server.
    #[error("temporary failure: {reason}")]
    Transient { reason: String, sent: bool },
    /// The network accepted a message but did not confirm it with an id. The message may or may not appear; sending it
    /// again may show it twice.
    #[error("accepted without confirmation: {reason}")]
    Unconfirmed { reason: String },
    /// An answer that cannot be understood, or a refusal of this one call: repeating it does not help.
    #[error("unexpected answer: {reason}")]
    Protocol { reason: String },
}
