//! The parameters of a request: from the query and, for POST, from a form or a JSON object in the body.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::Value;

use crate::api::error::ApiError;

/// The longest `wait`, in seconds.
const MAX_WAIT: u64 = 20;

/// Names and values in order, the query first. As in Django, the last of several values counts, and an empty value counts
/// as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn from_query(query: Option<&str>) -> Self {
        Self(url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// Adds the parameters of the body. A body without a content type must be empty.
    pub fn add_body(&mut self, headers: &HeaderMap, body: &Bytes) -> Result<(), ApiError> {
        if body.is_empty() {
            return Ok(());
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => self.add_json(body),
            "application/x-www-form-urlencoded" => {
                self.0.extend(url::form_urlencoded::parse(body).into_owned());
                Ok(())
            }
            _ => Err(ApiError::Malformed("send JSON or a form, and say which in Content-Type".to_owned())),
        }
    }

    fn add_json(&mut self, body: &[u8]) -> Result<(), ApiError> {
        let value: Value = serde_json::from_slice(body).map_err(|error| ApiError::Malformed(error.to_string()))?;
        let Value::Object(object) = value else {
            return Err(ApiError::Malformed("it must be a JSON object".to_owned()));
        };
        for (name, value) in object {
            match value {
                Value::Null => {}
                Value::String(text) => self.0.push((name, text)),
                Value::Bool(_) | Value::Number(_) => self.0.push((name, value.to_string())),
                Value::Array(_) | Value::Object(_) => {
                    return Err(ApiError::Malformed("values must be strings, numbers or booleans".to_owned()));
                }
            }
        }
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().rev().find(|(key, _)| key == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// A value that must not be empty and not be given twice. The error says which of both it is.
    pub fn single(&self, name: &str) -> Result<Option<&str>, &'static str> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err("must be given once"),
            (Some(""), None) => Err("must not be empty"),
            (value, None) => Ok(value),
        }
    }

    pub fn required(&self, name: &'static str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::field(name, "is required"))
    }

    /// `true`, `1`, `yes`, `on`, `false`, `0`, `no` or `off`, in any case.
    pub fn boolean(&self, name: &'static str) -> Result<Option<bool>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => Err(ApiError::field(name, "must be true or false")),
        }
    }

    /// The parameter `wait`; zero if it is absent.
    pub fn wait(&self) -> Result<Duration, ApiError> {
        let Some(value) = self.get("wait") else { return Ok(Duration::ZERO) };
        match value.parse() {
            Ok(seconds) if seconds <= MAX_WAIT => Ok(Duration::from_secs(seconds)),
            _ => Err(ApiError::field("wait", "must be a whole number of seconds from 0 to 20")),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with_body(kind: &'static str, body: &'static str) -> Result<Params, ApiError> {
        let mut params = Params::from_query(Some("a=query&b=query"));
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        params.add_body(&headers, &Bytes::from_static(body.as_bytes()))?;
        Ok(params)
    }

    #[test]
    fn the_body_comes_after_the_query_and_the_last_value_counts() {
        let form = with_body("application/x-www-form-urlencoded; charset=utf-8", "a=%E6%B5%8B&a=%E8%AF%95").unwrap();
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), (Some("试"), Some("query"), None));
        let json = with_body("application/json", r#"{"a": true, "b": null, "c": 5, "d": ""}"#).unwrap();
        assert_eq!((json.get("a"), json.get("b"), json.get("c")), (Some("true"), Some("query"), Some("5")));
        assert_eq!(json.get("d"), None);
    }

    #[test]
    fn a_single_value_is_neither_empty_nor_given_twice() {
        let params = Params::from_query(Some("a=1&b=&c=1&c=1&d=&d=2"));
        assert_eq!((params.single("a"), params.single("absent")), (Ok(Some("1")), Ok(None)));
        assert_eq!(params.single("b"), Err("must not be empty"));
        assert_eq!((params.single("c"), params.single("d")), (Err("must be given once"), Err("must be given once")));
    }

    #[test]
    fn other_bodies_are_refused() {
        for (kind, body) in [
            ("application/json", "{"),
            ("application/json", "[]"),
            ("application/json", r#"{"a": {"b": 1}}"#),
            ("text/plain", "a=1"),
        ] {
            assert!(matches!(with_body(kind, body), Err(ApiError::Malformed(_))), "{kind} {body}");
        }
    }

    #[test]
    fn booleans_and_waits_are_read_strictly() {
        let params = Params::from_query(Some("yes=True&no=0&odd=maybe&wait=20"));
        assert_eq!(params.boolean("yes").unwrap(), Some(true));
        assert_eq!(params.boolean("no").unwrap(), Some(false));
        assert_eq!(params.boolean("absent").unwrap(), None);
        assert!(params.boolean("odd").is_err());
        assert_eq!(params.wait().unwrap(), Duration::from_secs(20));
        for wrong in ["wait=21", "wait=-1", "wait=x", "wait=1.5"] {
            assert!(Params::from_query(Some(wrong)).wait().is_err(), "{wrong}");
        }
    }
}
