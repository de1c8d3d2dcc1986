//! A logged-in account, and [`Connection`] for it.

use std::fmt;

use async_trait::async_trait;
use channel::{
    Batch, Card, Connection, ContactPage, Credentials, Cursor, Download, Error, MediaSource, OutgoingFile, Peer, Sent,
    Uploaded,
};

use crate::{
    WebWeChat,
    call::{Address, Call, Reply},
    session::{SyncCursor, WebSession},
};

/// A logged-in account: its session and a handle to the shared client.
pub(crate) struct WebConnection {
    pub(crate) client: WebWeChat,
    pub(crate) session: WebSession,
    /// The group whose members' pictures were asked for last, and its `EncryChatRoomId`.
    pub(crate) room: Option<(String, String)>,
}

impl WebConnection {
    pub(crate) fn new(client: &WebWeChat, session: WebSession) -> Self {
        Self { client: client.clone(), session, room: None }
    }

    /// The page `name` on the account's host, with the parameters that every page takes.
    pub(crate) fn page(&self, name: &str) -> Address {
        Address::page(&self.client.hosts().account(&self.session.host), name)
            .with("lang", "zh_CN")
            .encoded("pass_ticket", &self.session.pass_ticket)
    }

    /// Sends `call` with the session's cookies and stores the cookies that the answer sets.
    pub(crate) async fn send(&mut self, call: Call) -> Result<Reply, Error> {
        let reply = call.send_as(&self.session).await?;
        self.store_cookies(&reply);
        Ok(reply)
    }

    pub(crate) fn store_cookies(&mut self, reply: &Reply) {
        self.client.store_cookies(&mut self.session.cookies, reply);
    }
}

#[async_trait]
impl Connection for WebConnection {
    fn credentials(&self) -> Credentials {
        self.session.credentials()
    }

    async fn contacts(&mut self, from: u64) -> Result<ContactPage, Error> {
        self.contact_page(from).await
    }

    async fn describe(&mut self, peers: &[Peer]) -> Result<Vec<Card>, Error> {
        self.cards(peers).await
    }

    async fn wait(&mut self, cursor: &Cursor) -> Result<bool, Error> {
        self.synccheck(&SyncCursor::read(cursor)?).await
    }

    async fn fetch(&mut self, cursor: &Cursor) -> Result<Batch, Error> {
        self.sync(&SyncCursor::read(cursor)?).await
    }

    async fn send_text(&mut self, to: &Peer, text: &str, key: &str) -> Result<Sent, Error> {
        self.text(to, text, key).await
    }

    async fn download(&mut self, source: &MediaSource) -> Result<Download, Error> {
        self.media(source).await
    }

    async fn avatar(
        &mut self,
        peer: &Peer,
        picture_seq: Option<u64>,
        group: Option<&Peer>,
    ) -> Result<Option<Download>, Error> {
        self.picture(peer, picture_seq, group).await
    }

    async fn upload(&mut self, to: &Peer, file: &OutgoingFile<'_>) -> Result<Uploaded, Error> {
        self.host_file(to, file).await
    }

    async fn send_media(&mut self, to: &Peer, uploaded: &Uploaded, key: &str) -> Result<Sent, Error> {
        self.file(to, uploaded, key).await
    }

    async fn recall(&mut self, to: &Peer, message_id: i64, key: &str) -> Result<(), Error> {
        self.revoke(to, message_id, key).await
    }

    async fn accept_friend(&mut self, username: &str, ticket: &str) -> Result<(), Error> {
        self.verify_user(username, ticket).await
    }

    async fn set_remark(&mut self, to: &Peer, remark: &str) -> Result<(), Error> {
        self.oplog_remark(to, remark).await
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.log_out().await
    }
}

impl fmt::Debug for WebConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("WebConnection").field("session", &self.session).finish_non_exhaustive()
    }
}
