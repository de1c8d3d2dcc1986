//! An app's session: one task that runs one phase after the other.
//!
//! ```text
//!            ┌──── ended by WeChat: push login, once ────┐
//!            ▼                                           │
//!      Phase::Login ──confirmed──▶ Phase::Opening ──▶ Phase::Online
//!       ▲    │                                           │
//!       │    └─ expired, refused, logout ─▶ Phase::Offline ◀─ logout
//!       └──────────────── login command ──────────┘
//! ```
//! A phase owns its state and consumes itself: [`Phase::run`] returns the next one. Between phases a session keeps only
//! what a [`Context`] holds and the commands in its [`Inbox`]; everything else is read from the ledger.
//!
//! # Order of steps with a batch
//! ```text
//! wait ─▶ fetch ─▶ resolve peers to puids ─▶ append rows, checkpoint on the last ─▶ send envelopes ─▶ wait
//! ```
//! A phase can be stopped while it waits for the channel, for a command or for a pause to end; never between fetching a
//! batch and sending its envelopes.
//!
//! Bytes never pass through the loop. Tasks beside it, with connections of their own, download the media of received
//! messages ([`downloads`]) and the pictures of contacts ([`avatars`]), and upload the media of jobs ([`upload`]). The
//! loop waits for their results as it waits for polls and commands. A task that is dropped continues from the ledger in
//! the next session.

mod actions;
mod avatars;
mod contacts;
mod downloads;
mod envelopes;
mod inbound;
mod inbox;
mod ledger;
mod log;
mod outbound;
mod phase;
mod reconcile;
mod summaries;
#[cfg(test)]
mod tests;
mod transfer;
mod upload;
mod whole;

use std::{convert::Infallible, sync::Arc};

use channel::Channel;
use domain::{
    id::AppId,
    session::{EndReason, Session as SessionRow, SessionState},
};
use futures_util::future::join;
use store::Lease;
use tokio::sync::{mpsc, watch};

pub(crate) use self::inbox::PendingCommand;
use self::{inbox::Inbox, ledger::Ledger, phase::Phase};
use crate::{context::WorkerContext, monitor::SessionCount};

/// Why a session's task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The worker shuts down, or another worker holds the shard's lease.
    Stopped,
    /// The app was deleted.
    AppDeleted,
    /// The ledger holds a row that cannot be read, or refuses a request for what it contains; the error was logged.
    Unreadable,
}

/// Whether a worker that acquires the shard has to run the session at once.
pub(crate) fn is_resumable(session: &SessionRow) -> bool {
    session.state != SessionState::Offline || can_push(session)
}

/// Whether WeChat ended the session and a push login was not tried yet: trying it removes the credentials.
fn can_push(session: &SessionRow) -> bool {
    session.credentials.is_some() && matches!(session.ending, Some(EndReason::EndedByWeChat { .. }))
}

/// What every phase needs: the worker, the app's channel and the app's part of the ledger.
#[derive(Clone)]
struct Context {
    worker: Arc<WorkerContext>,
    channel: Arc<dyn Channel>,
    ledger: Ledger,
}

/// An app's session.
pub(crate) struct Session {
    worker: Arc<WorkerContext>,
    ledger: Ledger,
    inbox: Inbox,
}

impl Session {
    pub(crate) fn new(
        worker: Arc<WorkerContext>,
        app: AppId,
        lease: Arc<Lease>,
        commands: mpsc::UnboundedReceiver<PendingCommand>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let ledger = Ledger::new(Arc::clone(&worker), app, lease, stopping);
        let inbox = Inbox::new(commands, ledger.clone());
        Self { worker, ledger, inbox }
    }

    /// Runs until the session has to end. A session that stops returns its commands to the queue.
    pub(crate) async fn run(mut self) -> Halt {
        let Err(halt) = self.run_phases().await;
        if halt == Halt::Stopped {
            Box::pin(self.inbox.return_to_queue()).await;
        }
        halt
    }

    async fn run_phases(&mut self) -> Result<Infallible, Halt> {
        let (context, mut phase) = Box::pin(self.resume()).await?;
        loop {
            let _count = SessionCount::new(&self.worker.counts, phase.session_phase());
            phase = phase.run(&context, &mut self.inbox).await?;
        }
    }

    /// Continues where the ledger says that the session was.
    async fn resume(&mut self) -> Result<(Context, Phase), Halt> {
        let _permit = self.worker.resumes.acquire().await;
        let app = self.ledger.ask(store::Store::app);
        let row = self.ledger.ask(store::Store::session);
        let (app, row) = join(app, row).await;
        // A deleted app still has its commands completed, which needs a channel of any kind.
        let kind = app?.map(|app| app.channel).unwrap_or_default();
        let channel = Arc::clone(self.worker.channels.get(kind));
        let context = Context { worker: Arc::clone(&self.worker), channel, ledger: self.ledger.clone() };
        let phase = match row? {
            Some(row) => phase::resume(&context, &mut self.inbox, row).await?,
            None => Phase::Offline,
        };
        Ok((context, phase))
    }
}
