//! A login by QR code, or a push login, followed to its end.

use std::{future::Future, time::Duration};

use channel::{Credentials, Error, LoginProgress, NewLogin, Ticket};
use domain::{
    job::{Command, JobState},
    session::{EndReason, Login as LoginRow, Session as SessionRow, SessionState},
};
use tokio::time::{Instant, sleep_until};

use super::{Phase, end::end_reason};
use crate::{
    backoff::Backoff,
    session::{
        Context, Halt,
        inbox::{ClaimedJob, Inbox, PendingCommand},
    },
};

/// How often the channel is asked to begin a login.
const ATTEMPTS: u32 = 3;

/// A login that waits for the person.
pub(in crate::session) struct Login {
    row: LoginRow,
    /// When it is given up.
    deadline: Instant,
    /// For a push login: the code with which WeChat ended the session before.
    pushed_after: Option<i64>,
}

/// What ended a wait.
enum Event {
    Progress(Result<LoginProgress, Error>),
    Command(PendingCommand),
    DeadlinePassed,
}

/// What a wait led to.
enum Next {
    Progress(LoginProgress),
    Phase(Phase),
}

/// Begins a login by QR code. The job ends when the code is in the ledger, where its caller finds it.
pub(super) async fn begin(context: &Context, inbox: &Inbox, claimed: Option<ClaimedJob>) -> Result<Phase, Halt> {
    let ledger = &context.ledger;
    let mut previous = None;
    ledger
        .change_session(|row| {
            previous = ledger.unseal(row);
            row.state = SessionState::Starting;
            row.login = None;
            row.credentials = None;
            row.ending = None;
            row.last_error = None;
        })
        .await?;
    match ask(context, || context.channel.start_login(previous.as_ref())).await? {
        Ok(new) => {
            let phase = wait_for_person(context, new, None).await?;
            if let Some(claimed) = claimed {
                inbox.finish(claimed, JobState::Sent { message_id: None }).await?;
            }
            Ok(phase)
        }
        Err(error) => {
            tracing::warn!(%error, "login not started");
            ledger.end_session(end_reason(&error), None).await?;
            if let Some(claimed) = claimed {
                inbox.fail(claimed, error.to_string()).await?;
            }
            Ok(Phase::Offline)
        }
    }
}

/// After WeChat has ended a session: asks the phone once to confirm a new one.
pub(super) async fn push(context: &Context, ended: &Credentials, code: i64) -> Result<Phase, Halt> {
    match ask(context, || context.channel.push_login(ended)).await? {
        Ok(new) => wait_for_person(context, new, Some(code)).await,
        Err(error) => {
            tracing::info!(%error, "push login not started; a QR code is needed");
            context.ledger.end_session(EndReason::EndedByWeChat { code }, None).await?;
            Ok(Phase::Offline)
        }
    }
}

/// Asks the channel to begin a login, and again after a passing failure.
async fn ask<Asked>(context: &Context, request: impl Fn() -> Asked) -> Result<Result<NewLogin, Error>, Halt>
where
    Asked: Future<Output = Result<NewLogin, Error>>,
{
    let mut backoff = context.ledger.backoff();
    loop {
        match request().await {
            Err(Error::Transient { .. }) if backoff.failures() + 1 < ATTEMPTS => {
                context.ledger.pause(context.ledger.next_pause(&mut backoff)).await?;
            }
            result => return Ok(result),
        }
    }
}

/// Writes a login that has begun, and follows it.
pub(super) async fn wait_for_person(
    context: &Context,
    new: NewLogin,
    pushed_after: Option<i64>,
) -> Result<Phase, Halt> {
    let config = &context.worker.config;
    let lifetime = if pushed_after.is_some() { config.push_wait } else { config.qr_lifetime };
    let login = Login {
        row: LoginRow {
            uuid: new.id,
            ticket: new.ticket,
            steps: vec![new.step],
            expires: context.ledger.now() + lifetime,
        },
        deadline: Instant::now() + lifetime,
        pushed_after,
    };
    login.write(context, SessionState::Waiting).await?;
    Ok(Phase::Login(Box::new(login)))
}

