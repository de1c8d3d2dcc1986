//! Response builders. WeChat's content type is `text/plain` without a charset, although the text is UTF-8.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

/// `Ret` of a request with a wrong parameter.
pub(crate) const RET_PARAMETER: i32 = 1;
/// `Ret` and `retcode` of a login that has ended, for example because of a newer web login.
pub(crate) const RET_LOGGED_OUT: i32 = 1101;
/// `Ret` of a request whose cookies name no session.
pub(crate) const RET_COOKIE: i32 = 1102;

pub(crate) fn text(body: impl Into<Body>) -> Response {
    with_status(StatusCode::OK, body)
}

pub(crate) fn with_status(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

pub(crate) fn json(body: &impl Serialize) -> Response {
    serde_json::to_vec(body)
        .map_or_else(|error| with_status(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()), text)
}

pub(crate) fn bytes(content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// `{"BaseResponse": {"Ret": …, "ErrMsg": ""}}`, the first field of every JSON response.
pub(crate) fn base(ret: i32) -> Value {
    json!({"Ret": ret, "ErrMsg": ""})
}

pub(crate) fn ret(ret: i32) -> Response {
    json(&json!({"BaseResponse": base(ret)}))
}

pub(crate) fn synccheck(retcode: i32, selector: u32) -> Response {
    text(format!("window.synccheck={{retcode:\"{retcode}\",selector:\"{selector}\"}}"))
}
