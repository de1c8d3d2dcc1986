//! Sessions and logins, and their states.
//!
//! ```text
//! offline ─login─▶ starting ─▶ waiting ─scan─▶ scanned ─confirm─▶ online ─▶ offline
//!                     │           └────────────┴── expired, cancelled ─▶ offline
//!                     └─ push login: waits for the phone without a QR code
//! ```

use std::mem;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    channel::{AccountId, Credentials, Cursor, LoginStep, Ticket},
    id::{AppId, JobId},
    job::derived_id,
    puid::Puid,
    secret::{CannotOpen, Sealed, Sealer},
};

/// State of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// No account is logged in.
    Offline,
    /// A login was requested; the worker has not started it yet.
    Starting,
    /// The QR code was not scanned yet; for a push login, the phone did not confirm yet.
    Waiting,
    /// The QR code was scanned; the phone must confirm.
    Scanned,
    /// Logged in; messages are received and sent.
    Online,
}

impl SessionState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Starting => "starting",
            Self::Waiting => "waiting",
            Self::Scanned => "scanned",
            Self::Online => "online",
        }
    }
}

/// Why a login or a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum EndReason {
    /// The QR code was not scanned or confirmed in time, or the phone declined.
    Expired,
    /// A logout was requested through the API.
    LoggedOut,
    /// WeChat ended it: another login replaced it, the phone ended it, or its cookie expired.
    EndedByWeChat { code: i64 },
    /// An account logged in that the app is not bound to. The relay logged it out at once.
    AccountMismatch,
    /// WeChat does not let this account log in this way.
    Refused { reason: String },
    /// The login could not be started or completed.
    Failed { reason: String },
}

/// A login, as pages and programs show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The network's name of the attempt; `check-login` asks for it.
    pub uuid: String,
    /// The channel's state of the attempt.
    #[serde(default)]
    pub ticket: Ticket,
    /// What the person had to do so far, oldest first; the last step is the current one.
    #[serde(default)]
    pub steps: Vec<LoginStep>,
    pub expires: Timestamp,
}

/// The QR code of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QrCode<'a> {
    /// The text that it encodes.
    pub content: &'a str,
    /// The channel's own page with the code as a picture.
    pub page: Option<&'a str>,
}

impl Login {
    /// Continues with another step. It replaces the current one if that is of the same kind.
    pub fn proceed(&mut self, ticket: Ticket, step: LoginStep) {
        self.ticket = ticket;
        if self.steps.last().is_some_and(|last| mem::discriminant(last) == mem::discriminant(&step)) {
            self.steps.pop();
        }
        self.steps.push(step);
    }

    /// The QR code to show; `None` for a push login, which has none.
    pub fn qr_code(&self) -> Option<QrCode<'_>> {
        self.steps.iter().rev().find_map(|step| match step {
            LoginStep::ScanQrCode { content, page } => Some(QrCode { content, page: page.as_deref() }),
            _ => None,
        })
    }

    /// The picture of the account that scanned, as a data URI.
    pub fn avatar(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| match step {
            LoginStep::ConfirmOnPhone { avatar } => avatar.as_deref(),
            _ => None,
        })
    }
}

/// The account that is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    #[serde(alias = "uin")]
    pub account: AccountId,
    pub puid: Puid,
    /// The account's user name in this login.
    pub user_name: String,
    pub nick_name: String,
}

/// Progress of the contact sync, in contacts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Progress {
    pub done: u32,
    pub total: u32,
}

/// An app's session as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub state: SessionState,
    /// When `state` was entered.
    pub since: Timestamp,
    /// Counts logins. A cursor is valid only for the login that it came from.
    pub login_number: u64,
    pub login: Option<Login>,
    pub user: Option<User>,
    /// Needed to continue the session, and after its end for a push login.
    #[serde(rename = "keys")]
    pub credentials: Option<Sealed>,
    /// Where the stream of messages began at this login. Later cursors are stored on the log's rows.
    pub cursor: Option<Cursor>,
    pub ending: Option<EndReason>,
    /// The last failure that did not end the session, as a sentence.
    pub last_error: Option<String>,
    pub contacts: Progress,
    /// When the last contact sync of this login succeeded.
    pub last_sync: Option<Timestamp>,
    /// Whether pictures of contacts may not be stored yet.
    #[serde(default)]
    pub avatars_left: bool,
    /// Why the last contact sync failed; `None` after one that succeeded.
    #[serde(default)]
    pub sync_error: Option<String>,
    /// Whether a contact sync is running.
    #[serde(default)]
    pub updating: bool,
    /// Counts contact syncs that have ended, failed ones included.
    #[serde(default)]
    pub syncs: u64,
}

impl Session {
    /// Credentials sealed for the app `id`.
    pub fn seal_credentials(id: &AppId, credentials: &Credentials, sealer: &Sealer) -> Sealed {
        sealer.seal(&Self::purpose(id), credentials.as_str().as_bytes())
    }

