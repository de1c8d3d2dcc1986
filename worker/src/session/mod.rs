//! An app's session: one task, one plain loop.
//!
//! ```text
//!            ┌──────────── ended by WeChat: push login once ───────────┐
//!            ▼                                                         │
//!  Phase::Login ──confirmed──▶ opened, bound, book read ──▶ Phase::Online
//!       ▲    │                                                         │
//!       │    └─ expired, refused, cancelled ─▶ Phase::Offline ◀─ logout┘
//!       └───────────────── a login job ─────────────┘
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `login` | QR codes and push logins, followed to their end |
//! | `open` | from a confirmed login to a session, and from the ledger's session after a restart |
//! | `poll` | the loop of a session that is online |
//! | `batch` | a batch of messages into the log and on its way |
//! | `names` | whose a user name is |
//! | `book`, `sync` | the contact book: what changed in it (no I/O), and reading and writing it |
//! | `log` | the log's end: numbers, known ids, appending |
//! | `reconcile` | what is in the log and was not delivered |
//! | `send` | jobs: texts out, logout |
//! | `ledger` | asking the ledger until it answers |
//!
//! A change of phase consumes the old one. Between phases a session keeps nothing but its ids and the commands that
//! wait; what it must know it reads from the ledger.

mod batch;
mod book;
mod ledger;
mod log;
mod login;
mod names;
mod online;
mod open;
mod orders;
mod poll;
mod reconcile;
mod send;
mod sync;

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use boot::Relay;
use domain::{
    id::AppId,
    job::Command,
    session::{EndReason, Session, SessionState},
};
use store::Lease;
use tokio::sync::{Semaphore, mpsc, watch};
use wechat::Channel;

pub(crate) use self::orders::Order;
use self::{login::Attempt, online::Online, orders::Claimed};
use crate::{
    Config,
    census::{Census, Place, Standing},
    health::Health,
};

/// Contact books that may be in memory at once.
const BOOKS: usize = 8;
/// Sessions that may be brought back at once after a restart.
const RESUMES: usize = 32;

/// What all sessions of a worker share.
pub(crate) struct Shared<C> {
    pub relay: Relay,
    pub channel: C,
    pub config: Config,
    pub census: Arc<Census>,
    pub health: Arc<Health>,
    books: Semaphore,
    resumes: Semaphore,
}

impl<C> Shared<C> {
    pub fn new(relay: Relay, channel: C, config: Config) -> Self {
        let (census, health) = (Arc::default(), Arc::new(Health::new(config.stuck_after)));
        let (books, resumes) = (Semaphore::new(BOOKS), Semaphore::new(RESUMES));
        Self { relay, channel, config, census, health, books, resumes }
    }

    /// Something to spread pauses with.
    pub fn jitter(&self) -> u8 {
        self.relay.ids.random()[15]
    }
}

/// Why a session's task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Asked to, or another worker has the shard.
    Stopped,
    /// The app was deleted.
    Gone,
    /// The ledger has a row that cannot be read; it was logged.
    Unreadable,
}

/// Whether a session has something to go on with when a worker takes its shard.
pub(crate) fn goes_on(session: &Session) -> bool {
    session.state != SessionState::Offline || may_push(session)
}

/// Whether WeChat has ended the session and the phone was not asked yet: the keys go once it was.
fn may_push(session: &Session) -> bool {
    session.credentials.is_some() && matches!(session.ending, Some(EndReason::EndedByWeChat { .. }))
}

/// Where a session stands.
enum Phase<C: Channel> {
    Offline,
    Login(Box<Attempt>),
    Online(Box<Online<C>>),
}

impl<C: Channel> Phase<C> {
    fn standing(&self) -> Standing {
        match self {
            Self::Offline => Standing::Offline,
            Self::Login(_) => Standing::LoggingIn,
            Self::Online(_) => Standing::Online,
        }
    }
}

/// An app's session task.
pub(crate) struct Task<C> {
    shared: Arc<Shared<C>>,
    app: AppId,
    lease: Arc<Lease>,
    incoming: mpsc::UnboundedReceiver<Order>,
    stopping: watch::Receiver<bool>,
    /// Commands that wait for their turn.
    waiting: VecDeque<Order>,
    /// The command whose turn it is, where it must be tried again.
    in_hand: Option<Claimed>,
}

impl<C: Channel> Task<C> {
    pub fn new(
        shared: Arc<Shared<C>>,
        app: AppId,
        lease: Arc<Lease>,
        incoming: mpsc::UnboundedReceiver<Order>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { shared, app, lease, incoming, stopping, waiting: VecDeque::new(), in_hand: None }
    }

    /// Runs until it has to end, and says why.
    pub async fn run(mut self) -> Halt {
        let Err(halt) = self.live().await;
        if halt == Halt::Stopped {
            Box::pin(self.give_back()).await;
        }
        halt
    }

    async fn live(&mut self) -> Result<Infallible, Halt> {
        let mut phase = Box::pin(self.resume()).await?;
        loop {
            let _place = Place::new(&self.shared.census, phase.standing());
            phase = match phase {
                Phase::Offline => Box::pin(self.offline()).await?,
                Phase::Login(attempt) => Box::pin(self.follow(attempt)).await?,
                Phase::Online(online) => self.online(online).await?,
            }
        }
    }

    /// Waits for a command that begins a login; others have nothing to do, or nobody to do it with.
    async fn offline(&mut self) -> Result<Phase<C>, Halt> {
        loop {
            let order = self.next_order().await?;
            let Some(claimed) = self.claim(order).await? else { continue };
            match claimed.job.command {
                Command::Login => return self.begin_scan(wechat::LoginMode::Desktop, Some(claimed)).await,
                _ => self.refuse(claimed).await?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<Input, F: Future>(_: impl FnOnce(Input) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_task_is_small() {
        // It is there for every session, tens of thousands in a process; what is seldom needed is boxed.
        let size = size_of_future(Task::<wechat::WebWeChat>::run);
        assert!(size <= 4 * 1024, "{size} bytes");
    }
}
