//! The later attempts: parked chats that are due, and jobs that should have ended. Run by a schedule, and by a timer
//! in `local`.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use boot::{
    Grant::{self, Commands, DueIndex, Table},
    QueueOperation::SendMessage,
    TableOperation::{BatchGetItem, DeleteItem, GetItem, PutItem, Query, UpdateItem},
};
use domain::{delivery::Parked, error::chain, id::AppId, puid::Puid};
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use queue::CommandEnvelope;
use store::Due;

use crate::delivery::dispatch::{DispatchError, Dispatcher, Try};

/// The AWS operations that the sweep may call, besides writing its log.
pub const GRANTS: &[Grant] = &[
    Table(BatchGetItem),
    Table(DeleteItem),
    Table(GetItem),
    Table(PutItem),
    Table(Query),
    Table(UpdateItem),
    DueIndex(Query),
    Commands(SendMessage),
];

/// Due chats that are looked at in one round.
const CHATS_A_ROUND: i32 = 256;
/// Rounds of one sweep; what is left is due at the next.
const ROUNDS: usize = 32;
/// Apps whose callbacks are tried at once.
const APPS_AT_ONCE: usize = 32;
/// Chats of one app that are delivered at once.
const CHATS_AT_ONCE: usize = 8;
/// Waiting messages of a chat that are read at once.
const PAGE: i32 = 100;
/// Overdue jobs that are sent again by one sweep.
const JOBS: i32 = 256;
/// How long a chat is a sweep's own. Extended when half of it has passed, so it must be more than twice a try.
const CLAIM: SignedDuration = SignedDuration::from_secs(120);

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// Messages that callbacks took.
    pub delivered: AtomicU64,
    /// Chats that must wait longer.
    pub postponed: AtomicU64,
    /// Jobs whose envelopes were sent again.
    pub jobs: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Delivers what is due in a shard and sends overdue jobs again. A failure of the relay itself in one chat is logged
/// and leaves the others alone.
#[tracing::instrument(skip_all, fields(shard))]
pub async fn sweep(dispatcher: &Dispatcher, shard: u16) -> Result<Swept, DispatchError> {
    let swept = Swept::default();
    let store = &dispatcher.relay.store;
    // A chat has one try a sweep, also where another chat's success wakes it.
    let mut tried = HashSet::new();
    for _ in 0..ROUNDS {
        let due = store.due_chats(shard, dispatcher.relay.now(), CHATS_A_ROUND).await?;
        let mut apps: HashMap<AppId, Vec<Due<Puid>>> = HashMap::new();
        for chat in due.into_iter().filter(|chat| tried.insert((chat.app.clone(), chat.id.clone()))) {
            apps.entry(chat.app.clone()).or_default().push(chat);
        }
        if apps.is_empty() {
            break;
        }
        let sweep_app = |(app, chats)| AppSweep::new(dispatcher, &swept, app).run(chats);
        stream::iter(apps).for_each_concurrent(APPS_AT_ONCE, sweep_app).await;
    }
    for job in store.overdue_jobs(shard, dispatcher.relay.now(), JOBS).await? {
        if store.postpone_job(&job, dispatcher.relay.now()).await? {
            dispatcher.relay.queues.command(shard, &CommandEnvelope { app: job.app, job: job.id }).await?;
            count(&swept.jobs);
        }
    }
    Ok(swept)
}

/// The due chats of one app, which share a callback.
struct AppSweep<'a> {
    dispatcher: &'a Dispatcher,
    swept: &'a Swept,
    app: AppId,
    /// Set once the callback could not be reached at all: the other chats need not find out for themselves.
    down: OnceLock<String>,
    /// Set once the callback took something: everything else that is parked is worth a try.
    up: OnceLock<()>,
}

impl<'a> AppSweep<'a> {
    fn new(dispatcher: &'a Dispatcher, swept: &'a Swept, app: AppId) -> Self {
        Self { dispatcher, swept, app, down: OnceLock::new(), up: OnceLock::new() }
    }

    async fn run(self, chats: Vec<Due<Puid>>) {
        stream::iter(chats)
            .for_each_concurrent(CHATS_AT_ONCE, async |due| {
                if let Err(error) = self.chat(due).await {
                    tracing::error!(app.id = %self.app, error = %chain(&error), "a parked chat could not be swept");
                }
            })
            .await;
    }

    async fn chat(&self, due: Due<Puid>) -> Result<(), DispatchError> {
        let store = &self.dispatcher.relay.store;
        let until = self.dispatcher.relay.now() + CLAIM;
        let Some(parked) = store.claim_chat(&due, until).await? else { return Ok(()) };
        if let Some(error) = self.down.get() {
            return self.postpone(parked, error.clone()).await;
        }
        self.empty(parked, until).await
    }

    /// Delivers what waits in a chat, page by page, until nothing does.
    async fn empty(&self, parked: Parked, mut until: Timestamp) -> Result<(), DispatchError> {
        let store = &self.dispatcher.relay.store;
        loop {
            let waiting = store.waiting_in(&self.app, &parked.chat, PAGE).await?;
            if waiting.is_empty() && store.unpark(&self.app, &parked).await? {
                return Ok(());
            }
            for seq in waiting {
                if !self.still_ours(&parked.chat, &mut until).await? {
                    return Ok(());
                }
                match self.dispatcher.try_once(&self.app, &parked.chat, seq).await? {
                    Try::Received => self.received().await?,
                    Try::Skipped => {}
                    Try::Failed(failure) => {
                        if failure.is_general() {
                            let _ = self.down.set(failure.to_string());
                        }
                        return self.postpone(parked, failure.to_string()).await;
                    }
                }
                store.remove_waiting(&self.app, &parked.chat, seq).await?;
            }
        }
    }

    /// The first success wakes what else is parked. The chats of this sweep are claimed, and keep their own times.
    async fn received(&self) -> Result<(), DispatchError> {
        count(&self.swept.delivered);
        if self.up.set(()).is_ok() {
            self.dispatcher.relay.store.wake_parked(&self.app, self.dispatcher.relay.now()).await?;
        }
        Ok(())
    }

    /// Extends the claim in time: `false` when another sweep has taken the chat.
    async fn still_ours(&self, chat: &Puid, until: &mut Timestamp) -> Result<bool, DispatchError> {
        let now = self.dispatcher.relay.now();
        if until.duration_since(now) > CLAIM / 2 {
            return Ok(true);
        }
        let due = Due { app: self.app.clone(), id: chat.clone(), at: until.as_millisecond() };
        *until = now + CLAIM;
        Ok(self.dispatcher.relay.store.claim_chat(&due, *until).await?.is_some())
    }

    async fn postpone(&self, mut parked: Parked, error: String) -> Result<(), DispatchError> {
        parked.attempts = parked.attempts.saturating_add(1);
        parked.due = self.dispatcher.next_attempt(parked.attempts, self.dispatcher.relay.now());
        tracing::warn!(app.id = %self.app, chat.attempts = parked.attempts, %error, "a parked chat must wait longer");
        parked.last_error = error;
        count(&self.swept.postponed);
        Ok(self.dispatcher.relay.store.postpone_chat(&self.app, &parked).await?)
    }
}

#[cfg(test)]
mod tests;
