//! Failures of Web WeChat as [`Error`]s.
//!
//! A reason names the call and what happened to it. It never contains an address, because addresses carry the session's
//! keys in their query, and never a cookie, a key or text that a person wrote.

use std::time::Duration;

use channel::Error;

/// The pause after code 1205, "operate too often". WeChat does not say how long to wait. It restricted accounts that
/// continued at once for hours. A caller that is limited again right after the pause should wait longer each time.
const RATE_LIMIT: Duration = Duration::from_mins(1);

/// Code 1203: the account may not log in this way. Another mode of login may work.
pub(crate) const LOGIN_REFUSED: i64 = 1203;
/// Code 1205: too many requests.
pub(crate) const TOO_OFTEN: i64 = 1205;

/// The meaning of a `Ret` or `retcode` other than 0. Source: the codes that openwechat names.
pub(crate) fn code_error(call: &str, code: i64) -> Error {
    match code {
        1100..=1102 => Error::LoggedOut { code },
        LOGIN_REFUSED => Error::Refused { reason: format!("{call}: code {code}") },
        TOO_OFTEN => Error::RateLimited { after: RATE_LIMIT },
        // "sys error": a failure inside the server.
        -1 => Error::Transient { reason: format!("{call}: code -1"), sent: true },
        _ => Error::Protocol { reason: format!("{call}: code {code}") },
    }
}

/// An answer to `call` that is not as expected.
pub(crate) fn protocol_error(call: &str, what: &str) -> Error {
    Error::Protocol { reason: format!("{call}: {what}") }
}

/// A stored ticket, cursor or set of credentials that was not written by this crate.
pub(crate) fn unreadable(what: &str) -> Error {
    Error::Protocol { reason: format!("the {what} cannot be read") }
}

/// A `call` without an answer.
pub(crate) fn request_error(call: &str, error: &reqwest::Error) -> Error {
    let what = match error {
        _ if error.is_builder() => return protocol_error(call, "the request cannot be built"),
        _ if error.is_connect() => "no connection",
        _ if error.is_timeout() => "time-out",
        _ => "the connection broke",
    };
    Error::Transient { reason: format!("{call}: {what}"), sent: !error.is_connect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_determines_the_kind_of_error() {
        for code in [1100, 1101, 1102] {
            assert_eq!(code_error("webwxsync", code), Error::LoggedOut { code });
        }
        assert!(matches!(code_error("webwxsendmsg", 1205), Error::RateLimited { .. }));
        assert!(matches!(code_error("webwxnewloginpage", 1203), Error::Refused { .. }));
        assert!(matches!(code_error("webwxsync", -1), Error::Transient { sent: true, .. }));
        assert_eq!(code_error("webwxsendmsg", 1).to_string(), "unexpected answer: webwxsendmsg: code 1");
    }
}
