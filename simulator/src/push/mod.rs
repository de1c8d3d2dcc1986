//! Messages to push to an account: the sender and the content.

mod kind;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use kind::ticket;
pub use kind::{Article, Kind};

/// The sender. Names are nicknames, remarks or keys such as `friend/3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    Friend(String),
    Group {
        group: String,
        member: String,
    },
    OfficialAccount(String),
    /// The account's own phone writes to a contact: a friend, a group or `filehelper`.
    Phone {
        to: String,
    },
    /// WeChat itself: `fmessage` for friend requests, `weixin` and others.
    Special(String),
}

impl From {
    pub fn friend(name: impl Into<String>) -> Self {
        Self::Friend(name.into())
    }

    pub fn member(group: impl Into<String>, member: impl Into<String>) -> Self {
        Self::Group { group: group.into(), member: member.into() }
    }

    pub fn official_account(name: impl Into<String>) -> Self {
        Self::OfficialAccount(name.into())
    }

    pub fn phone(to: impl Into<String>) -> Self {
        Self::Phone { to: to.into() }
    }
}

/// A message to push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    pub from: From,
    /// Plain text, which the simulator escapes and encodes as WeChat does. Message type 1.
    #[serde(default)]
    pub text: String,
    /// A kind other than text.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// The bytes of a picture, voice message, video or file. If this is empty, the simulator generates small
    /// media. Base64 in JSON.
    #[serde(default, with = "base64")]
    pub media: Vec<u8>,
    /// Fields that override those of the message and go over the wire unchanged: any `MsgType`, or a
    /// `Content` that is already escaped. In a group, the author prefix is still added to `Content`.
    #[serde(default)]
    pub fields: Map<String, Value>,
    /// The whole entry of `AddMsgList`, byte for byte, instead of all the above; it need not be valid JSON or UTF-8.
    /// `{{from}}`, `{{to}}` and `{{id}}` become the user names and the message id. Base64 in JSON.
    #[serde(default, with = "base64")]
    pub raw: Vec<u8>,
}

impl Push {
    pub fn text(from: From, text: impl Into<String>) -> Self {
        Self { from, text: text.into(), kind: None, media: Vec::new(), fields: Map::new(), raw: Vec::new() }
    }

    pub fn kind(from: From, kind: Kind) -> Self {
        Self { kind: Some(kind), ..Self::text(from, "") }
    }

    pub fn raw(from: From, fields: Map<String, Value>) -> Self {
        Self { fields, ..Self::text(from, "") }
    }

    pub fn entry(from: From, raw: impl Into<Vec<u8>>) -> Self {
        Self { raw: raw.into(), ..Self::text(from, "") }
    }

    #[must_use]
    pub fn media(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.media = bytes.into();
        self
    }
}

mod base64 {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}
