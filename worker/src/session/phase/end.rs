//! The end of a login or a session.

use channel::{Connection, Error};
use domain::session::EndReason;

/// Ends a session at the network, if the network still answers.
pub(super) async fn close(connection: &mut dyn Connection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "logout not confirmed by WeChat; the credentials are dropped all the same");
    }
}

/// Why a login ended that a channel's error has ended.
pub(super) fn end_reason(error: &Error) -> EndReason {
    match error {
        Error::Refused { reason } => EndReason::Refused { reason: reason.clone() },
        Error::LoggedOut { code } => EndReason::EndedByWeChat { code: *code },
        Error::RateLimited { .. } | Error::Transient { .. } | Error::Unconfirmed { .. } | Error::Protocol { .. } => {
            EndReason::Failed { reason: error.to_string() }
        }
    }
}