impl Login {
    /// Continues a login that another worker, or this one before a restart, has begun. `None` where the row does not
    /// hold enough.
    pub(super) fn from_row(context: &Context, row: &SessionRow) -> Option<Self> {
        let login = row.login.clone().filter(|login| !login.steps.is_empty())?;
        let pushed_after = match row.ending {
            Some(EndReason::EndedByWeChat { code }) => Some(code),
            _ => None,
        };
        let left: Duration = login.expires.duration_since(context.ledger.now()).try_into().unwrap_or_default();
        Some(Self { row: login, deadline: Instant::now() + left, pushed_after })
    }

    async fn write(&self, context: &Context, state: SessionState) -> Result<(), Halt> {
        let login = self.row.clone();
        let write = context.ledger.change_session(|row| {
            row.state = state;
            row.login = Some(login);
        });
        write.await
    }

    /// Follows the login to its end.
    pub(super) async fn run(mut self: Box<Self>, context: &Context, inbox: &mut Inbox) -> Result<Phase, Halt> {
        let mut backoff = context.ledger.backoff();
        loop {
            let progress = match self.next(context, inbox, &mut backoff).await? {
                Next::Progress(progress) => progress,
                Next::Phase(phase) => return Ok(phase),
            };
            match progress {
                LoginProgress::Unchanged => {}
                LoginProgress::Step { ticket, step } => {
                    self.row.proceed(ticket, step);
                    self.write(context, SessionState::Scanned).await?;
                }
                LoginProgress::Restarted(new) => return Ok(Phase::Restarted(new)),
                LoginProgress::Confirmed { ticket } => return Ok(Phase::Opening(ticket)),
                LoginProgress::Expired => return self.give_up(context, EndReason::Expired).await,
            }
        }
    }

    /// Waits for progress. The poll continues while commands are handled, since the network may report a change once.
    async fn next(&self, context: &Context, inbox: &mut Inbox, backoff: &mut Backoff) -> Result<Next, Halt> {
        let ticket: &Ticket = &self.row.ticket;
        let mut poll = context.channel.poll_login(ticket, None);
        loop {
            let event = tokio::select! {
                biased;
                progress = &mut poll => Event::Progress(progress),
                command = inbox.next() => Event::Command(command?),
                () = sleep_until(self.deadline) => Event::DeadlinePassed,
            };
            match event {
                Event::Progress(Ok(progress)) => return Ok(Next::Progress(progress)),
                Event::Progress(Err(error @ (Error::Transient { .. } | Error::RateLimited { .. }))) => {
                    tracing::debug!(%error, "login poll failed; retrying");
                    let pause = match error {
                        Error::RateLimited { after } => after,
                        _ => context.ledger.next_pause(backoff),
                    };
                    context.ledger.pause(pause).await?;
                    poll = context.channel.poll_login(ticket, None);
                }
                Event::Progress(Err(error)) => {
                    return self.give_up(context, end_reason(&error)).await.map(Next::Phase);
                }
                Event::Command(command) => {
                    if let Some(phase) = self.handle(context, inbox, command).await? {
                        return Ok(Next::Phase(phase));
                    }
                }
                Event::DeadlinePassed => return self.give_up(context, EndReason::Expired).await.map(Next::Phase),
            }
        }
    }

    /// Handles a command while the login waits. Another login joins this one, unless this is a push login, which has no
    /// QR code to show.
    async fn handle(&self, context: &Context, inbox: &Inbox, command: PendingCommand) -> Result<Option<Phase>, Halt> {
        let Some(claimed) = inbox.claim(command).await? else { return Ok(None) };
        match claimed.job.command {
            Command::Login if self.row.qr_code().is_none() => begin(context, inbox, Some(claimed)).await.map(Some),
            Command::Logout => {
                context.ledger.end_session(EndReason::LoggedOut, None).await?;
                inbox.refuse(claimed).await?;
                Ok(Some(Phase::Offline))
            }
            _ => {
                inbox.refuse(claimed).await?;
                Ok(None)
            }
        }
    }

    /// Ends the login. After a push login that was not confirmed, the reason why the session ended stays.
    async fn give_up(&self, context: &Context, reason: EndReason) -> Result<Phase, Halt> {
        let reason = self.pushed_after.map_or(reason, |code| EndReason::EndedByWeChat { code });
        context.ledger.end_session(reason, None).await?;
        Ok(Phase::Offline)
    }
}
