//! Successful JSON responses other than pages of a list.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// Status 200 or 202, and the fields of `body` with `"success": true`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{Body}")]
pub struct ApiResponse<Body> {
    #[serde(flatten)]
    body: Body,
    #[schemars(extend("const" = true))]
    success: bool,
    #[serde(skip)]
    status: StatusCode,
}

impl<Body> ApiResponse<Body> {
    pub fn new(body: Body) -> Self {
        Self { body, success: true, status: StatusCode::OK }
    }

    /// For work that has started and is not finished.
    pub fn accepted(body: Body) -> Self {
        Self { status: StatusCode::ACCEPTED, ..Self::new(body) }
    }
}

impl<Body: Serialize> IntoResponse for ApiResponse<Body> {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}
