//! The user of a session, and the status of a login.

use domain::{
    contact::avatar_path,
    session::{self, Session, SessionState},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::openapi::MediaUrl;

#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub struct User<'a> {
    puid: &'a str,
    name: &'a str,
    nick_name: &'a str,
    user_name: &'a str,
    #[schemars(with = "MediaUrl")]
    avatar: String,
}

impl<'a> From<&'a session::User> for User<'a> {
    fn from(user: &'a session::User) -> Self {
        Self {
            puid: user.puid.as_str(),
            name: &user.nick_name,
            nick_name: &user.nick_name,
            user_name: &user.user_name,
            avatar: avatar_path(&user.puid),
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
