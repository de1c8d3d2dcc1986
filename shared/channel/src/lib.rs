//! What the worker sees of a chat network: the traits [`Channel`] and [`Connection`], their types and their errors. No
//! protocol and no AWS: Web WeChat implements the traits in the crate `wechat`, and `docs/adr/0008` maps a second
//! protocol onto them.
//!
//! # Order of calls
//! ```text
//! start_login ─▶ poll_login … ─▶ Confirmed ─▶ open ─▶ Connection
//! push_login  ─┘      ▲  │                      │         contacts, describe
//!                     └──┘ Step, Restarted ◀────┘         wait ⇄ fetch, download
//!                          connect (after a restart) ─▶   send_text, upload ─▶ send_media
//!                                                         close
//! ```
//! Ticket, credentials and cursor are opaque. The worker stores them whole and passes them back; a login or session
//! continues from them in another process.

mod error;
mod login;
mod media;

use async_trait::async_trait;
use domain::message::{Content, Direction, Refer};
pub use domain::{
    channel::{AccountId, Capabilities, ChannelKind, Credentials, Cursor, LoginStep, MediaKind, MediaSource, Ticket},
    contact::{Card, Peer},
};
pub use error::Error;
use jiff::Timestamp;
pub use login::{LoginProgress, NewLogin, Opened, Opening};
pub use media::{ByteStream, Download, FileBytes, IncomingMedia, OutgoingFile, Uploaded};

/// A chat network. One value serves every session of a worker.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// Begins a login by QR code. `previous` holds the credentials of the app's last session, if they are kept: some
    /// networks recognise an account that is still bound by them.
    async fn start_login(&self, previous: Option<&Credentials>) -> Result<NewLogin, Error>;

    /// Asks the phone of an ended session to confirm a new login, without a QR code. [`Error::Refused`] where the
    /// network has no such login.
    async fn push_login(&self, ended: &Credentials) -> Result<NewLogin, Error>;

    /// One long poll, up to about 35 s. `code` answers [`LoginStep::EnterCode`].
    ///
    /// A network may report a change only once, so the caller does not cancel the poll except to abandon the login.
    async fn poll_login(&self, ticket: &Ticket, code: Option<&str>) -> Result<LoginProgress, Error>;

    /// Opens the session of a confirmed login. The confirmation serves once.
    async fn open(&self, ticket: &Ticket) -> Result<Opening, Error>;

    /// Continues a session from its credentials. Reports only credentials that it cannot read; whether the network still
    /// accepts them shows at the first call.
    async fn connect(&self, credentials: &Credentials) -> Result<Box<dyn Connection>, Error>;
}

/// A logged-in account. It is held for every session, tens of thousands in a process: no contacts, no buffers.
#[async_trait]
pub trait Connection: Send + Sync {
    /// The credentials as they are now. Any call may change them; the worker stores a changed copy.
    fn credentials(&self) -> Credentials;

    /// A page of the contact list; `from` is 0 for the first. Groups come without their members.
    async fn contacts(&mut self, from: u64) -> Result<ContactPage, Error>;

    /// Full cards of the given peers, groups with their members; any number. Unknown peers are left out.
    async fn describe(&mut self, peers: &[Peer]) -> Result<Vec<Card>, Error>;

    /// Waits, up to about 35 s, until there may be something to fetch; `false` when nothing came. May be cancelled.
    async fn wait(&mut self, cursor: &Cursor) -> Result<bool, Error>;

    /// What came since `cursor`, without waiting. An old cursor brings the same messages again. May be cancelled.
    async fn fetch(&mut self, cursor: &Cursor) -> Result<Batch, Error>;

    /// Sends a text. `key` is the same for every attempt of one message, so that a network that recognises repeated
    /// messages can do so.
    async fn send_text(&mut self, to: &Peer, text: &str, key: &str) -> Result<Sent, Error>;

    /// Starts to download the media of a received message. Media that are not available (yet) are an
    /// [`Error::Transient`]. A second connection of the same session may download while the first one waits.
    async fn download(&mut self, source: &MediaSource) -> Result<Download, Error>;

    /// Starts to download the picture of a contact. `group` is the group that a person who is no contact was met in.
    /// `None` for a contact without a picture.
    async fn avatar(
        &mut self,
        peer: &Peer,
        picture_seq: Option<u64>,
        group: Option<&Peer>,
    ) -> Result<Option<Download>, Error>;

    /// Uploads a file so that [`Connection::send_media`] can name it. Nobody sees it before that, so it may be repeated.
    async fn upload(&mut self, to: &Peer, file: &OutgoingFile<'_>) -> Result<Uploaded, Error>;

    /// Sends an uploaded file. `key` as with [`Connection::send_text`].
    async fn send_media(&mut self, to: &Peer, uploaded: &Uploaded, key: &str) -> Result<Sent, Error>;

    /// Recalls a sent message. `key` is the one that it was sent with.
    async fn recall(&mut self, to: &Peer, message_id: i64, key: &str) -> Result<(), Error>;

    /// Accepts a friend request; user name and ticket are those of its [`Content::Friends`].
    async fn accept_friend(&mut self, username: &str, ticket: &str) -> Result<(), Error>;

    /// Sets the remark name of a friend; an empty one removes it.
    async fn set_remark(&mut self, to: &Peer, remark: &str) -> Result<(), Error>;

    /// Ends the session at the network.
    async fn close(&mut self) -> Result<(), Error>;
}

/// A message as the network reports it.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// The network's 64-bit id of the message. A message that came without one has a negative id, derived from the
    /// message itself: it is the same when the message comes again, and another message's differs.
    pub id: i64,
    pub direction: Direction,
    /// The friend, group or official account that the conversation is with.
    pub chat: Peer,
    /// The author; inside a group the member. `None` for a notice without an author.
    pub sender: Option<Peer>,
    /// Whether the account was mentioned; `None` outside groups.
    pub is_at: Option<bool>,
    /// Whole seconds.
    pub create_time: Timestamp,
    pub content: Content,
    /// The media of the message, for a picture, recording, file or video.
    pub media: Option<IncomingMedia>,
    /// The message that this one quotes.
    pub refer: Option<Refer>,
}

/// What one fetch brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub messages: Vec<Incoming>,
    /// Contacts that changed or became known. Such a card has fewer fields than one of a full listing; a missing field is
    /// `None` or empty.
    pub changed: Vec<Card>,
    /// Contacts that were deleted.
    pub deleted: Vec<Peer>,
    /// Recent chats that were named but not described; [`Connection::describe`] returns their cards.
    pub mentioned: Vec<Peer>,
    /// The position after this batch.
    pub cursor: Cursor,
    /// More is waiting: fetch again without waiting.
    pub more: bool,
}

/// A page of the contact list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactPage {
    pub cards: Vec<Card>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<u64>,
}

/// A message that the network accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The network's id of the message.
    pub id: i64,
}
