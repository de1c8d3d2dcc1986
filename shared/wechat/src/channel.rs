//! What the worker sees of a chat network, so that a second protocol can stand beside Web WeChat.
//!
//! The calls follow a login's life: [`Channel::start_login`] → [`Channel::login_status`] until confirmed →
//! [`Channel::open`] → [`Channel::contacts`], [`Channel::describe`] → [`Channel::wait`] and [`Channel::fetch`] in turn,
//! [`Channel::send_text`] beside them → [`Channel::close`]. What a session must keep to go on after a restart without
//! a new QR code is its own serialized form.

use std::future::Future;

use domain::{
    contact::Card,
    message::{Content, Direction},
};
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::Error;

/// As what a login asks to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginMode {
    /// The desktop client; most accounts are let in only so. Try it first.
    #[default]
    Desktop,
    /// The page in a browser; the oldest accounts may use it where the desktop client is refused.
    Normal,
}

/// A login that waits for the phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct LoginTicket {
    /// WeChat's name for this attempt; ends in `==`.
    pub uuid: String,
    /// What the QR code encodes; `None` for a push login, which shows no code.
    pub qr_content: Option<String>,
    /// The page on WeChat's own host that shows the QR picture.
    pub qr_url: String,
    /// Whether the attempt was begun in desktop mode.
    pub desktop: bool,
    /// Whether the phone has scanned: WeChat wants to be asked differently from then on.
    pub scanned: bool,
}

/// One answer while a login waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginStatus {
    /// Nobody has scanned yet (408).
    Waiting,
    /// Scanned, to be confirmed on the phone (201); the picture is a data URI.
    Scanned { avatar: Option<String> },
    /// Confirmed (200): where the session is to be had.
    Confirmed { redirect: String },
    /// Timed out, or cancelled on the phone (400 and anything else).
    Expired,
}

/// A message as the network tells it: everyone by this login's user names.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// WeChat's 64-bit number.
    pub id: i64,
    pub direction: Direction,
    /// User name of the friend, group or official account the conversation is with.
    pub chat: String,
    /// User name of who wrote it; inside a group the member. `None` for a notice nobody wrote.
    pub sender: Option<String>,
    /// Whether the account was mentioned; `None` outside groups.
    pub is_at: Option<bool>,
    /// Whole seconds.
    pub create_time: Timestamp,
    pub content: Content,
}

/// What one fetch brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch<Cursor> {
    pub messages: Vec<Incoming>,
    /// Contacts that changed or became known; entries have fewer fields than a full listing, what is absent is `None`
    /// or empty.
    pub changed: Vec<Card>,
    /// User names of contacts that were deleted.
    pub deleted: Vec<String>,
    /// User names of groups that were named but not described (recent chats); [`Channel::describe`] tells more.
    pub mentioned: Vec<String>,
    /// Where to go on, once this batch is stored.
    pub cursor: Cursor,
    /// More is waiting: fetch again without waiting.
    pub more: bool,
}

/// A session that has just begun.
#[derive(Debug, Clone)]
pub struct Opened<Session, Cursor> {
    pub session: Session,
    /// The account itself.
    pub user: Card,
    /// Recent chats: the only place where groups that are not saved to contacts appear.
    pub recent: Vec<Card>,
    /// User names of further recent chats, not described.
    pub mentioned: Vec<String>,
    pub cursor: Cursor,
}

/// A page of the contact list.
#[derive(Debug, Clone)]
pub struct ContactPage {
    pub cards: Vec<Card>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<u64>,
}

/// A message that WeChat took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// WeChat's message number.
    pub id: i64,
}

/// A chat network. Cheap to clone: one client serves every session of a worker.
pub trait Channel: Clone + Send + Sync + 'static {
    /// A session's keys: kept sealed in the ledger, so that a restart needs no new scan.
    type Session: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The place in the account's stream of messages.
    type Cursor: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Begins a login by QR code. When [`Channel::open`] then says [`Error::Refused`] to an account in desktop mode,
    /// begin anew in [`LoginMode::Normal`]: the person has to scan again, for the confirmation is used up.
    fn start_login(&self, mode: LoginMode) -> impl Future<Output = Result<LoginTicket, Error>> + Send;

    /// Asks the phone of a session that has ended to confirm a new one, without a QR code.
    fn push_login(&self, old: &Self::Session) -> impl Future<Output = Result<LoginTicket, Error>> + Send;

    /// One long poll, up to about 25 s.
    fn login_status(&self, ticket: &LoginTicket) -> impl Future<Output = Result<LoginStatus, Error>> + Send;

    /// Turns a confirmed login into a session.
    fn open(
        &self,
        ticket: &LoginTicket,
        redirect: &str,
    ) -> impl Future<Output = Result<Opened<Self::Session, Self::Cursor>, Error>> + Send;

    /// A page of the contact list; `from` is 0 for the first. Groups come without their members.
    fn contacts(
        &self,
        session: &mut Self::Session,
        from: u64,
    ) -> impl Future<Output = Result<ContactPage, Error>> + Send;

    /// Full cards of the named contacts, groups with their members; any number, asked in batches side by side.
    fn describe(
        &self,
        session: &mut Self::Session,
        user_names: &[String],
    ) -> impl Future<Output = Result<Vec<Card>, Error>> + Send;

    /// Full cards of a group's members; `token` is the group's `encry_chat_room_id`. The members that come with a group
    /// have names only; this adds sex, place and signature, at a call for every fifty.
    fn describe_members(
        &self,
        session: &mut Self::Session,
        token: &str,
        user_names: &[String],
    ) -> impl Future<Output = Result<Vec<Card>, Error>> + Send;

    /// Waits (up to about 25 s) until there may be something to fetch: `false` when nothing came. May be cancelled.
    fn wait(
        &self,
        session: &mut Self::Session,
        cursor: &Self::Cursor,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// What came since `cursor`. An old cursor brings the same messages again.
    fn fetch(
        &self,
        session: &mut Self::Session,
        cursor: &Self::Cursor,
    ) -> impl Future<Output = Result<Batch<Self::Cursor>, Error>> + Send;

    /// Sends text to a user name. `client_id` (digits) is the same when an attempt is repeated.
    fn send_text(
        &self,
        session: &mut Self::Session,
        to: &str,
        text: &str,
        client_id: &str,
    ) -> impl Future<Output = Result<Sent, Error>> + Send;

    /// Ends the session at the network.
    fn close(&self, session: &mut Self::Session) -> impl Future<Output = Result<(), Error>> + Send;
}
