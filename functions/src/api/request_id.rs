//! The request id: in every log line of a request, in the jobs that it creates, and in its response.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use domain::time::Ids;
use http::{HeaderName, HeaderValue};
use lambda_http::RequestExt;
use tracing::Instrument;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that a caller may choose.
const MAX_LENGTH: usize = 64;

/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Lambda's id, so that Lambda's log lines have the same; else the caller's; else a new one.
    fn of(request: &Request, ids: &dyn Ids) -> Self {
        let lambda = request.lambda_context_ref().map(|context| context.request_id.as_str());
        let given = || request.headers().get(&HEADER).and_then(|id| id.to_str().ok());
        let id = lambda.or_else(given).filter(|id| is_valid(id));
        Self(id.map_or_else(|| ids.hex().into(), Into::into))
    }
}

/// Whether the id is safe in a header and in a log line.
fn is_valid(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'=');
    (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(allowed)
}

/// Middleware around every endpoint.
pub async fn identify(State(ids): State<Arc<dyn Ids>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request, &*ids);
    // The route, not the path: an unknown path may contain anything, also a secret.
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let span = tracing::info_span!(
        "request",
        request.id = id.as_str(),
        http.method = request.method().as_str(),
        http.route = route,
    );
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(HEADER, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use http::Request;
    use lambda_http::Context;

    use crate::support::Api;

    async fn returned_id(api: &Api, request: http::request::Builder) -> String {
        api.request(request).await.header("x-request-id").unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_response_has_lambdas_id_or_the_callers_or_a_new_one() {
        let api = Api::start().await;
        let new = |id: String| id.len() == 32 && id.starts_with("0000");
        let request = |id: &str| Request::get("/friends").header("x-request-id", id);
        assert_eq!(returned_id(&api, request("order-17.a_b")).await, "order-17.a_b");
        for odd in ["", "two words", "\"", "é", &"x".repeat(65)] {
            assert!(new(returned_id(&api, request(odd)).await), "{odd}");
        }
        assert_eq!(returned_id(&api, request("also-404").uri("/nothing")).await, "also-404");
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        let lambda = request("mine").extension(context);
        assert_eq!(returned_id(&api, lambda).await, "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    }
}