    /// The credentials; `None` where there are none.
    pub fn open_credentials(&self, id: &AppId, sealer: &Sealer) -> Option<Result<Credentials, CannotOpen>> {
        let credentials = self.credentials.as_ref()?;
        Some(sealer.open_text(&Self::purpose(id), credentials).map(Credentials::new))
    }

    fn purpose(id: &AppId) -> String {
        format!("{id}/session")
    }

    /// The session of an app that never logged in.
    pub fn offline(at: Timestamp) -> Self {
        Self {
            state: SessionState::Offline,
            since: at,
            login_number: 0,
            login: None,
            user: None,
            credentials: None,
            cursor: None,
            ending: None,
            last_error: None,
            contacts: Progress::default(),
            last_sync: None,
            avatars_left: false,
            sync_error: None,
            updating: false,
            syncs: 0,
        }
    }

    /// Notes that a contact sync has read `total` contacts. Pictures of them may be left.
    pub fn sync_succeeded(&mut self, total: u32, at: Timestamp) {
        self.contacts = Progress { done: total, total };
        self.last_sync = Some(at);
        self.avatars_left = true;
        self.sync_ended(None);
    }

    /// Notes that a contact sync has failed. The contacts are as they were.
    pub fn sync_failed(&mut self, why: &str) {
        self.sync_ended(Some(why.to_owned()));
    }

    fn sync_ended(&mut self, error: Option<String>) {
        self.sync_error = error;
        self.updating = false;
        self.syncs += 1;
    }

    /// The job that updates the contacts of this login. The id is the same until the update has ended, so that a second
    /// request joins the first.
    pub fn update_job(&self, app: &AppId) -> JobId {
        derived_id(&["update", app, &self.login_number.to_string(), &self.syncs.to_string()])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::doubles::CountedIds;

    #[test]
    fn states_are_stored_under_their_names() {
        for state in [
            SessionState::Offline,
            SessionState::Starting,
            SessionState::Waiting,
            SessionState::Scanned,
            SessionState::Online,
        ] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }

    #[test]
    fn end_reasons_have_their_stored_form() {
        let json = |reason| serde_json::to_string(&reason).unwrap();
        assert_eq!(json(EndReason::EndedByWeChat { code: 1_101 }), r#"{"why":"ended_by_we_chat","code":1101}"#);
        assert_eq!(json(EndReason::AccountMismatch), r#"{"why":"account_mismatch"}"#);
        let refused = EndReason::Refused { reason: "1203".into() };
        assert_eq!(serde_json::from_str::<EndReason>(&json(refused.clone())).unwrap(), refused);
    }

    #[test]
    fn an_offline_session_round_trips_through_json() {
        let session = Session::offline(Timestamp::UNIX_EPOCH);
        assert_eq!(
            (session.state, session.login_number, session.contacts),
            (SessionState::Offline, 0, Progress::default())
        );
        let json = serde_json::to_string(&session).unwrap();
        assert_eq!(serde_json::from_str::<Session>(&json).unwrap(), session);
    }

    #[test]
    fn an_update_has_one_job_until_it_has_ended() {
        let [app, another] = ["app", "another"].map(AppId::trusted);
        let session = Session::offline(Timestamp::UNIX_EPOCH);
        let job = session.update_job(&app);
        assert_eq!(Session { updating: true, ..session.clone() }.update_job(&app), job);
        assert_ne!(Session { syncs: 1, ..session.clone() }.update_job(&app), job);
        assert_ne!(Session { login_number: 1, ..session.clone() }.update_job(&app), job);
        assert_ne!(session.update_job(&another), job);
    }

    #[test]
    fn credentials_open_for_their_own_app_only() {
        let sealer = Sealer::new(&[1; 32], Arc::new(CountedIds::default()));
        let [app, another] = ["app", "another"].map(AppId::trusted);
        let mut session = Session::offline(Timestamp::UNIX_EPOCH);
        assert_eq!(session.open_credentials(&app, &sealer), None);
        session.credentials = Some(Session::seal_credentials(&app, &Credentials::new("cookies"), &sealer));
        assert_eq!(session.open_credentials(&app, &sealer), Some(Ok(Credentials::new("cookies"))));
        assert_eq!(session.open_credentials(&another, &sealer), Some(Err(CannotOpen)));
    }

    #[test]
    fn a_row_of_an_earlier_version_is_readable() {
        let session: Session = serde_json::from_str(
            r#"{"state":"waiting","since":"2020-01-07T03:25:45Z","login_number":2,
            "login":{"uuid":"4f==","qr_content":"https://login/4f==","qr_url":"https://qr/4f==","avatar":null,
                     "expires":"2020-01-07T03:30:45Z"},
            "user":{"uin":2580137561,"puid":"e1d54615","user_name":"@me","nick_name":"我"},
            "keys":null,"cursor":"{}","ending":null,"last_error":null,"contacts":{"done":0,"total":0},"last_sync":null}"#,
        )
        .unwrap();
        assert_eq!(session.user.unwrap().account, AccountId::new("2580137561"));
        let login = session.login.unwrap();
        assert_eq!((login.steps.len(), login.qr_code()), (0, None), "the worker starts such a login anew");
        assert_eq!((session.updating, session.syncs), (false, 0));
    }
}
