//! The app: what an administrator makes, and what a program authenticates as.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{puid::Puid, secret::Sealed};

/// 32 lower-case hex digits.
pub type AppId = String;

/// An app as the ledger keeps it. Secrets are hashed or sealed; nothing here may be shown to a caller as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    pub id: AppId,
    pub name: String,
    /// SHA-256 of the app secret, lower-case hex.
    pub secret_hash: String,
    /// The token that requests are signed with.
    pub token: Sealed,
    /// The key that callbacks are signed with (Standard Webhooks).
    pub signing_secret: Sealed,
    /// Where messages are POSTed; `None` for a program that reads the history instead.
    pub callback: Option<String>,
    /// The command queue and worker that serve it.
    pub shard: u16,
    /// The first account that logged in; no other may.
    pub bound: Option<Binding>,
    /// Set while some chat is parked: a success anywhere wakes them all.
    #[serde(default)]
    pub parked: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// The account an app belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// WeChat's permanent number of the account.
    pub uin: u64,
    /// The account's own puid: `owner` in every row.
    pub puid: Puid,
    pub nick_name: String,
    pub since: Timestamp,
}

/// An access token: `GET /access-token`. A new one replaces the old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// SHA-256 of the token, lower-case hex.
    pub hash: String,
    pub expires: Timestamp,
}
