//! One file an endpoint, each with its `route()`.

pub mod access_token;
pub mod check_login;
mod filter;
pub mod friends;
pub mod groups;
pub mod login;
mod login_page;
pub mod logout;
pub mod members;
mod message_filter;
pub mod messages;
pub mod mps;
pub mod send;
pub mod session;

use axum::{
    Router,
    extract::{FromRequestParts, Path},
    middleware,
    routing::MethodRouter,
};
use http::request::Parts;

use crate::{ApiError, State, request_id};

/// Every endpoint.
pub fn all() -> Router<State> {
    Router::new()
        .merge(access_token::route())
        .merge(check_login::route())
        .merge(friends::route())
        .merge(groups::route())
        .merge(login::route())
        .merge(logout::route())
        .merge(members::route())
        .merge(messages::route())
        .merge(mps::route())
        .merge(send::route())
        .merge(session::route())
}

/// Every endpoint, ready to serve.
pub fn router(state: State) -> Router {
    finish(all(), state)
}

/// A router with our answers to unknown paths and methods, and an id for every request.
pub fn finish(routes: Router<State>, state: State) -> Router {
    routes
        .fallback(async || ApiError::NotFound("path"))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(state.clone(), request_id::identify))
        .with_state(state)
}

/// `path` with and without a slash at its end.
fn at(paths: &[&str], methods: &MethodRouter<State>) -> Router<State> {
    paths.iter().fold(Router::new(), |router, path| {
        router.route(path, methods.clone()).route(&format!("{path}/"), methods.clone())
    })
}

/// The one parameter in the path.
struct Segment(String);

impl FromRequestParts<State> for Segment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let Path(segment) = Path::from_request_parts(parts, state).await.map_err(|_| ApiError::NotFound("path"))?;
        Ok(Self(segment))
    }
}

#[cfg(test)]
mod tests {
    use crate::support::Api;

    #[tokio::test]
    async fn unknown_paths_and_methods_answer_as_json() {
        let api = Api::start().await;
        insta::assert_snapshot!(api.get("/nothing").await, @r#"
        404 Not Found
        {
          "code": "not_found",
          "errmsg": "There is no such path.",
          "success": false
        }
        "#);
        let answer = api.request(http::Request::delete("/friends/")).await;
        insta::assert_snapshot!(answer, @r#"
        405 Method Not Allowed
        {
          "code": "method_not_allowed",
          "errmsg": "This method is not allowed here.",
          "success": false
        }
        "#);
        assert_eq!(answer.header("allow"), Some("GET,HEAD"));
        insta::assert_snapshot!(api.get("/members/%FF").await, @r#"
        404 Not Found
        {
          "code": "not_found",
          "errmsg": "There is no such path.",
          "success": false
        }
        "#);
    }
}
