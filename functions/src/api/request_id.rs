//! A request's id: in the span around everything that it logs, on the jobs that it makes, and in its answer.

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
/// The longest id that is taken over from a caller.
const LONGEST: usize = 64;

/// A few printable ASCII characters without blanks; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Lambda's own where there is one, so that its lines and ours have the same; else the caller's; else a new one.
    fn of(request: &Request, ids: &dyn Ids) -> Self {
        let lambda = request.lambda_context_ref().map(|context| context.request_id.as_str());
        let given = || request.headers().get(&HEADER).and_then(|id| id.to_str().ok());
        let id = lambda.or_else(given).filter(|id| is_sane(id));
        Self(id.map_or_else(|| ids.hex().into(), Into::into))
    }
}

/// What a header and a log line can bear: no blanks, no quotes, no end.
fn is_sane(id: &str) -> bool {
    let sane = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'=');
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(sane)
}

/// Around every endpoint.
pub async fn identify(State(ids): State<Arc<dyn Ids>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request, &*ids);
    // The route, not the path: whoever asks for a wrong one may have put anything into it.
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

    async fn told(api: &Api, request: http::request::Builder) -> String {
        api.request(request).await.header("x-request-id").unwrap().to_owned()
    }

    #[tokio::test]
    async fn an_answer_bears_lambdas_id_or_the_callers_or_a_new_one() {
        let api = Api::start().await;
        let new = |id: String| id.len() == 32 && id.starts_with("0000");
        let asked = |id: &str| Request::get("/friends").header("x-request-id", id);
        assert_eq!(told(&api, asked("order-17.a_b")).await, "order-17.a_b");
        for odd in ["", "two words", "\"", "é", &"x".repeat(65)] {
            assert!(new(told(&api, asked(odd)).await), "{odd}");
        }
        assert_eq!(told(&api, asked("also-404").uri("/nothing")).await, "also-404");
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        let lambda = asked("mine").extension(context);
        assert_eq!(told(&api, lambda).await, "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    }
}
