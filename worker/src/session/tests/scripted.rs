//! A channel that follows a script: each call takes the next scripted answer of its kind.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use channel::{
    AccountId, Batch, Card, Channel, Connection, ContactPage, Credentials, Cursor, Download, Error, Incoming,
    IncomingMedia, LoginProgress, LoginStep, MediaKind, MediaSource, NewLogin, Opened, Opening, OutgoingFile, Peer,
    Sent, Ticket, Uploaded,
};
use domain::{
    contact::ContactKind,
    message::{Content, Direction},
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::Notify;

/// Answers of one kind of call, in order. A call without an answer waits until the script gets one.
struct Answers<T> {
    queue: Mutex<VecDeque<Result<T, Error>>>,
    pushed: Notify,
}

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self { queue: Mutex::default(), pushed: Notify::new() }
    }
}

impl<T> Answers<T> {
    fn push(&self, answer: Result<T, Error>) {
        self.queue.lock().expect("no panic holds the lock").push_back(answer);
        self.pushed.notify_one();
    }

    fn take(&self) -> Option<Result<T, Error>> {
        self.queue.lock().expect("no panic holds the lock").pop_front()
    }

    async fn next(&self) -> Result<T, Error> {
        loop {
            if let Some(answer) = self.take() {
                return answer;
            }
            self.pushed.notified().await;
        }
    }
}

#[derive(Default)]
struct Script {
    calls: Mutex<Vec<String>>,
    start_login: Answers<NewLogin>,
    push_login: Answers<NewLogin>,
    poll_login: Answers<LoginProgress>,
    open: Answers<Opening>,
    contacts: Answers<ContactPage>,
    /// Held while the contact list does not answer.
    listing: tokio::sync::Mutex<()>,
    /// What `describe` tells, by user name.
    cards: Mutex<HashMap<String, Card>>,
    wait: Answers<bool>,
    fetch: Answers<Batch>,
    send_text: Answers<Sent>,
    download: Answers<Vec<u8>>,
    avatar: Answers<Option<Vec<u8>>>,
    upload: Answers<()>,
    act: Answers<()>,
}

/// A scripted channel. A clone follows the same script.
#[derive(Clone, Default)]
pub(super) struct Scripted(Arc<Script>);

/// What the account's own card and the peer of its friend are called.
pub(super) const ACCOUNT: &str = "1234567890";
pub(super) const FRIEND: &str = "@000000001fee435b";

pub(super) fn new_login(id: &str) -> NewLogin {
    let step = LoginStep::ScanQrCode { content: format!("https://login/{id}"), page: None };
    NewLogin { id: id.to_owned(), ticket: Ticket::new(format!("ticket of {id}")), step }
}

pub(super) fn transient() -> Error {
    Error::Transient { reason: "call: no connection".to_owned(), sent: false }
}

/// A batch that brings texts from the friend; `cursor` is the position after it.
pub(super) fn batch(cursor: &str, texts: &[(i64, &str)]) -> Batch {
    let friend = Peer::new(FRIEND, ContactKind::Stranger);
    let message = |&(id, text): &(i64, &str)| Incoming {
        id,
        direction: Direction::In,
        chat: friend.clone(),
        sender: Some(friend.clone()),
        is_at: None,
        create_time: Timestamp::UNIX_EPOCH,
        content: Content::Text { text: text.to_owned() },
        media: None,
        refer: None,
    };
    Batch {
        messages: texts.iter().map(message).collect(),
        changed: Vec::new(),
        deleted: Vec::new(),
        mentioned: Vec::new(),
        cursor: Cursor::new(cursor),
        more: false,
    }
}

/// The peer of another friend.
pub(super) const OTHER: &str = "@00000000abcd1234";

/// A batch of these messages.
pub(super) fn batch_of(cursor: &str, messages: Vec<Incoming>) -> Batch {
    Batch { messages, ..batch(cursor, &[]) }
}

/// A text of the friend.
pub(super) fn text(id: i64) -> Incoming {
    batch("", &[(id, "字")]).messages.remove(0)
}

/// The message, from another chat.
pub(super) fn from(peer: &str, message: Incoming) -> Incoming {
    let peer = Peer::new(peer, ContactKind::Stranger);
    Incoming { chat: peer.clone(), sender: Some(peer), ..message }
}

/// The message, as the account's phone sends it.
pub(super) fn from_phone(message: Incoming) -> Incoming {
    Incoming { direction: Direction::Out, ..message }
}

