//! What reaches an account from outside: who writes, and what.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Who writes. Names are nicknames, remarks or keys such as `friend/3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    Friend(String),
    Group {
        group: String,
        member: String,
    },
    OfficialAccount(String),
    /// The account's own phone writes to somebody (a friend, a group, `filehelper`).
    Phone {
        to: String,
    },
    /// WeChat itself, as in friend requests: `fmessage`, `weixin`.
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
    /// Plain text: escaped, with emoji as WeChat has them. Message type 1.
    #[serde(default)]
    pub text: String,
    /// Fields of the message as they shall go over the wire, laid over the usual ones: any
    /// `MsgType`, a `Content` that is already escaped. In a group the sender's prefix is still
    /// put before `Content`.
    #[serde(default)]
    pub fields: Map<String, Value>,
}

impl Push {
    pub fn text(from: From, text: impl Into<String>) -> Self {
        Self { from, text: text.into(), fields: Map::new() }
    }

    pub fn raw(from: From, fields: Map<String, Value>) -> Self {
        Self { from, text: String::new(), fields }
    }
}
