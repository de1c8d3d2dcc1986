//! The failures that an operation answers with.

use super::{Auth, Operation};
use crate::api::endpoint::Method;

/// A status and a code of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Failure {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) when: &'static str,
}

impl Failure {
    const INVALID_PARAMETER: Self =
        Self::new(400, "invalid_parameter", "a parameter is missing or wrong; `fields` says which and why");
    const INVALID_BODY: Self =
        Self::new(400, "invalid_body", "the body is not what its content type says, or of a type that is not accepted");
    const UNAUTHORIZED: Self = Self::new(401, "unauthorized", "the credentials are missing, wrong or out of date");
    const TOO_LARGE: Self = Self::new(413, "too_large", "the body or the text is too large");
    const UNSUPPORTED_BY_CHANNEL: Self = Self::new(422, "unsupported_by_channel", "the app's channel cannot do this");
    const INTERNAL: Self = Self::new(500, "internal", "a defect of the relay");
    const UNAVAILABLE: Self = Self::new(
        503,
        "unavailable",
        "the ledger, a queue or the bucket cannot be reached; `Retry-After` says when to try again",
    );
    pub(crate) const NOT_FOUND: Self = Self::new(404, "not_found", "what the path or a parameter names does not exist");
    pub(crate) const INVALID_PAGE: Self = Self::new(404, "invalid_page", "`page` is not a number, or past the end");
    pub(crate) const SESSION_OFFLINE: Self = Self::new(409, "session_offline", "the app is not online: log in first");
    pub(crate) const ACCOUNT_MISMATCH: Self = Self::new(409, "account_mismatch", "the app is bound to another account");
    pub(crate) const UNSUPPORTED_MSG_TYPE: Self =
        Self::new(422, "unsupported_by_channel", "the app's channel cannot send messages of this type");
    pub(crate) const NOT_SENT: Self = Self::new(409, "not_sent", "the message is not sent");
    pub(crate) const TOO_LATE: Self = Self::new(409, "too_late", "the message was sent more than two minutes ago");
    pub(crate) const IDEMPOTENCY_CONFLICT: Self =
        Self::new(422, "idempotency_conflict", "this `Idempotency-Key` was used for another message");
    pub(crate) const WORKER_UNAVAILABLE: Self =
        Self::new(503, "worker_unavailable", "the worker did not answer in time");
    pub(crate) const LOGIN_FAILED: Self = Self::new(503, "login_failed", "WeChat did not let the login begin");

    const fn new(status: u16, code: &'static str, when: &'static str) -> Self {
        Self { status, code, when }
    }

    /// Every failure of the operation, by status. `needs`: whether the app's channel must be able to do something.
    pub(super) fn of(operation: &Operation, needs: bool) -> Vec<Self> {
        let mut failures = operation.failures.to_vec();
        if operation.auth != Auth::None {
            failures.extend([Self::INVALID_PARAMETER, Self::UNAUTHORIZED, Self::INTERNAL, Self::UNAVAILABLE]);
        }
        if operation.method == Method::Post {
            failures.extend([Self::INVALID_BODY, Self::TOO_LARGE]);
        }
        if needs {
            failures.push(Self::UNSUPPORTED_BY_CHANNEL);
        }
        failures.sort();
        failures.dedup();
        failures
    }
}
