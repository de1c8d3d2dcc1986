//! Logins: a QR code, or a question on the phone, followed to its end.

use std::sync::Arc;

use domain::{
    job::{Command, JobState},
    session::{EndReason, Login, Session, SessionState},
};
use tokio::time::{Instant, sleep_until};
use wechat::{Channel, Error, LoginMode, LoginStatus, LoginTicket};

use super::{Halt, Order, Phase, Task, orders::Claimed};
use crate::backoff::Backoff;

/// How often WeChat is asked to begin a login before that is given up.
const ATTEMPTS: u32 = 3;

/// A login that waits for the phone.
pub(super) struct Attempt {
    pub ticket: LoginTicket,
    /// When it is given up.
    deadline: Instant,
    /// For a push login: the code with which WeChat ended the session before.
    pushed_after: Option<i64>,
}

impl Attempt {
    pub fn mode(&self) -> LoginMode {
        if self.ticket.desktop { LoginMode::Desktop } else { LoginMode::Normal }
    }
}

/// What came while a login waited.
enum Event {
    Status(Result<LoginStatus, Error>),
    Order(Order),
    TooLate,
}

impl<C: Channel> Task<C> {
    /// Asks for a QR code. The job ends when the code is there: who waits for it can show it then.
    pub(super) async fn begin_scan(&mut self, mode: LoginMode, claimed: Option<Claimed>) -> Result<Phase<C>, Halt> {
        self.change(|session| {
            session.state = SessionState::Starting;
            session.login = None;
            session.credentials = None;
            session.ending = None;
            session.last_error = None;
        })
        .await?;
        match self.ask_for_login(|| self.shared.channel.start_login(mode)).await? {
            Ok(ticket) => {
                let phase = self.wait_for_phone(ticket, None).await?;
                if let Some(claimed) = claimed {
                    self.finish(claimed, JobState::Sent { message_id: None }).await?;
                }
                Ok(phase)
            }
            Err(error) => {
                tracing::warn!(%error, "there is no QR code");
                self.end(ending_of(&error), None).await?;
                if let Some(claimed) = claimed {
                    self.fail(claimed, error.to_string()).await?;
                }
                Ok(Phase::Offline)
            }
        }
    }

    /// Asks WeChat to begin a login, and again where that may help.
    async fn ask_for_login<Asked>(&self, ask: impl Fn() -> Asked) -> Result<Result<LoginTicket, Error>, Halt>
    where
        Asked: Future<Output = Result<LoginTicket, Error>>,
    {
        let mut backoff = Backoff::new(self.shared.config.retry);
        loop {
            match ask().await {
                Err(Error::Transient { .. }) if backoff.failures() + 1 < ATTEMPTS => {
                    self.rest(backoff.failed(self.shared.jitter())).await?;
                }
                result => return Ok(result),
            }
        }
    }

    /// After WeChat has ended a session: asks the phone once to confirm a new one.
    pub(super) async fn begin_push(&mut self, keys: &C::Session, code: i64) -> Result<Phase<C>, Halt> {
        match self.ask_for_login(|| self.shared.channel.push_login(keys)).await? {
            Ok(ticket) => self.wait_for_phone(ticket, Some(code)).await,
            Err(error) => {
                tracing::info!(%error, "the phone was not asked; a QR code is needed");
                self.end(EndReason::EndedByWeChat { code }, None).await?;
                Ok(Phase::Offline)
            }
        }
    }

    async fn wait_for_phone(&self, ticket: LoginTicket, pushed_after: Option<i64>) -> Result<Phase<C>, Halt> {
        let config = &self.shared.config;
        let lifetime = if pushed_after.is_some() { config.push_wait } else { config.qr_lifetime };
        let expires = self.shared.relay.now() + lifetime;
        let login = Login {
            uuid: ticket.uuid.clone(),
            qr_content: ticket.qr_content.clone(),
            qr_url: ticket.qr_url.clone(),
            avatar: None,
            expires,
        };
        self.change(|session| {
            session.state = SessionState::Waiting;
            session.login = Some(login);
        })
        .await?;
        Ok(Phase::Login(Box::new(Attempt { ticket, deadline: Instant::now() + lifetime, pushed_after })))
    }

