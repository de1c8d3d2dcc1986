//! The sweep: makes the later attempts in parked chats that are due, and sends the envelopes of overdue jobs again. A
//! schedule starts it, in `local` a timer.

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

use crate::delivery::dispatch::{AttemptOutcome, DispatchError, Dispatcher};

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

/// Due chats that are read in one round.
const CHATS_PER_ROUND: i32 = 256;
/// Rounds of one sweep. What is left is due at the next sweep.
const ROUNDS: usize = 32;
/// Apps that are swept side by side.
const CONCURRENT_APPS: usize = 32;
/// Chats of one app that are swept side by side.
const CONCURRENT_CHATS: usize = 8;
/// Waiting messages of a chat that are read at once.
const PAGE: i32 = 100;
/// Overdue jobs of one sweep.
const JOBS: i32 = 256;
/// How long a sweep claims a chat. It extends the claim after half of this time, so the time must exceed two attempts.
const CLAIM: SignedDuration = SignedDuration::from_secs(120);

/// What a sweep has done.
#[derive(Debug, Default)]
pub struct SweepCounts {
    /// Messages delivered.
    pub delivered: AtomicU64,
    /// Chats whose attempt failed again.
    pub postponed: AtomicU64,
    /// Jobs whose envelopes were sent again.
    pub jobs: AtomicU64,
}

fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Sweeps a shard. A failure of the relay itself in one chat is logged and does not affect other chats.
#[tracing::instrument(skip_all, fields(shard))]
pub async fn sweep(dispatcher: &Dispatcher, shard: u16) -> Result<SweepCounts, DispatchError> {
    let counts = SweepCounts::default();
    let store = &dispatcher.relay.store;
    // A chat gets one attempt per sweep, even if the success in another chat makes it due again.
    let mut attempted = HashSet::new();
    for _ in 0..ROUNDS {
        let due = store.due_chats(shard, dispatcher.relay.now(), CHATS_PER_ROUND).await?;
        let mut apps: HashMap<AppId, Vec<Due<Puid>>> = HashMap::new();
        for chat in due.into_iter().filter(|chat| attempted.insert((chat.app.clone(), chat.id.clone()))) {
            apps.entry(chat.app.clone()).or_default().push(chat);
        }
        if apps.is_empty() {
            break;
        }
        let sweep_app = |(app, chats)| AppSweep::new(dispatcher, &counts, app).run(chats);
        stream::iter(apps).for_each_concurrent(CONCURRENT_APPS, sweep_app).await;
    }
    for job in store.overdue_jobs(shard, dispatcher.relay.now(), JOBS).await? {
        if store.postpone_job(&job, dispatcher.relay.now()).await? {
            dispatcher.relay.queues.command(shard, &CommandEnvelope { app: job.app, job: job.id }).await?;
            increment(&counts.jobs);
        }
    }
    Ok(counts)
}

/// The due chats of one app, which share a callback.
struct AppSweep<'a> {
    dispatcher: &'a Dispatcher,
    counts: &'a SweepCounts,
    app: AppId,
    /// The error, once the callback could not be reached: the other chats are postponed without an attempt.
    unreachable: OnceLock<String>,
    /// Set once the callback has accepted a message: the app's other parked chats become due.
    accepted: OnceLock<()>,
}

impl<'a> AppSweep<'a> {
    fn new(dispatcher: &'a Dispatcher, counts: &'a SweepCounts, app: AppId) -> Self {
        Self { dispatcher, counts, app, unreachable: OnceLock::new(), accepted: OnceLock::new() }
    }

    async fn run(self, chats: Vec<Due<Puid>>) {
        stream::iter(chats)
            .for_each_concurrent(CONCURRENT_CHATS, async |due| {
                if let Err(error) = self.sweep_chat(due).await {
                    tracing::error!(app.id = %self.app, error = %chain(&error), "sweep of a parked chat failed");
                }
            })
            .await;
    }

    async fn sweep_chat(&self, due: Due<Puid>) -> Result<(), DispatchError> {
        let store = &self.dispatcher.relay.store;
        let until = self.dispatcher.relay.now() + CLAIM;
        let Some(parked) = store.claim_chat(&due, until).await? else { return Ok(()) };
        if let Some(error) = self.unreachable.get() {
            return self.postpone(parked, error.clone()).await;
        }
        self.drain(parked, until).await
    }

    /// Delivers the chat's backlog, page by page, until it is empty.
    async fn drain(&self, parked: Parked, mut until: Timestamp) -> Result<(), DispatchError> {
        let store = &self.dispatcher.relay.store;
        loop {
            let waiting = store.waiting_in(&self.app, &parked.chat, PAGE).await?;
            if waiting.is_empty() && store.unpark(&self.app, &parked).await? {
                return Ok(());
            }
            for seq in waiting {
                if !self.keep_claim(&parked.chat, &mut until).await? {
                    return Ok(());
                }
                match self.dispatcher.attempt_once(&self.app, &parked.chat, seq).await? {
                    AttemptOutcome::Delivered => self.delivered().await?,
                    AttemptOutcome::Skipped => {}
                    AttemptOutcome::Failed(failure) => {
                        if failure.affects_every_message() {
                            let _ = self.unreachable.set(failure.to_string());
                        }
                        return self.postpone(parked, failure.to_string()).await;
                    }
                }
                store.remove_waiting(&self.app, &parked.chat, seq).await?;
            }
        }
    }

    /// The first success makes the app's other parked chats due. Chats that this sweep has claimed keep their times.
    async fn delivered(&self) -> Result<(), DispatchError> {
        increment(&self.counts.delivered);
        if self.accepted.set(()).is_ok() {
            self.dispatcher.relay.store.wake_parked(&self.app, self.dispatcher.relay.now()).await?;
        }
        Ok(())
    }

    /// Extends the claim if half of it has passed: `false` if another sweep has claimed the chat.
    async fn keep_claim(&self, chat: &Puid, until: &mut Timestamp) -> Result<bool, DispatchError> {
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
        tracing::warn!(app.id = %self.app, chat.attempts = parked.attempts, %error, "parked chat postponed");
        parked.last_error = error;
        increment(&self.counts.postponed);
        Ok(self.dispatcher.relay.store.postpone_chat(&self.app, &parked).await?)
    }
}

#[cfg(test)]
mod tests;
