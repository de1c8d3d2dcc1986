//! Successful answers that are no page.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// `body` with `"success": true` after its own fields.
#[derive(Debug, Serialize)]
pub struct Success<Body> {
    #[serde(flatten)]
    body: Body,
    success: bool,
}

impl<Body> Success<Body> {
    pub fn new(body: Body) -> Self {
        Self { body, success: true }
    }
}

impl<Body: Serialize> IntoResponse for Success<Body> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