/// A message of the friend with a picture, whose source is its id.
pub(super) fn picture(id: i64) -> Incoming {
    let mut message = batch("", &[(id, "")]).messages.remove(0);
    message.content = Content::Picture { image: None, img_height: None, img_width: None };
    let source = MediaSource::new(id.to_string());
    message.media = Some(IncomingMedia { kind: MediaKind::Image, source, sticker: false });
    message
}

/// The bytes in two parts.
fn stream_of(bytes: &[u8]) -> Download {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let parts = [first.to_vec(), second.to_vec()].map(|part| Ok(part.into()));
    Download { content_type: None, length: None, bytes: stream::iter(parts).boxed() }
}

impl Scripted {
    /// The calls so far, oldest first, with what identifies them.
    pub(super) fn calls(&self) -> Vec<String> {
        self.0.calls.lock().expect("no panic holds the lock").clone()
    }

    /// How often a call was made.
    pub(super) fn count(&self, call: &str) -> usize {
        self.calls().iter().filter(|made| made.split(' ').next() == Some(call)).count()
    }

    fn record(&self, call: impl Into<String>) {
        self.0.calls.lock().expect("no panic holds the lock").push(call.into());
    }

    pub(super) fn start_login(&self, answer: Result<NewLogin, Error>) {
        self.0.start_login.push(answer);
    }

    pub(super) fn push_login(&self, answer: Result<NewLogin, Error>) {
        self.0.push_login.push(answer);
    }

    pub(super) fn poll_login(&self, answer: Result<LoginProgress, Error>) {
        self.0.poll_login.push(answer);
    }

    /// The person confirms, and the account's session opens.
    pub(super) fn confirm(&self, account: &str) {
        self.poll_login(Ok(LoginProgress::Confirmed { ticket: Ticket::new("confirmed") }));
        let mut user = Card::bare("@e1d54615", ContactKind::Myself);
        "我".clone_into(&mut user.nick_name);
        self.open(Ok(Opening::Opened(Box::new(Opened {
            connection: Box::new(self.connection("fresh")),
            account: AccountId::new(account),
            user,
            recent: vec![Card::bare(FRIEND, ContactKind::Friend)],
            mentioned: Vec::new(),
            cursor: Cursor::new("0"),
        }))));
    }

    pub(super) fn open(&self, answer: Result<Opening, Error>) {
        self.0.open.push(answer);
    }

    pub(super) fn contacts(&self, answer: Result<ContactPage, Error>) {
        self.0.contacts.push(answer);
    }

    /// The contact list does not answer while this is held.
    pub(super) async fn hold_contacts(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.listing.lock().await
    }

    /// `describe` tells this card from now on; a bare one of other peers.
    pub(super) fn describes(&self, card: Card) {
        self.0.cards.lock().expect("no panic holds the lock").insert(card.user_name.clone(), card);
    }

    pub(super) fn wait(&self, answer: Result<bool, Error>) {
        self.0.wait.push(answer);
    }

    /// A poll announces a batch, which the next fetch brings.
    pub(super) fn bring(&self, batch: Batch) {
        self.0.fetch.push(Ok(batch));
        self.wait(Ok(true));
    }

    /// A fetch without a poll that announces it brings a batch.
    pub(super) fn fetch_only(&self, batch: Batch) {
        self.0.fetch.push(Ok(batch));
    }

    pub(super) fn send_text(&self, answer: Result<Sent, Error>) {
        self.0.send_text.push(answer);
    }

    /// The bytes of the next download, or why it fails.
    pub(super) fn download(&self, answer: Result<&[u8], Error>) {
        self.0.download.push(answer.map(<[u8]>::to_vec));
    }

    /// The picture of the contact that is asked for next.
    pub(super) fn avatar(&self, answer: Result<Option<&[u8]>, Error>) {
        self.0.avatar.push(answer.map(|bytes| bytes.map(<[u8]>::to_vec)));
    }

    pub(super) fn upload(&self, answer: Result<(), Error>) {
        self.0.upload.push(answer);
    }

    /// The answer to a recall, an accepted friend request or a remark.
    pub(super) fn act(&self, answer: Result<(), Error>) {
        self.0.act.push(answer);
    }

    fn connection(&self, credentials: &str) -> ScriptedConnection {
        ScriptedConnection { channel: self.clone(), credentials: credentials.to_owned() }
    }
}

#[async_trait]
impl Channel for Scripted {
    async fn start_login(&self, previous: Option<&Credentials>) -> Result<NewLogin, Error> {
        self.record(format!("start_login {}", previous.map_or("-", Credentials::as_str)));
        self.0.start_login.next().await
    }

