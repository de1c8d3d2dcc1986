//! The phases of a session. Each owns its state; running one consumes it and returns the next.

mod end;
mod login;
mod offline;
mod online;
mod opening;
mod update;

use channel::{Credentials, NewLogin, Ticket};
use domain::session::{EndReason, Session as SessionRow, SessionState};

use self::{login::Login, online::Online};
use super::{Context, Halt, can_push, inbox::Inbox};
use crate::monitor::SessionPhase;

/// What a session does now.
pub(super) enum Phase {
    /// No account is logged in; waits for a login command.
    Offline,
    /// WeChat has ended a session; asks the phone once to confirm a new one.
    PushLogin { ended: Credentials, code: i64 },
    /// The channel has replaced a login by a new one.
    Restarted(NewLogin),
    /// Waits for the person to scan or to confirm.
    Login(Box<Login>),
    /// Opens the session of a confirmed login, binds the app to the account and reads its contacts.
    Opening(Ticket),
    /// Logged in: messages flow.
    Online(Box<Online>),
}

impl Phase {
    pub(super) fn session_phase(&self) -> SessionPhase {
        match self {
            Self::Offline => SessionPhase::Offline,
            Self::PushLogin { .. } | Self::Restarted(_) | Self::Login(_) | Self::Opening(_) => SessionPhase::LoggingIn,
            Self::Online(_) => SessionPhase::Online,
        }
    }

    /// Runs the phase to its end.
    pub(super) async fn run(self, context: &Context, inbox: &mut Inbox) -> Result<Self, Halt> {
        match self {
            Self::Offline => Box::pin(offline::run(context, inbox)).await,
            Self::PushLogin { ended, code } => Box::pin(login::push(context, &ended, code)).await,
            Self::Restarted(new) => Box::pin(login::wait_for_person(context, new, None)).await,
            Self::Login(login) => Box::pin(login.run(context, inbox)).await,
            Self::Opening(ticket) => Box::pin(opening::open(context, &ticket)).await,
            Self::Online(online) => online.run(context, inbox).await,
        }
    }
}

/// The phase in which the ledger says that a session is.
pub(super) async fn resume(context: &Context, inbox: &mut Inbox, row: SessionRow) -> Result<Phase, Halt> {
    match row.state {
        SessionState::Offline if can_push(&row) => match (context.ledger.unseal(&row), &row.ending) {
            (Some(ended), Some(EndReason::EndedByWeChat { code })) => Ok(Phase::PushLogin { ended, code: *code }),
            _ => Ok(Phase::Offline),
        },
        SessionState::Offline => Ok(Phase::Offline),
        SessionState::Starting => login::begin(context, inbox, None).await,
        SessionState::Waiting | SessionState::Scanned => match Login::from_row(context, &row) {
            Some(login) => Ok(Phase::Login(Box::new(login))),
            None => login::begin(context, inbox, None).await,
        },
        SessionState::Online => opening::resume_online(context, row).await,
    }
}
