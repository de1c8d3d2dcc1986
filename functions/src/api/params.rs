//! The parameters of a request: from the query and, for POST, from a form or a JSON object in the body.
//!
//! What is wrong with a parameter whatever it means is refused here: a value that is not UTF-8, one that is too long, a
//! name that is given twice. An empty value counts as absent.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    time::Duration,
};

use bytes::Bytes;
use domain::puid::Puid;
use http::{HeaderMap, header};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::api::error::{ApiError, GivenFields};

/// The longest `wait`, in seconds.
pub(crate) const MAX_WAIT: u64 = 20;
/// The longest value of a parameter, in characters, except for those that [`limit`] names.
pub(crate) const MAX_VALUE: usize = 2048;
/// The longest `url`, in characters. Signed URLs of storage services are long.
pub(crate) const MAX_URL: usize = 8192;
/// The longest name of a parameter that an error repeats, in characters.
const MAX_NAME: usize = 64;
/// The longest puid, in characters. New ones have eight.
const MAX_PUID: usize = 64;

/// The parameters that JSON may give as a number or a boolean. Every other one is a string there.
const NOT_TEXT: [&str; 9] = ["after", "group", "message_id", "page", "page_size", "remove", "sex", "timestamp", "wait"];

/// Values by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

/// The longest value of a parameter, in characters; `None` for one that its endpoint limits.
fn limit(name: &str) -> Option<usize> {
    match name {
        "text" => None,
        "url" => Some(MAX_URL),
        _ => Some(MAX_VALUE),
    }
}

/// Parameters as they are read, with their faults.
#[derive(Default)]
struct Reading {
    values: BTreeMap<String, String>,
    faults: GivenFields,
}

impl Reading {
    fn fault(&mut self, name: &str, why: &'static str) {
        self.faults.insert(name.chars().take(MAX_NAME).collect(), why);
    }

    fn add(&mut self, name: String, value: String) {
        if limit(&name).is_some_and(|limit| value.chars().count() > limit) {
            return self.fault(&name, "is too long");
        }
        match self.values.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(entry) => {
                let name = entry.key().clone();
                self.fault(&name, "is given twice");
            }
        }
    }

    /// The query, or a form.
    fn urlencoded(bytes: &[u8]) -> Self {
        let mut reading = Self::default();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            for (name, value) in url::form_urlencoded::parse(pair) {
                if is_utf8(pair) {
                    reading.add(name.into_owned(), value.into_owned());
                } else {
                    reading.fault(&name, "is not valid UTF-8");
                }
            }
        }
        reading
    }

    fn json(body: &[u8]) -> Result<Self, ApiError> {
        let Object(members) = serde_json::from_slice(body).map_err(|error| ApiError::Malformed(error.to_string()))?;
        let mut reading = Self::default();
        for (name, value) in members {
            match value {
                Value::Null => {}
                Value::String(text) => reading.add(name, text),
                Value::Bool(_) | Value::Number(_) if NOT_TEXT.contains(&name.as_str()) => {
                    reading.add(name, value.to_string());
                }
                _ => reading.fault(&name, "must be a string"),
            }
        }
        Ok(reading)
    }

    fn done(self) -> Result<BTreeMap<String, String>, ApiError> {
        if self.faults.is_empty() { Ok(self.values) } else { Err(ApiError::Given(self.faults)) }
    }
}

/// Whether the bytes are UTF-8 once they are percent-decoded.
fn is_utf8(encoded: &[u8]) -> bool {
    percent_encoding::percent_decode(encoded).decode_utf8().is_ok()
}

