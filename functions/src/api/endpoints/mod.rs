//! One file an endpoint, each with its `PATHS` and its `route()`.

pub mod access_token;
pub mod check_login;
pub mod friends;
pub mod groups;
pub mod login;
pub mod logout;
pub mod members;
pub mod messages;
pub mod mps;
pub mod send;
pub mod session;

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Path},
    middleware,
    response::Redirect,
    routing::{MethodRouter, any},
};
use domain::time::Ids;
use http::{Uri, request::Parts};

use crate::api::{error::ApiError, request_id, state::AppState};

/// What a function serves.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint {
    /// The function's name, and its binary's.
    pub binary: &'static str,
    /// Each is served with and without a slash at its end.
    pub paths: &'static [&'static str],
    pub route: fn() -> Router<AppState>,
}

/// Every endpoint.
pub const ALL: [Endpoint; 11] = [
    Endpoint { binary: "access-token", paths: access_token::PATHS, route: access_token::route },
    Endpoint { binary: "check-login", paths: check_login::PATHS, route: check_login::route },
    Endpoint { binary: "friends", paths: friends::PATHS, route: friends::route },
    Endpoint { binary: "groups", paths: groups::PATHS, route: groups::route },
    Endpoint { binary: "login", paths: login::PATHS, route: login::route },
    Endpoint { binary: "logout", paths: logout::PATHS, route: logout::route },
    Endpoint { binary: "members", paths: members::PATHS, route: members::route },
    Endpoint { binary: "messages", paths: messages::PATHS, route: messages::route },
    Endpoint { binary: "mps", paths: mps::PATHS, route: mps::route },
    Endpoint { binary: "send", paths: send::PATHS, route: send::route },
    Endpoint { binary: "session", paths: session::PATHS, route: session::route },
];

/// The routes of every endpoint.
pub fn all() -> Router<AppState> {
    ALL.iter().fold(Router::new(), |router, endpoint| router.merge((endpoint.route)()))
}

/// Every endpoint, ready to serve.
pub fn router(state: AppState) -> Router {
    finish(all(), Arc::clone(&state.relay.ids), state)
}

/// The paths alone: whoever names [`ALL`] links every endpoint's code.
const PATHS: [&[&str]; ALL.len()] = {
    let mut paths = [ALL[0].paths; ALL.len()];
    let mut n = 0;
    while n < paths.len() {
        paths[n] = ALL[n].paths;
        n += 1;
    }
    paths
};

/// Sends every path with a slash at its end on to the one without: for an API that cannot route it.
pub fn slashless() -> Router {
    PATHS
        .into_iter()
        .flatten()
        .fold(Router::new(), |router, path| router.route(&format!("{path}/"), any(without_slash)))
}

async fn without_slash(uri: Uri) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::permanent(&format!("{}{query}", uri.path().trim_end_matches('/')))
}

/// A router with our answers to unknown paths and methods, and an id of `ids` for a request that brings none.
pub fn finish<S: Clone + Send + Sync + 'static>(routes: Router<S>, ids: Arc<dyn Ids>, state: S) -> Router {
    routes
        .fallback(async || ApiError::NotFound("path"))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(ids, request_id::identify))
        .with_state(state)
}

/// `path` with and without a slash at its end.
fn at(paths: &[&str], methods: &MethodRouter<AppState>) -> Router<AppState> {
    paths.iter().fold(Router::new(), |router, path| {
        router.route(path, methods.clone()).route(&format!("{path}/"), methods.clone())
    })
}

/// The one parameter in the path.
struct Segment(String);

impl FromRequestParts<AppState> for Segment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Path(segment) = Path::from_request_parts(parts, state).await.map_err(|_| ApiError::NotFound("path"))?;
        Ok(Self(segment))
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt;

    use super::*;
    use crate::support::Api;

    #[tokio::test]
    async fn a_slash_that_has_no_route_is_taken_away() {
        let ask = async |path: &str| {
            let request = http::Request::post(path).body(axum::body::Body::empty()).unwrap();
            let answer = finish(slashless(), std::sync::Arc::new(boot::OsIds), ()).oneshot(request).await.unwrap();
            let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
            (answer.status().as_u16(), to)
        };
        assert_eq!(ask("/send/?text=%E5%A5%BD").await, (308, Some("/send?text=%E5%A5%BD".to_owned())));
        assert_eq!(ask("/members/973e46d8/").await, (308, Some("/members/973e46d8".to_owned())));
        assert_eq!(ask("/nothing/").await, (404, None));
        assert_eq!(ask("//example.com/").await, (404, None));
    }

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
