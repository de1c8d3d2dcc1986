//! Every failure of an endpoint, and the one place that gives each its status, code and sentence. Below 500 the sentence
//! says what the caller can correct. From 500 on the sentence is fixed and the cause is logged.

use std::collections::BTreeMap;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use domain::{channel::Capability, error::chain, secret::CannotOpen};
use http::{HeaderValue, StatusCode, header};
use media::MediaError;
use queue::QueueError;
use schemars::JsonSchema;
use serde::Serialize;
use store::StoreError;

/// The faults by parameter.
pub type Fields = BTreeMap<&'static str, String>;
/// The faults of parameters that are wrong whatever they mean, under the names that the caller gave.
pub type GivenFields = BTreeMap<String, &'static str>;

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Unknown app, wrong secret, wrong signature or stale timestamp; reported separately only where that does not help an
    /// attacker.
    #[error("The credentials are missing, wrong or out of date.")]
    Unauthorized(Fields),
    #[error("A parameter is missing or malformed.")]
    Invalid(Fields),
    #[error("A parameter cannot be read.")]
    Given(GivenFields),
    /// A body that is neither a JSON object nor a form.
    #[error("The body cannot be read: {0}.")]
    Malformed(String),
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
    #[error("The app's channel {}.", lack(*.0))]
    UnsupportedByChannel(Capability),
    #[error("The app's channel cannot send a message of type {0}.")]
    UnsupportedMedia(&'static str),
    #[error("The request is too large: {0}.")]
    TooLarge(&'static str),
    #[error("The file is too large: it may have {0} bytes.")]
    FileTooLarge(u64),
    #[error("The message is not sent, so it cannot be recalled.")]
    NotSent,
    #[error("A message can be recalled within two minutes only.")]
    TooLate,
    /// No worker claimed the job in time.
    #[error("The worker did not answer in time; try again soon.")]
    WorkerUnavailable,
    #[error("WeChat did not let the login begin: {0}.")]
    LoginFailed(String),
    #[error("The service is not available; try again soon.")]
    Store(#[from] StoreError),
    #[error("The service is not available; try again soon.")]
    Queue(#[from] QueueError),
    #[error("The service is not available; try again soon.")]
    Media(#[from] MediaError),
    /// A secret that the sealing key does not open, or a broken assumption of the code.
    #[error("Something went wrong here.")]
    Internal(String),
}

fn lack(capability: Capability) -> &'static str {
    match capability {
        Capability::Contacts => "does not list contacts",
        Capability::Groups => "has no groups",
        Capability::OfficialAccounts => "has no official accounts",
        Capability::Recall => "cannot recall messages",
        Capability::AcceptFriends => "cannot accept friend requests",
        Capability::Remarks => "cannot set remarks",
        Capability::WriteFirst => "cannot write to a contact who has not written first",
    }
}

impl From<CannotOpen> for ApiError {
    fn from(error: CannotOpen) -> Self {
        Self::Internal(error.to_string())
    }
}

impl ApiError {
    /// A fault in one parameter.
    pub fn field(name: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid(Fields::from([(name, why.into())]))
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Invalid(_) | Self::Given(_) => (StatusCode::BAD_REQUEST, "invalid_parameter"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "invalid_body"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::InvalidPage => (StatusCode::NOT_FOUND, "invalid_page"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::SessionOffline => (StatusCode::CONFLICT, "session_offline"),
            Self::AccountMismatch => (StatusCode::CONFLICT, "account_mismatch"),
            Self::IdempotencyConflict => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_conflict"),
            Self::UnsupportedByChannel(_) | Self::UnsupportedMedia(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "unsupported_by_channel")
            }
            Self::TooLarge(_) | Self::FileTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::NotSent => (StatusCode::CONFLICT, "not_sent"),
            Self::TooLate => (StatusCode::CONFLICT, "too_late"),
            Self::WorkerUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "worker_unavailable"),
            Self::LoginFailed(_) => (StatusCode::SERVICE_UNAVAILABLE, "login_failed"),
            Self::Store(StoreError::Conflict | StoreError::Unavailable(_)) | Self::Queue(_) | Self::Media(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Self::Store(StoreError::Corrupt { .. } | StoreError::Refused(_)) | Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        }
    }

    fn log(&self) {
        match self {
            Self::Store(error) => tracing::error!(error = %chain(error), "ledger request failed"),
            Self::Media(error) => tracing::error!(error = %chain(error), "bucket request failed"),
            Self::Queue(error) => tracing::error!(error = %chain(error), "queue request failed"),
            Self::Internal(error) => tracing::error!(error = %error, "internal error"),
            Self::WorkerUnavailable => tracing::warn!("no worker claimed the job in time"),
            _ => {}
        }
    }
}

/// The body of every error.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(crate) struct Body<'a> {
    #[schemars(extend("const" = false))]
    success: bool,
    /// What went wrong, as one word that does not change.
    code: &'static str,
    /// The same as a sentence for people.
    #[schemars(example = &"The app is not online: log in first.")]
    errmsg: String,
    /// What is wrong with each parameter that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = BTreeMap::from([("puid", "is required")]))]
    fields: Option<BTreeMap<&'a str, &'a str>>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let (status, code) = self.status_and_code();
        let fields = match &self {
            Self::Unauthorized(faults) | Self::Invalid(faults) => {
                faults.iter().map(|(name, why)| (*name, why.as_str())).collect()
            }
            Self::Given(faults) => faults.iter().map(|(name, why)| (name.as_str(), *why)).collect(),
            Self::InvalidPage => BTreeMap::from([("page", "must be the number of a page that exists")]),
            _ => BTreeMap::new(),
        };
        let fields = Some(fields).filter(|fields| !fields.is_empty());
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