    async fn push_login(&self, ended: &Credentials) -> Result<NewLogin, Error> {
        self.record(format!("push_login {}", ended.as_str()));
        self.0.push_login.next().await
    }

    async fn poll_login(&self, ticket: &Ticket, _code: Option<&str>) -> Result<LoginProgress, Error> {
        self.record(format!("poll_login {}", ticket.as_str()));
        self.0.poll_login.next().await
    }

    async fn open(&self, ticket: &Ticket) -> Result<Opening, Error> {
        self.record(format!("open {}", ticket.as_str()));
        self.0.open.next().await
    }

    async fn connect(&self, credentials: &Credentials) -> Result<Box<dyn Connection>, Error> {
        self.record(format!("connect {}", credentials.as_str()));
        Ok(Box::new(self.connection(credentials.as_str())))
    }
}

struct ScriptedConnection {
    channel: Scripted,
    credentials: String,
}

#[async_trait]
impl Connection for ScriptedConnection {
    fn credentials(&self) -> Credentials {
        Credentials::new(self.credentials.as_str())
    }

    /// An empty list where nothing is scripted.
    async fn contacts(&mut self, from: u64) -> Result<ContactPage, Error> {
        self.channel.record(format!("contacts {from}"));
        drop(self.channel.0.listing.lock().await);
        self.channel.0.contacts.take().unwrap_or(Ok(ContactPage { cards: Vec::new(), next: None }))
    }

    async fn describe(&mut self, peers: &[Peer]) -> Result<Vec<Card>, Error> {
        let cards = self.channel.0.cards.lock().expect("no panic holds the lock");
        let bare = |peer: &Peer| Card::bare(peer.id.as_str(), peer.kind);
        Ok(peers.iter().map(|peer| cards.get(&peer.id).cloned().unwrap_or_else(|| bare(peer))).collect())
    }

    async fn wait(&mut self, cursor: &Cursor) -> Result<bool, Error> {
        self.channel.record(format!("wait {}", cursor.as_str()));
        self.channel.0.wait.next().await
    }

    async fn fetch(&mut self, cursor: &Cursor) -> Result<Batch, Error> {
        self.channel.record(format!("fetch {}", cursor.as_str()));
        self.channel.0.fetch.next().await
    }

    async fn send_text(&mut self, to: &Peer, text: &str, key: &str) -> Result<Sent, Error> {
        self.channel.record(format!("send_text {} {text} {key}", to.id));
        self.channel.0.send_text.next().await
    }

    async fn download(&mut self, source: &MediaSource) -> Result<Download, Error> {
        self.channel.record(format!("download {}", source.as_str()));
        self.channel.0.download.next().await.map(|bytes| stream_of(&bytes))
    }

    /// No picture where nothing is scripted.
    async fn avatar(&mut self, peer: &Peer, seq: Option<u64>, group: Option<&Peer>) -> Result<Option<Download>, Error> {
        let group = group.map_or("-", |group| group.id.as_str());
        self.channel.record(format!("avatar {} {} {group}", peer.id, seq.unwrap_or(0)));
        self.channel.0.avatar.take().unwrap_or(Ok(None)).map(|picture| picture.map(|bytes| stream_of(&bytes)))
    }

    async fn upload(&mut self, to: &Peer, file: &OutgoingFile<'_>) -> Result<Uploaded, Error> {
        let mut bytes = file.bytes.open().await?;
        let mut size = 0;
        while let Some(chunk) = bytes.next().await {
            size += chunk?.len();
        }
        self.channel.record(format!("upload {} {} {} {} {size}", to.id, file.name, file.content_type, file.size));
        self.channel.0.upload.next().await.map(|()| Uploaded { kind: file.kind, reference: file.name.into() })
    }

    async fn send_media(&mut self, to: &Peer, uploaded: &Uploaded, key: &str) -> Result<Sent, Error> {
        self.channel.record(format!("send_media {} {} {key}", to.id, uploaded.reference));
        self.channel.0.send_text.next().await
    }

    async fn recall(&mut self, to: &Peer, message_id: i64, key: &str) -> Result<(), Error> {
        self.channel.record(format!("recall {} {message_id} {key}", to.id));
        self.channel.0.act.next().await
    }

    async fn accept_friend(&mut self, username: &str, ticket: &str) -> Result<(), Error> {
        self.channel.record(format!("accept_friend {username} {ticket}"));
        self.channel.0.act.next().await
    }

    async fn set_remark(&mut self, to: &Peer, remark: &str) -> Result<(), Error> {
        self.channel.record(format!("set_remark {} {remark}", to.id));
        self.channel.0.act.next().await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.channel.record("close");
        Ok(())
    }
}
