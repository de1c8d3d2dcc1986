//! The phases of a session. Each owns its state; running one consumes it and returns the next.

mod login;
mod offline;
mod online;
mod opening;

use domain::session::{EndReason, Session as SessionRow, SessionState};

use self::{login::Login, online::Online};
use super::{Context, Halt, can_push, inbox::Inbox};
use crate::monitor::SessionPhase;

/// What a session does now.
pub(super) enum Phase {
    /// No account is logged in; waits for a login command.
    Offline,
    /// Waits for the person to scan or to confirm.
    Login(Box<Login>),
    /// Logged in: messages flow.
    Online(Box<Online>),
}

impl Phase {
    pub(super) fn session_phase(&self) -> SessionPhase {
        match self {
            Self::Offline => SessionPhase::Offline,
            Self::Login(_) => SessionPhase::LoggingIn,
            Self::Online(_) => SessionPhase::Online,
        }
    }

    /// Runs the phase to its end.
    pub(super) async fn run(self, context: &Context, inbox: &mut Inbox) -> Result<Self, Halt> {
        match self {
            Self::Offline => Box::pin(offline::run(context, inbox)).await,
            Self::Login(login) => Box::pin(login.run(context, inbox)).await,
            Self::Online(online) => online.run(context, inbox).await,
        }
    }
}

/// The phase in which the ledger says that a session is.
pub(super) async fn resume(context: &Context, inbox: &mut Inbox, row: SessionRow) -> Result<Phase, Halt> {
    match row.state {
        SessionState::Offline if can_push(&row) => match (context.ledger.unseal(&row), &row.ending) {
            (Some(credentials), Some(EndReason::EndedByWeChat { code })) => {
                login::push(context, &credentials, *code).await
            }
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
