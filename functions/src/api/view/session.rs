//! The user of a session, and the status of a login.

use domain::{
    contact::avatar_path,
    session::{self, Session, SessionState},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{api::openapi::MediaUrl, links::Links};

#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub struct User<'a> {
    #[schemars(example = &"e1d54615")]
    puid: &'a str,
    #[schemars(example = &"我")]
    name: &'a str,
    #[schemars(example = &"我")]
    nick_name: &'a str,
    #[schemars(example = &"@e1d54615")]
    user_name: &'a str,
    #[schemars(with = "MediaUrl")]
    avatar: String,
    /// Opens the picture without credentials for an hour.
    #[schemars(url)]
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
}

impl<'a> User<'a> {
    pub fn of(user: &'a session::User, links: &Links<'_>) -> Self {
        let avatar = avatar_path(&user.puid);
        Self {
            puid: user.puid.as_str(),
            name: &user.nick_name,
            nick_name: &user.nick_name,
            user_name: &user.user_name,
            avatar_url: links.link(&avatar),
            avatar,
        }
    }
}

/// The status of a login, in WeChat's own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginStatus {
    Waiting,
    Scanned,
    LoggedIn,
    Over,
}

impl LoginStatus {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Scanned, Self::LoggedIn, Self::Over];

    /// The status of the login `uuid`. A login that is not the app's latest is over.
    pub fn of(session: &Session, uuid: &str) -> Self {
        let latest = session.login.as_ref().is_some_and(|login| login.uuid == uuid);
        match session.state {
            SessionState::Starting | SessionState::Waiting if latest => Self::Waiting,
            SessionState::Scanned if latest => Self::Scanned,
            SessionState::Online if latest => Self::LoggedIn,
            _ => Self::Over,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "408",
            Self::Scanned => "201",
            Self::LoggedIn => "200",
            Self::Over => "400",
        }
    }
}
