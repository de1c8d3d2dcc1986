//! The page of `GET /login` in a browser: one file, nothing from elsewhere.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::api::error::ApiError;

const PAGE: &str = include_str!("login.html");

/// The page with what it shows first. Only the script with `nonce` runs in it.
pub fn respond(view: &impl Serialize, nonce: &str) -> Result<Response, ApiError> {
    let data = serde_json::to_string(view).map_err(|error| ApiError::Internal(error.to_string()))?;
    // `<` could end the element that holds the data.
    let page = PAGE.replace("{{nonce}}", nonce).replace("{{data}}", &data.replace('<', "\\u003c"));
    let policy = format!(
        "default-src 'none'; img-src data:; connect-src 'self'; style-src 'nonce-{nonce}'; \
         script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    Ok((headers, page).into_response())
}
