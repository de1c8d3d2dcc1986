//! The control API under `/_sim/`: the methods of [`World`] in JSON, for other processes.
//!
//! Message ids are strings. A path that waits accepts `timeout_ms` (default 30,000) and returns 408 after
//! that time.

mod accounts;
mod chat;
mod contacts;
mod faults;
mod phone;

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::world::{ControlError, World};

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .merge(accounts::routes())
        .merge(phone::routes())
        .merge(chat::routes())
        .merge(contacts::routes())
        .merge(faults::routes())
}

/// The result of a control request.
type ControlResult = Result<Response, Failure>;

#[expect(clippy::unnecessary_wraps, reason = "every control path ends with it")]
fn ok(body: &impl Serialize) -> ControlResult {
    Ok(Json(json!(body)).into_response())
}

/// Why a control request failed.
enum Failure {
    Refusal(ControlError),
    TimedOut,
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self::Refusal(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, why) = match self {
            Self::Refusal(error @ ControlError::WrongStep(_)) => (StatusCode::CONFLICT, error.to_string()),
            Self::Refusal(error) => (StatusCode::NOT_FOUND, error.to_string()),
            Self::TimedOut => (StatusCode::REQUEST_TIMEOUT, "it did not happen in time".into()),
        };
        (status, Json(json!({"error": why}))).into_response()
    }
}

/// How long a request may wait, in milliseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
struct Timeout(u64);

impl Default for Timeout {
    fn default() -> Self {
        Self(30_000)
    }
}

impl Timeout {
    async fn wait<T>(self, event: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::time::timeout(Duration::from_millis(self.0), event).await.map_err(|_| Failure::TimedOut)
    }
}

/// One item or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(all) => all,
            Self::One(one) => vec![one],
        }
    }
}