    /// Goes on with the login of a row: another worker began it, or this one before it was restarted.
    pub(super) fn attempt_of(&self, session: &Session) -> Option<Attempt> {
        let login = session.login.as_ref()?;
        let pushed_after = match session.ending {
            Some(EndReason::EndedByWeChat { code }) => Some(code),
            _ => None,
        };
        let left = login.expires.duration_since(self.shared.relay.now());
        let ticket = LoginTicket {
            uuid: login.uuid.clone(),
            qr_content: login.qr_content.clone(),
            qr_url: login.qr_url.clone(),
            // The row does not tell. Nearly all are; another is refused, and begun anew in normal mode.
            desktop: true,
            scanned: session.state == SessionState::Scanned,
        };
        Some(Attempt { ticket, deadline: Instant::now() + left.try_into().unwrap_or_default(), pushed_after })
    }

    /// Follows a login to its end.
    pub(super) async fn follow(&mut self, mut attempt: Box<Attempt>) -> Result<Phase<C>, Halt> {
        let mut backoff = Backoff::new(self.shared.config.retry);
        loop {
            match self.next_status(&mut attempt, &mut backoff).await? {
                Ok(LoginStatus::Waiting) => {}
                Ok(LoginStatus::Scanned { avatar }) => {
                    if !attempt.ticket.scanned {
                        attempt.ticket.scanned = true;
                        self.change(|session| {
                            session.state = SessionState::Scanned;
                            if let Some(login) = &mut session.login {
                                login.avatar = avatar;
                            }
                        })
                        .await?;
                    }
                }
                Ok(LoginStatus::Confirmed { redirect }) => return Box::pin(self.open(*attempt, &redirect)).await,
                Ok(LoginStatus::Expired) => return self.give_up(&attempt, EndReason::Expired).await,
                Err(phase) => return Ok(phase),
            }
        }
    }

    /// The next answer; or the phase that a command or the time have led to instead. WeChat tells a status once, so
    /// the poll goes on while commands are looked at.
    async fn next_status(
        &mut self,
        attempt: &mut Attempt,
        backoff: &mut Backoff,
    ) -> Result<Result<LoginStatus, Phase<C>>, Halt> {
        let shared = Arc::clone(&self.shared);
        let ticket = attempt.ticket.clone();
        let deadline = attempt.deadline;
        let mut asked = Box::pin(shared.channel.login_status(&ticket));
        loop {
            let event = tokio::select! {
                biased;
                status = &mut asked => Event::Status(status),
                order = self.next_order() => Event::Order(order?),
                () = sleep_until(deadline) => Event::TooLate,
            };
            match event {
                Event::Status(Ok(status)) => return Ok(Ok(status)),
                Event::Status(Err(error @ (Error::Transient { .. } | Error::RateLimited { .. }))) => {
                    tracing::debug!(%error, "the login's status is not known");
                    let told =
                        if let Error::RateLimited { after } = error { after } else { backoff.failed(shared.jitter()) };
                    self.rest(told).await?;
                    asked = Box::pin(shared.channel.login_status(&ticket));
                }
                Event::Status(Err(error)) => return self.give_up(attempt, ending_of(&error)).await.map(Err),
                Event::Order(order) => {
                    if let Some(phase) = self.while_waiting(attempt, order).await? {
                        return Ok(Err(phase));
                    }
                }
                Event::TooLate => return self.give_up(attempt, EndReason::Expired).await.map(Err),
            }
        }
    }

    /// A command while a login waits: another login joins it, unless it is a push login, which has no code to show.
    async fn while_waiting(&mut self, attempt: &Attempt, order: Order) -> Result<Option<Phase<C>>, Halt> {
        let Some(claimed) = self.claim(order).await? else { return Ok(None) };
        match claimed.job.command {
            Command::Login if attempt.ticket.qr_content.is_none() => {
                Ok(Some(self.begin_scan(LoginMode::Desktop, Some(claimed)).await?))
            }
            Command::Logout => {
                self.end(EndReason::LoggedOut, None).await?;
                self.refuse(claimed).await?;
                Ok(Some(Phase::Offline))
            }
            _ => {
                self.refuse(claimed).await?;
                Ok(None)
            }
        }
    }

    /// A push login that was not answered changes nothing in why the session has ended.
    async fn give_up(&self, attempt: &Attempt, ending: EndReason) -> Result<Phase<C>, Halt> {
        let ending = attempt.pushed_after.map_or(ending, |code| EndReason::EndedByWeChat { code });
        self.end(ending, None).await?;
        Ok(Phase::Offline)
    }
}

pub(super) fn ending_of(error: &Error) -> EndReason {
    match error {
        Error::Refused { reason } => EndReason::Refused { reason: reason.clone() },
        Error::LoggedOut { code } => EndReason::EndedByWeChat { code: *code },
        Error::RateLimited { .. } | Error::Transient { .. } | Error::Protocol { .. } => {
            EndReason::Failed { reason: error.to_string() }
        }
    }
}
