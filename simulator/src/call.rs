//! A request as the endpoints see it: query, cookies and body are parsed but not validated.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// A request to one of WeChat's endpoints.
#[derive(Debug)]
pub(crate) struct Call {
    /// The last part of the path.
    pub(crate) endpoint: String,
    /// The `Host` header, for example `wx.qq.com` or `127.0.0.1:4080`.
    pub(crate) host: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) cookies: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let body = Bytes::from_request(Request::new(body), state)
            .await
            .map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
        let path = parts.uri.path();
        Ok(Self {
            endpoint: path.rsplit('/').next().unwrap_or(path).to_owned(),
            host: host_of(&parts.headers),
            query: parse_query(parts.uri.query().unwrap_or("")),
            cookies: parse_cookies(&parts.headers),
            headers: parts.headers,
            body,
        })
    }
}

impl Call {
    /// A decoded query parameter, or an empty string if it is missing.
    pub(crate) fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub(crate) fn cookie(&self, name: &str) -> &str {
        self.cookies.get(name).map_or("", String::as_str)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The body as WeChat reads it, or `None` if it is not JSON. WeChat does **not** decode `\uXXXX`: the six
    /// characters stay as they are.
    pub(crate) fn json(&self) -> Option<Value> {
        let text = std::str::from_utf8(&self.body).ok()?;
        match first_escape(text) {
            None => serde_json::from_str(text).ok(),
            Some(_) => serde_json::from_str(&keep_escapes(text)).ok(),
        }
    }

    /// The first `\uXXXX` in the body.
    pub(crate) fn unicode_escape(&self) -> Option<&str> {
        first_escape(std::str::from_utf8(&self.body).ok()?)
    }

    /// Whether the client used the name of a real WeChat host, for example through a proxy.
    pub(crate) fn uses_real_host(&self) -> bool {
        self.host.ends_with(".qq.com") || self.host.ends_with(".wechat.com")
    }
}

pub(crate) fn host_of(headers: &HeaderMap) -> String {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost").to_owned()
}

pub(crate) fn parse_query(query: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

pub(crate) fn parse_cookies(headers: &HeaderMap) -> HashMap<String, String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

fn first_escape(text: &str) -> Option<&str> {
    let mut rest = text.char_indices();
    while let Some((at, c)) = rest.next() {
        if c == '\\' && rest.next().is_some_and(|(_, escaped)| escaped == 'u') {
            return text.get(at..at + 6);
        }
    }
    None
}

/// Doubles the backslash of every `\uXXXX`, so that the JSON parser keeps the six characters.
fn keep_escapes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len() + 16);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        kept.push(c);
        if c == '\\' {
            match rest.next() {
                Some('u') => kept.push_str("\\u"),
                Some(other) => kept.push(other),
                None => {}
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_unicode_is_not_decoded() {
        assert_eq!(first_escape(r#"{"a":"x\u4f60"}"#), Some(r"\u4f60"));
        assert_eq!(first_escape(r#"{"a":"x\\u4f60"}"#), None, "a backslash and a u");
        assert_eq!(keep_escapes(r#""\n\u4f60""#), r#""\n\\u4f60""#);
    }
}
