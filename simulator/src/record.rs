//! Records for a test or a bench: messages sent and pushed, and violations.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::contact_ref::ContactRef;
use crate::spec::Uin;

/// A message that a client sent to a chat.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sent {
    /// WeChat's message id, as the response returned it in `MsgID`. A string in JSON.
    #[serde(serialize_with = "as_text")]
    pub msg_id: u64,
    /// The recipient. The same in every session.
    pub to: ContactRef,
    /// The recipient's nickname.
    pub to_name: String,
    /// The user name that the client sent to.
    pub to_user_name: String,
    pub kind: SentKind,
    /// The text, or the XML of an app message; empty for media.
    pub text: String,
    /// The `MediaId` of the upload that a picture, video or file refers to.
    pub media_id: String,
    /// `LocalID` as text, unchanged.
    pub local_id: String,
    /// `ClientMsgId` as text, unchanged.
    pub client_msg_id: String,
    /// Whether webwxrevokemsg recalled the message.
    pub revoked: bool,
    /// When the message arrived, in microseconds since 1970.
    pub at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SentKind {
    Text,
    Image,
    Sticker,
    Video,
    /// A file (type 6) or another app message.
    App,
}

/// A pushed message, in the order of the account's inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// WeChat's message id. A string in JSON.
    #[serde(serialize_with = "as_text")]
    pub msg_id: u64,
    /// When it was pushed, in microseconds since 1970.
    pub at: u64,
}

/// A rule that a request broke.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Violation {
    /// The last segment of the path, for example `webwxsync`.
    pub endpoint: String,
    /// The name of the rule, for example `synckey_unknown`.
    pub rule: &'static str,
    /// What the request contained and what was expected.
    pub detail: String,
    /// The account, if it is known.
    pub uin: Option<Uin>,
    /// Whether WeChat accepts this. A well-known client sends it, but WeChat's own page does not.
    pub tolerated: bool,
    /// Microseconds since 1970.
    pub at: u64,
}

/// The text of a field that some clients send as a number and others as a string.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Serializes the id as a string, because JavaScript rounds numbers above 2^53.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn as_text<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}
