//! A logged-in account, and [`Connection`] for it.

use std::fmt;

use async_trait::async_trait;
use channel::{Batch, Card, Connection, ContactPage, Credentials, Cursor, Error, Peer, Sent};

use crate::{
    WebWeChat,
    call::{Address, Call, Reply},
    session::{SyncCursor, WebSession},
};

/// A logged-in account: its session and a handle to the shared client.
pub struct WebConnection {
    pub(crate) client: WebWeChat,
    pub(crate) session: WebSession,
}

impl WebConnection {
    /// Continues a session from its credentials.
    pub fn new(client: &WebWeChat, credentials: &Credentials) -> Result<Self, Error> {
        Ok(Self { client: client.clone(), session: WebSession::read(credentials)? })
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

    async fn close(&mut self) -> Result<(), Error> {
        self.log_out().await
    }
}

impl fmt::Debug for WebConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("WebConnection").field("session", &self.session).finish_non_exhaustive()
    }
}
