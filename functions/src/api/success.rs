//! Successful answers that are no page.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;

/// A status of 200 or 202, and `body` with `"success": true` after its own fields.
#[derive(Debug, Serialize)]
pub struct Success<Body> {
    #[serde(flatten)]
    body: Body,
    success: bool,
    #[serde(skip)]
    status: StatusCode,
}

impl<Body> Success<Body> {
    pub fn new(body: Body) -> Self {
        Self { body, success: true, status: StatusCode::OK }
    }

    /// For something that was begun and is not done.
    pub fn accepted(body: Body) -> Self {
        Self { status: StatusCode::ACCEPTED, ..Self::new(body) }
    }
}

impl<Body: Serialize> IntoResponse for Success<Body> {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}
