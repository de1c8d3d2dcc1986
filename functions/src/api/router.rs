//! The parts of a router that every function has.

use std::sync::Arc;

use axum::{Router, middleware};
use domain::time::Ids;

use crate::api::{error::ApiError, request_id};

/// Adds the answers to unknown paths and methods, and the request id; `ids` makes one for a request without.
pub fn complete<S: Clone + Send + Sync + 'static>(routes: Router<S>, ids: Arc<dyn Ids>, state: S) -> Router {
    routes
        .fallback(async || ApiError::NotFound("path"))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(ids, request_id::identify))
        .with_state(state)
}
