//! The page of `GET /login` in a browser.

use axum::response::Response;
use serde::Serialize;

use crate::api::{error::ApiError, html};

const PAGE: &str = include_str!("login.html");
const DIRECTIVES: &str = "img-src data:; connect-src 'self'; style-src 'nonce-{{nonce}}'; script-src 'nonce-{{nonce}}'";

/// The page with the view that it shows first.
pub(crate) fn respond(view: &impl Serialize, nonce: &str) -> Result<Response, ApiError> {
    let view = serde_json::to_string(view).map_err(|error| ApiError::Internal(error.to_string()))?;
    // `<` could end the element that holds the data.
    let page = PAGE.replace("{{data}}", &view.replace('<', "\\u003c"));
    Ok(html::page(&page, nonce, DIRECTIVES))
}
