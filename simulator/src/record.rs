//! What the simulator remembers for a test or a bench to look at.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::contact_ref::ContactRef;
use crate::spec::Uin;

/// Something a client sent to a chat.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sent {
    /// WeChat's id, as it went back to the client in `MsgID`; a string in JSON.
    #[serde(serialize_with = "as_text")]
    pub msg_id: u64,
    /// Whom it went to, the same in every session.
    pub to: ContactRef,
    /// That contact's nickname.
    pub to_name: String,
    /// The user name the client wrote to.
    pub to_user_name: String,
    pub kind: SentKind,
    /// The text, or the XML of an app message; empty for media.
    pub text: String,
    /// The upload that a picture, video or file refers to.
    pub media_id: String,
    /// `LocalID` as text, as the client gave it.
    pub local_id: String,
    /// `ClientMsgId` as text, as the client gave it.
    pub client_msg_id: String,
    /// Taken back by webwxrevokemsg.
    pub revoked: bool,
    /// When it came, in microseconds since 1970.
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

/// A message that was pushed, in the order of the account's inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// WeChat's id; a string in JSON.
    #[serde(serialize_with = "as_text")]
    pub msg_id: u64,
    /// When it was pushed, in microseconds since 1970.
    pub at: u64,
}

/// A rule that a client broke.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Violation {
    /// The last part of the path: `webwxsync`.
    pub endpoint: String,
    /// The rule's name, such as `synckey_unknown`.
    pub rule: &'static str,
    /// What came and what should have.
    pub detail: String,
    /// The account, where it is known.
    pub uin: Option<Uin>,
    /// WeChat lets it pass (a well-known client does it), yet it is not what its own page sends.
    pub tolerated: bool,
    /// In microseconds since 1970.
    pub at: u64,
}

/// The number or text of a field that clients send either way.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// JavaScript loses the digits of a number past 2^53.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn as_text<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}
