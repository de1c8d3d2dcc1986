//! The parameter in a path.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::api::{error::ApiError, state::AppState};

/// The value of the only parameter in the route's path.
pub(crate) struct PathSegment(pub(crate) String);

impl FromRequestParts<AppState> for PathSegment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Path(segment) = Path::from_request_parts(parts, state).await.map_err(|_| ApiError::NotFound("path"))?;
        Ok(Self(segment))
    }
}
