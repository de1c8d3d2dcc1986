//! What went wrong, said as what to do about it.
//!
//! A reason names the call and what happened to it, never an address, a cookie, a key or anything a person wrote: the
//! addresses carry the session's keys in their query.

use std::time::Duration;

/// How long to be quiet after 1205, "operate too often". WeChat names no time; accounts that went on at once were
/// restricted for hours. Who meets it again right afterwards should wait longer each time.
const RATE_LIMIT: Duration = Duration::from_mins(1);

/// A failed call to the chat network. The kind decides what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The session has ended: another login replaced it, the phone ended it, or its cookie died. A new login is needed.
    #[error("the session has ended (code {code})")]
    LoggedOut { code: i64 },
    /// This account may not use this way of logging in (1203): another [`crate::LoginMode`] may be open to it.
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

impl Error {
    /// The meaning of a `Ret` or `retcode` other than 0; the codes are those that openwechat names.
    pub(crate) fn from_code(call: &str, code: i64) -> Self {
        match code {
            1100..=1102 => Self::LoggedOut { code },
            1203 => Self::Refused { reason: format!("{call}: code 1203") },
            1205 => Self::RateLimited { after: RATE_LIMIT },
            // "sys error": the server's own trouble.
            -1 => Self::Transient { reason: format!("{call}: code -1"), sent: true },
            _ => Self::Protocol { reason: format!("{call}: code {code}") },
        }
    }

    /// An answer to `call` that is not what it should be.
    pub(crate) fn protocol(call: &str, what: &str) -> Self {
        Self::Protocol { reason: format!("{call}: {what}") }
    }

    /// What became of `call` when no answer came.
    pub(crate) fn from_request(call: &str, error: &reqwest::Error) -> Self {
        let what = match error {
            _ if error.is_builder() => return Self::protocol(call, "the request cannot be built"),
            _ if error.is_connect() => "no connection",
            _ if error.is_timeout() => "time-out",
            _ => "the connection broke",
        };
        Self::Transient { reason: format!("{call}: {what}"), sent: !error.is_connect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_to_do() {
        for code in [1100, 1101, 1102] {
            assert_eq!(Error::from_code("webwxsync", code), Error::LoggedOut { code });
        }
        assert!(matches!(Error::from_code("webwxsendmsg", 1205), Error::RateLimited { .. }));
        assert!(matches!(Error::from_code("webwxnewloginpage", 1203), Error::Refused { .. }));
        assert!(matches!(Error::from_code("webwxsync", -1), Error::Transient { sent: true, .. }));
        assert_eq!(Error::from_code("webwxsendmsg", 1).to_string(), "unexpected answer: webwxsendmsg: code 1");
    }
}