/// The members of a JSON object in order, those included that have the same name.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl Params {
    pub fn from_query(query: Option<&str>) -> Result<Self, ApiError> {
        Ok(Self(Reading::urlencoded(query.unwrap_or_default().as_bytes()).done()?))
    }

    /// Adds the parameters of the body. A body without a content type must be empty.
    pub fn add_body(&mut self, headers: &HeaderMap, body: &Bytes) -> Result<(), ApiError> {
        if body.is_empty() {
            return Ok(());
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let read = match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Reading::json(body)?,
            "application/x-www-form-urlencoded" => Reading::urlencoded(body),
            _ => return Err(ApiError::Malformed("send JSON or a form, and say which in Content-Type".to_owned())),
        };
        self.merge(read)
    }

    /// Adds the parts of a form, as names and bytes.
    pub(crate) fn add_parts(&mut self, parts: Vec<(String, Vec<u8>)>) -> Result<(), ApiError> {
        let mut read = Reading::default();
        for (name, bytes) in parts {
            match String::from_utf8(bytes) {
                Ok(value) => read.add(name, value),
                Err(_) => read.fault(&name, "is not valid UTF-8"),
            }
        }
        self.merge(read)
    }

    fn merge(&mut self, read: Reading) -> Result<(), ApiError> {
        let mut faults = GivenFields::new();
        for (name, value) in read.done()? {
            let same = self.0.insert(name.clone(), value.clone()).is_none_or(|in_query| in_query == value);
            if !same {
                faults.insert(name, "differs between the query and the body");
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(ApiError::Given(faults)) }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A value that must not be empty: with an empty filter the caller would get everything.
    pub fn filled(&self, name: &str) -> Result<Option<&str>, &'static str> {
        match self.0.get(name).map(String::as_str) {
            Some("") => Err("must not be empty"),
            value => Ok(value),
        }
    }

    pub fn required(&self, name: &'static str) -> Result<&str, ApiError> {
        present(name, self.get(name))
    }

    /// A name that the channel has given out, which need not be known: visible ASCII characters.
    pub fn opaque(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        if value.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Some(value))
        } else {
            Err(ApiError::field(name, "must consist of visible ASCII characters"))
        }
    }

    /// A contact's puid, which need not exist.
    pub fn puid(&self, name: &'static str) -> Result<Option<Puid>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        if is_puid(value) { Ok(Some(Puid::new(value))) } else { Err(ApiError::field(name, NO_PUID)) }
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

/// The value of a parameter that must be there.
pub(crate) fn present<T>(name: &'static str, value: Option<T>) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::field(name, "is required"))
}

/// What is wrong with a text that is no puid.
pub(crate) const NO_PUID: &str = "must be a puid: hexadecimal digits in lower case";

/// Whether the text has the form of a puid.
pub(crate) fn is_puid(text: &str) -> bool {
    text.len() <= MAX_PUID && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn query(query: &str) -> Result<Params, ApiError> {
        Params::from_query(Some(query))
    }

    fn with_body(kind: &'static str, body: &'static str) -> Result<Params, ApiError> {
        let mut params = query("a=query&b=query").unwrap();
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        params.add_body(&headers, &Bytes::from_static(body.as_bytes()))?;
        Ok(params)
    }

    /// The faults by name.
    fn faults(read: Result<Params, ApiError>) -> Vec<(String, &'static str)> {
        match read {
            Err(ApiError::Given(faults)) => faults.into_iter().collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_adds_to_the_query() {
        let form = with_body("application/x-www-form-urlencoded; charset=utf-8", "c=%E6%B5%8B&a=query&d=").unwrap();
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), (Some("query"), Some("query"), Some("测")));
        assert_eq!(form.get("d"), None, "an empty value counts as absent");
        let json = with_body("application/json", r#"{"group": true, "e": null, "page": 5, "d": ""}"#).unwrap();
        assert_eq!((json.get("group"), json.get("b"), json.get("page")), (Some("true"), Some("query"), Some("5")));
        assert_eq!((json.get("d"), json.get("e")), (None, None));
    }

    #[test]
    fn a_name_that_is_given_twice_is_refused() {
        for twice in [
            query("x=1&y=2&x=1"),
            query("%78=1&x="),
            with_body("application/x-www-form-urlencoded", "x=1&x=2"),
            with_body("application/json", r#"{"x": "1", "x": "2"}"#),
        ] {
            assert_eq!(faults(twice), [("x".to_owned(), "is given twice")]);
        }
        let differs = with_body("application/json", r#"{"a": "body", "b": "query"}"#);
        assert_eq!(faults(differs), [("a".to_owned(), "differs between the query and the body")]);
    }

    #[test]
    fn a_value_that_is_not_utf_8_or_too_long_is_refused() {
        for bytes in ["x=%FF", "x=%E6%B5", "x=a%C0%80", "x=%ED%A0%80"] {
            assert_eq!(faults(query(bytes)), [("x".to_owned(), "is not valid UTF-8")], "{bytes}");
        }
        assert_eq!(query("x=100%&y=%zz&z=%").unwrap().get("x"), Some("100%"), "a lone percent sign stands for itself");
        assert_eq!(faults(query(&format!("x={}", "x".repeat(MAX_VALUE + 1)))), [("x".to_owned(), "is too long")]);
        assert!(query(&format!("x={}", "%E6%B5%8B".repeat(MAX_VALUE))).is_ok(), "characters count, not bytes");
        assert!(query(&format!("text={}", "x".repeat(MAX_VALUE + 1))).is_ok(), "its endpoint limits it");
        let long = faults(query(&format!("{}=%FF", "é".repeat(5000))));
        assert_eq!(long[0].0.chars().count(), MAX_NAME);
    }

    #[test]
    fn json_gives_texts_as_strings() {
        let wrong = with_body("application/json", r#"{"x": 1, "y": true, "z": [1], "page": {"a": 1}, "wait": 5}"#);
        let names: Vec<_> = faults(wrong).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["page", "x", "y", "z"]);
    }

    #[test]
    fn a_filled_value_is_not_empty() {
        let params = query("a=1&b=").unwrap();
        assert_eq!((params.filled("a"), params.filled("absent")), (Ok(Some("1")), Ok(None)));
        assert_eq!(params.filled("b"), Err("must not be empty"));
    }

    #[test]
    fn other_bodies_are_refused() {
        for (kind, body) in [
            ("application/json", "{"),
            ("application/json", "[]"),
            ("application/json", r#""text""#),
            ("application/json", r#"{"a": "\ud800"}"#),
            ("text/plain", "a=1"),
        ] {
            assert!(matches!(with_body(kind, body), Err(ApiError::Malformed(_))), "{kind} {body}");
        }
    }

    #[test]
    fn booleans_waits_and_puids_are_read_strictly() {
        let params = query("yes=True&no=0&odd=maybe&wait=20&puid=12ed2cd6").unwrap();
        assert_eq!(params.boolean("yes").unwrap(), Some(true));
        assert_eq!(params.boolean("no").unwrap(), Some(false));
        assert_eq!(params.boolean("absent").unwrap(), None);
        assert!(params.boolean("odd").is_err());
        assert_eq!(params.wait().unwrap(), Duration::from_secs(20));
        for wrong in ["wait=21", "wait=-1", "wait=x", "wait=1.5"] {
            assert!(query(wrong).unwrap().wait().is_err(), "{wrong}");
        }
        assert_eq!(params.puid("puid").unwrap(), Some(Puid::new("12ed2cd6")));
        assert_eq!(params.puid("absent").unwrap(), None);
        for wrong in ["puid=12ED2CD6", "puid=../x", "puid=%E6%B5%8B", &format!("puid={}", "0".repeat(65))] {
            assert!(query(wrong).unwrap().puid("puid").is_err(), "{wrong}");
        }
    }
}
