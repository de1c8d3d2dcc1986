//! The replies in a callback's response.

use serde_json::Value;

use crate::outgoing::{self, Unsendable};

/// The texts to send, in order: one for a JSON object with `msg_type`, one for each item of a JSON array, none for
/// anything else. A reply that cannot be sent is an error.
pub fn parse(response: &[u8]) -> Vec<Result<String, Unsendable>> {
    match serde_json::from_slice(response) {
        Ok(reply @ Value::Object(_)) if reply.get("msg_type").is_some() => vec![text(&reply)],
        Ok(Value::Array(replies)) => replies.iter().map(text).collect(),
        _ => Vec::new(),
    }
}

fn text(reply: &Value) -> Result<String, Unsendable> {
    let part = |name| reply.get(name).and_then(Value::as_str).filter(|part| !part.is_empty());
    outgoing::text(part("msg_type"), part("text")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(response: &str) -> Vec<Result<String, Unsendable>> {
        parse(response.as_bytes())
    }

    #[test]
    fn an_object_is_one_reply_and_an_array_several() {
        let text = |text: &str| Ok(text.to_owned());
        assert_eq!(parsed(r#" {"msg_type": "text", "text": "好"} "#), [text("好")]);
        let both = r#"[{"msg_type": "text", "text": "1"}, {"msg_type": "text", "text": "2"}]"#;
        assert_eq!(parsed(both), [text("1"), text("2")]);
    }

    #[test]
    fn anything_else_is_no_reply() {
        for answer in ["", "ok", "\"ok\"", "1", "null", "{}", "[]", r#"{"text": "no type"}"#, "{\"msg_type\": "] {
            assert!(parsed(answer).is_empty(), "{answer}");
        }
        assert!(parse(&[0xff, 0xfe]).is_empty());
    }

    #[test]
    fn a_reply_that_cannot_be_sent_keeps_its_place() {
        let answer = r#"[{"msg_type": "image", "url": "http://a"}, {"msg_type": "text", "text": "2"}, 3, null]"#;
        let missing = Err(Unsendable::Missing("msg_type"));
        let wanted = [Err(Unsendable::Kind), Ok("2".to_owned()), missing.clone(), missing];
        assert_eq!(parsed(answer), wanted);
        assert_eq!(parsed(r#"{"msg_type": "text", "text": ""}"#), [Err(Unsendable::Missing("text"))]);
    }
}
