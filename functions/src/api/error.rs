//! Every way an endpoint can fail, and the one place that gives it a status, a code and a sentence. A failure below
//! 500 is the caller's to mend, so it says what is wrong; from 500 on the answer is fixed and the cause goes to the log.

use std::collections::BTreeMap;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use domain::{error::chain, secret::CannotOpen};
use http::{HeaderValue, StatusCode, header};
use queue::QueueError;
use serde::Serialize;
use store::StoreError;

/// What is wrong with which parameter.
pub type Fields = BTreeMap<&'static str, String>;

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Unknown app, wrong secret, wrong signature, stale timestamp: told apart only where that helps nobody guess.
    #[error("The credentials are missing, wrong or out of date.")]
    Unauthorized(Fields),
    #[error("A parameter is missing or malformed.")]
    Invalid(Fields),
    /// A body that is no JSON object, form, or anything else we read.
    #[error("The body cannot be read: {0}.")]
    Malformed(String),
    #[error("Only messages of type text can be sent so far.")]
    UnsupportedMsgType,
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    #[error("There is no such page.")]
    InvalidPage,
    #[error("This method is not allowed here.")]
    MethodNotAllowed,
    #[error("The app is not online: log in first.")]
    SessionOffline,
    #[error("The app is bound to another account; an administrator can unbind it.")]
    AccountMismatch,
    #[error("This Idempotency-Key was used for another message.")]
    IdempotencyConflict,
    #[error("The request is too large: {0}.")]
    TooLarge(&'static str),
    /// No worker took the job in time.
    #[error("The worker did not answer in time; try again soon.")]
    WorkerUnavailable,
    #[error("WeChat did not let the login begin: {0}.")]
    LoginFailed(String),
    #[error("The service is not available; try again soon.")]
    Store(#[from] StoreError),
    #[error("The service is not available; try again soon.")]
    Queue(#[from] QueueError),
    /// A secret that this deployment's key does not open, or something else that cannot be.
    #[error("Something went wrong here.")]
    Internal(String),
}

impl From<CannotOpen> for ApiError {
    fn from(error: CannotOpen) -> Self {
        Self::Internal(error.to_string())
    }
}

impl ApiError {
    /// One parameter at fault.
    pub fn field(name: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid(Fields::from([(name, why.into())]))
    }

    fn meaning(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid_parameter"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "invalid_body"),
            Self::UnsupportedMsgType => (StatusCode::BAD_REQUEST, "unsupported_msg_type"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::InvalidPage => (StatusCode::NOT_FOUND, "invalid_page"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::SessionOffline => (StatusCode::CONFLICT, "session_offline"),
            Self::AccountMismatch => (StatusCode::CONFLICT, "account_mismatch"),
            Self::IdempotencyConflict => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_conflict"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::WorkerUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "worker_unavailable"),
            Self::LoginFailed(_) => (StatusCode::SERVICE_UNAVAILABLE, "login_failed"),
            Self::Store(StoreError::Conflict | StoreError::Unavailable(_)) | Self::Queue(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Self::Store(StoreError::Corrupt { .. }) | Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        }
    }

    fn log(&self) {
        match self {
            Self::Store(error) => tracing::error!(error = %chain(error), "the ledger failed a request"),
            Self::Queue(error) => tracing::error!(error = %chain(error), "the queue failed a request"),
            Self::Internal(error) => tracing::error!(error = %error, "a request failed"),
            Self::WorkerUnavailable => tracing::warn!("no worker took a job in time"),
            _ => {}
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    success: bool,
    code: &'static str,
    errmsg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a Fields>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let (status, code) = self.meaning();
        let fields = match &self {
            Self::Unauthorized(fields) | Self::Invalid(fields) => Some(fields).filter(|fields| !fields.is_empty()),
            _ => None,
        };
        let body = Body { success: false, code, errmsg: self.to_string(), fields };
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
