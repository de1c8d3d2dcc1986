//! [`Channel`] by Web WeChat.

use domain::contact::Card;

use crate::{
    Batch, Channel, ContactPage, Cursor, Error, LoginMode, LoginStatus, LoginTicket, Opened, Sent, Session, WebWeChat,
};

impl Channel for WebWeChat {
    type Session = Session;
    type Cursor = Cursor;

    async fn start_login(&self, mode: LoginMode) -> Result<LoginTicket, Error> {
        self.begin(mode).await
    }

    async fn push_login(&self, old: &Session) -> Result<LoginTicket, Error> {
        self.ask_phone(old).await
    }

    async fn login_status(&self, ticket: &LoginTicket) -> Result<LoginStatus, Error> {
        self.ask_status(ticket).await
    }

    async fn open(&self, ticket: &LoginTicket, redirect: &str) -> Result<Opened<Session, Cursor>, Error> {
        self.open_session(ticket, redirect).await
    }

    async fn contacts(&self, session: &mut Session, from: u64) -> Result<ContactPage, Error> {
        self.contact_page(session, from).await
    }

    async fn describe(&self, session: &mut Session, user_names: &[String]) -> Result<Vec<Card>, Error> {
        self.cards(session, None, user_names).await
    }

    async fn describe_members(
        &self,
        session: &mut Session,
        token: &str,
        user_names: &[String],
    ) -> Result<Vec<Card>, Error> {
        self.cards(session, Some(token), user_names).await
    }

    async fn wait(&self, session: &mut Session, cursor: &Cursor) -> Result<bool, Error> {
        self.check(session, cursor).await
    }

    async fn fetch(&self, session: &mut Session, cursor: &Cursor) -> Result<Batch<Cursor>, Error> {
        self.sync(session, cursor).await
    }

    async fn send_text(&self, session: &mut Session, to: &str, text: &str, client_id: &str) -> Result<Sent, Error> {
        self.text(session, to, text, client_id).await
    }

    async fn close(&self, session: &mut Session) -> Result<(), Error> {
        self.log_out(session).await
    }
}
