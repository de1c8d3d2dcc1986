//! From a confirmed login to a session that is online; and from the ledger's session after a restart.

use domain::{
    app::{App, Binding},
    contact::Card,
    puid::Puid,
    session::{EndReason, Progress, Session, SessionState, User},
};
use wechat::{Channel, Error, LoginMode, Opened};

use super::{
    Halt, Phase, Task,
    book::Book,
    log::Log,
    login::{Attempt, ending_of},
    may_push,
    online::{Online, bytes_of},
    sync::Found,
};

impl<C: Channel> Task<C> {
    /// Turns a confirmed login into a session.
    pub(super) async fn open(&mut self, attempt: Attempt, redirect: &str) -> Result<Phase<C>, Halt> {
        match self.shared.channel.open(&attempt.ticket, redirect).await {
            Ok(opened) => self.welcome(opened).await,
            // The confirmation is used up: the person has to scan once more.
            Err(Error::Refused { reason }) if attempt.mode() == LoginMode::Desktop => {
                tracing::info!(reason, "refused as a desktop; trying as a browser");
                self.begin_scan(LoginMode::Normal, None).await
            }
            Err(error) => {
                tracing::warn!(%error, "the confirmed login does not open");
                self.end(ending_of(&error), None).await?;
                Ok(Phase::Offline)
            }
        }
    }

    /// Binds the app to the account, or turns it away; then reads its contacts.
    async fn welcome(&mut self, opened: Opened<C::Session, C::Cursor>) -> Result<Phase<C>, Halt> {
        let relay = &self.shared.relay;
        let app = self.ledger(|| relay.store.app(&self.app)).await?;
        let Some(uin) = opened.user.uin else {
            return self
                .turn_away(opened, EndReason::Failed { reason: "WeChat did not tell the account".into() })
                .await;
        };
        let Some(owner) = self.bind(app, uin, &opened.user).await? else {
            return self.turn_away(opened, EndReason::AccountMismatch).await;
        };
        let user = User {
            uin,
            puid: owner.clone(),
            user_name: opened.user.user_name.clone(),
            nick_name: opened.user.nick_name.clone(),
        };
        let keys = Session::seal_credentials(&self.app, &bytes_of::<C>(&opened.session), &relay.sealer);
        let cursor = serde_json::to_string(&opened.cursor).expect("a cursor is plain data");
        let mut login_number = 0;
        self.change(|session| {
            session.state = SessionState::Online;
            session.login_number += 1;
            login_number = session.login_number;
            session.user = Some(user);
            session.credentials = Some(keys);
            session.cursor = Some(cursor);
            session.ending = None;
            session.last_error = None;
            session.contacts = Progress::default();
            session.last_sync = None;
        })
        .await?;
        let (log, _) = Log::load(self, login_number).await?;
        let config = &self.shared.config;
        let online = Box::new(Online::new(opened.session, opened.cursor, login_number, owner, log, config));
        let found = Found {
            user_name: opened.user.user_name.clone(),
            user: Some(opened.user),
            recent: opened.recent,
            mentioned: opened.mentioned,
        };
        self.read_book(online, found).await
    }

    /// The account's own puid, once the app is bound to it; `None` when it is bound to another.
    async fn bind(&self, app: Option<App>, uin: u64, user: &Card) -> Result<Option<Puid>, Halt> {
        let Some(app) = app else { return Err(Halt::Gone) };
        let relay = &self.shared.relay;
        let binding = match app.bound {
            Some(bound) if bound.uin != uin => return Ok(None),
            Some(bound) if bound.nick_name == user.nick_name => return Ok(Some(bound.puid)),
            Some(bound) => Binding { nick_name: user.nick_name.clone(), ..bound },
            None => {
                let contacts = self.ledger(|| relay.store.contacts(&self.app)).await?;
                let mut book = Book::new(contacts, Vec::new(), relay.now());
                book.full(std::slice::from_ref(user));
                let puid = book.puid(&user.user_name).expect("every card has been given a puid").clone();
                Binding { uin, puid, nick_name: user.nick_name.clone(), since: relay.now() }
            }
        };
        let bound = self.ledger(|| relay.store.bind(&self.app, &binding)).await?;
        Ok(bound.then_some(binding.puid))
    }

    async fn turn_away(&self, mut opened: Opened<C::Session, C::Cursor>, ending: EndReason) -> Result<Phase<C>, Halt> {
        self.close(&mut opened.session).await;
        self.end(ending, None).await?;
        Ok(Phase::Offline)
    }

    /// Where the ledger says that the session stands.
    pub(super) async fn resume(&mut self) -> Result<Phase<C>, Halt> {
        let shared = std::sync::Arc::clone(&self.shared);
        let _turn = shared.resumes.acquire().await;
        let Some(session) = self.ledger(|| shared.relay.store.session(&self.app)).await? else {
            return Ok(Phase::Offline);
        };
        match session.state {
            SessionState::Offline if may_push(&session) => self.push_again(&session).await,
            SessionState::Offline => Ok(Phase::Offline),
            SessionState::Starting => self.begin_scan(LoginMode::Desktop, None).await,
            SessionState::Waiting | SessionState::Scanned => match self.attempt_of(&session) {
                Some(attempt) => Ok(Phase::Login(Box::new(attempt))),
                None => self.begin_scan(LoginMode::Desktop, None).await,
            },
            SessionState::Online => self.take_up(session).await,
        }
    }

    async fn push_again(&mut self, session: &Session) -> Result<Phase<C>, Halt> {
        match (self.keys_of(session), &session.ending) {
            (Some(keys), Some(EndReason::EndedByWeChat { code })) => self.begin_push(&keys, *code).await,
            _ => Ok(Phase::Offline),
        }
    }

    fn keys_of(&self, session: &Session) -> Option<C::Session> {
        let bytes = session.open_credentials(&self.app, &self.shared.relay.sealer)?.ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Goes on with a session without a new scan.
    async fn take_up(&mut self, session: Session) -> Result<Phase<C>, Halt> {
        let unreadable = || EndReason::Failed { reason: "the kept session cannot be opened".into() };
        let (Some(keys), Some(user)) = (self.keys_of(&session), session.user) else {
            self.end(unreadable(), None).await?;
            return Ok(Phase::Offline);
        };
        let (log, riding) = Log::load(self, session.login_number).await?;
        let Some(cursor) = riding.or(session.cursor).and_then(|place| serde_json::from_str(&place).ok()) else {
            self.end(unreadable(), None).await?;
            return Ok(Phase::Offline);
        };
        let config = &self.shared.config;
        let mut online = Box::new(Online::new(keys, cursor, session.login_number, user.puid.clone(), log, config));
        online.troubled = session.last_error.is_some();
        if session.last_sync.is_none() {
            // The first reading of this login was cut short. What only its beginning told (recent chats that are
            // saved nowhere) comes again with their next message.
            return self.read_book(online, Found { user_name: user.user_name, ..Found::default() }).await;
        }
        Ok(Phase::Online(online))
    }
}
