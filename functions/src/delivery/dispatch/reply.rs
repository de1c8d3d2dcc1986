//! The replies in a callback's response.

use domain::channel::Capabilities;
use guard::Policy;
use serde_json::Value;

use crate::outgoing::{self, MessageType, Outgoing, Unsendable};

/// The replies of a response that are sent; the rest is ignored.
pub const MAX_REPLIES: usize = 20;

/// What replies may be.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Of the app's channel.
    pub capabilities: Capabilities,
    /// Where media may be.
    pub policy: &'a Policy,
}

/// The messages to send, in order: one for a JSON object with `msg_type`, one for each item of a JSON array, none for
/// anything else. A reply that cannot be sent is an error.
pub fn parse(response: &[u8], rules: Rules<'_>) -> Vec<Result<Outgoing, Unsendable>> {
    match serde_json::from_slice(response) {
        Ok(reply @ Value::Object(_)) if reply.get("msg_type").is_some() => vec![outgoing(&reply, rules)],
        Ok(Value::Array(replies)) => {
            if replies.len() > MAX_REPLIES {
                tracing::warn!(replies = replies.len(), limit = MAX_REPLIES, "a callback answered too many replies");
            }
            replies.iter().take(MAX_REPLIES).map(|reply| outgoing(reply, rules)).collect()
        }
        _ => Vec::new(),
    }
}

fn outgoing(reply: &Value, rules: Rules<'_>) -> Result<Outgoing, Unsendable> {
    let part = |name| reply.get(name).and_then(Value::as_str).filter(|part| !part.is_empty());
    match MessageType::parse(part("msg_type"), &rules.capabilities)? {
        MessageType::Text => outgoing::text(part("text")).map(|text| Outgoing::Text(text.to_owned())),
        MessageType::Media(kind) => {
            let source = outgoing::url(part("url"), rules.policy)?;
            Ok(Outgoing::Media { kind, source, name: outgoing::file_name(part("file_name")) })
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        channel::{ChannelKind, MediaKind},
        job::OutgoingSource,
    };

    use super::*;

    fn parsed(response: &str) -> Vec<Result<Outgoing, Unsendable>> {
        let rules = Rules { capabilities: ChannelKind::Web.capabilities(), policy: &Policy::default() };
        parse(response.as_bytes(), rules)
    }

    fn text(text: &str) -> Outgoing {
        Outgoing::Text(text.to_owned())
    }

    #[test]
    fn an_object_is_one_reply_and_an_array_several() {
        assert_eq!(parsed(r#" {"msg_type": "text", "text": "好"} "#), [Ok(text("好"))]);
        let both = r#"[{"msg_type": "text", "text": "1"}, {"msg_type": "text", "text": "2"}]"#;
        assert_eq!(parsed(both), [Ok(text("1")), Ok(text("2"))]);
    }

    #[test]
    fn media_are_named_by_their_url() {
        let media = |kind, url: &str, name: Option<&str>| {
            let source = OutgoingSource::Url(url.to_owned());
            Ok(Outgoing::Media { kind, source, name: name.map(str::to_owned) })
        };
        let replies = r#"[
            {"msg_type": "image", "url": "https://a.example/b.png"},
            {"msg_type": "file", "url": "http://a.example/c", "file_name": "../报告.pdf"},
            {"msg_type": "video", "url": "https://a.example/d.mp4"}
        ]"#;
        let wanted = [
            media(MediaKind::Image, "https://a.example/b.png", None),
            media(MediaKind::File, "http://a.example/c", Some("报告.pdf")),
            media(MediaKind::Video, "https://a.example/d.mp4", None),
        ];
        assert_eq!(parsed(replies), wanted);
    }

    #[test]
    fn anything_else_is_no_reply() {
        for answer in ["", "ok", "\"ok\"", "1", "null", "{}", "[]", r#"{"text": "no type"}"#, "{\"msg_type\": "] {
            assert!(parsed(answer).is_empty(), "{answer}");
        }
        assert!(parsed("\u{0}").is_empty());
    }

    #[test]
    fn a_reply_that_cannot_be_sent_keeps_its_place() {
        let answer = r#"[{"msg_type": "poem"}, {"msg_type": "text", "text": "2"}, 3, null]"#;
        let missing = Err(Unsendable::Missing("msg_type"));
        let wanted = [Err(Unsendable::Kind), Ok(text("2")), missing.clone(), missing];
        assert_eq!(parsed(answer), wanted);
        assert_eq!(parsed(r#"{"msg_type": "text", "text": ""}"#), [Err(Unsendable::Missing("text"))]);
        assert_eq!(parsed(r#"{"msg_type": "image"}"#), [Err(Unsendable::Missing("url"))]);
        let long = format!("http://a.example/{}", "x".repeat(outgoing::MAX_URL));
        for url in ["http://169.254.169.254/", "file:///etc/passwd", "a.png", "http://[::1]/a", &long] {
            let found = parsed(&format!(r#"{{"msg_type": "image", "url": "{url}"}}"#));
            assert!(matches!(found[..], [Err(Unsendable::Url(_))]), "{url}: {found:?}");
        }
        let mut none = ChannelKind::Web.capabilities();
        none.media_out = &[];
        let rules = Rules { capabilities: none, policy: &Policy::default() };
        let refused = parse(br#"{"msg_type": "video", "url": "https://a.example/"}"#, rules);
        assert_eq!(refused, [Err(Unsendable::Unsupported("video"))]);
    }

    #[test]
    fn twenty_replies_are_sent_and_the_rest_is_ignored() {
        let all: Vec<_> = (0..25).map(|n| serde_json::json!({ "msg_type": "text", "text": n.to_string() })).collect();
        let found = parsed(&serde_json::to_string(&all).unwrap());
        assert_eq!((found.len(), found.last()), (20, Some(&Ok(text("19")))));
    }
}
