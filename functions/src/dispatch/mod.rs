//! From an inbound envelope to the callback and back: POST the message, turn the answer into jobs, note it as
//! delivered. In this order, so that a crash in between repeats a step and loses none; the jobs' ids derive from the
//! message, so that repeating them makes no second.
//!
//! A callback that fails is tried again a few times, then its chat is parked in the ledger for [`crate::sweep`]; what
//! comes later in that chat lines up behind. Other chats go on.

pub mod reply;

use std::sync::Arc;

use boot::Relay;
use domain::{
    delivery::{Delivery, Parked, RetrySchedule},
    job::{Command, Job, derived_id},
    puid::Puid,
    secret::CannotOpen,
};
use jiff::{SignedDuration, Timestamp};
use queue::{CommandEnvelope, InboundEnvelope, QueueError};
use store::{Envelope, StoreError};

use crate::{
    batch::{self, Record},
    callback::{Client, Failure, Post},
    view::{
        Times,
        message::{MessageRow, Shown},
    },
};

/// The relay itself failed; the envelope must come again. A callback that fails is no error.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Sealed(#[from] CannotOpen),
    #[error("the message cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What became of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The callback has the message.
    Received,
    /// It waits in the ledger for a later attempt.
    Parked,
    /// Nothing to deliver: delivered before, never wanted, or gone.
    Skipped,
}

/// What became of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Try {
    Received,
    Skipped,
    Failed(Failure),
}

/// Delivers messages to callbacks; cheap to clone.
#[derive(Clone)]
pub struct Dispatcher {
    pub(crate) relay: Relay,
    client: Client,
    schedule: Arc<RetrySchedule>,
}

impl Dispatcher {
    pub fn new(relay: Relay, client: Client, schedule: RetrySchedule) -> Self {
        Self { relay, client, schedule: Arc::new(schedule) }
    }

    /// Delivers what a queue handed over: group by group, the groups side by side. The ids of those that must come
    /// again.
    pub async fn deliver_batch(&self, records: Vec<Record>) -> Vec<String> {
        batch::in_groups(records, |envelope: InboundEnvelope| async move { self.deliver(&envelope).await }).await
    }

    /// Delivers the message, or parks it.
    #[tracing::instrument(skip_all, fields(app.id = %envelope.app, log.seq = envelope.seq))]
    pub async fn deliver(&self, envelope: &InboundEnvelope) -> Result<Outcome, DispatchError> {
        let store = &self.relay.store;
        let Some(found) = store.envelope(&envelope.app, envelope.seq, &envelope.chat).await? else {
            return Ok(Outcome::Skipped);
        };
        if found.message.delivery != Delivery::Pending {
            return Ok(Outcome::Skipped);
        }
        if found.parked.is_some() && store.park_behind(&envelope.app, &envelope.chat, envelope.seq).await? {
            return Ok(Outcome::Parked);
        }
        match self.tries(&found).await? {
            None => {
                if found.app.parked {
                    store.wake(&envelope.app, self.relay.now()).await?;
                }
                Ok(Outcome::Received)
            }
            Some(failure) => self.park(&found, &failure).await.map(|()| Outcome::Parked),
        }
    }

    /// One try, for the sweep.
    #[tracing::instrument(skip_all, fields(app.id = %app, log.seq = seq))]
    pub async fn try_once(&self, app: &str, chat: &Puid, seq: u64) -> Result<Try, DispatchError> {
        match self.relay.store.envelope(app, seq, chat).await? {
            Some(found) if found.message.delivery == Delivery::Pending => {
                Ok(self.attempt(&found).await?.map_or(Try::Received, Try::Failed))
            }
            _ => Ok(Try::Skipped),
        }
    }

    /// The quick tries; one only while something of the app is parked already, as its callback is probably down.
    /// The last failure, or `None` once the callback has the message.
    async fn tries(&self, found: &Envelope) -> Result<Option<Failure>, DispatchError> {
        let mut failure = self.attempt(found).await?;
        for pause in &self.schedule.quick {
            if found.app.parked || !failure.as_ref().is_some_and(Failure::is_passing) {
                break;
            }
            tokio::time::sleep(*pause).await;
            failure = self.attempt(found).await?;
        }
        Ok(failure)
    }

    /// Posts once and does what the answer says. A message of an app that has no callback any more counts as
    /// delivered: it is in the history.
    async fn attempt(&self, found: &Envelope) -> Result<Option<Failure>, DispatchError> {
        if let Some(url) = &found.app.callback {
            let post = self.post(found, url)?;
            match self.client.post(&post, self.relay.now()).await {
                Ok(answer) => self.answered(found, &answer).await?,
                Err(failure) => return Ok(Some(failure)),
            }
        }
        self.relay.store.delivered(&found.app.id, found.message.seq, self.relay.now()).await?;
        Ok(None)
    }

    fn post(&self, found: &Envelope, url: &str) -> Result<Post, DispatchError> {
        let Envelope { app, message, .. } = found;
        let row = MessageRow::of(message, Shown::Callback, Times(&self.relay.zone));
        Ok(Post {
            url: url.to_owned(),
            id: format!("msg_{}_{}", app.id, message.seq),
            token: app.open_token(&self.relay.sealer)?,
            signing_secret: app.open_signing_secret(&self.relay.sealer)?,
            body: serde_json::to_vec(&row)?.into(),
        })
    }

    /// Makes a job of every reply, in their order.
    async fn answered(&self, found: &Envelope, answer: &[u8]) -> Result<(), DispatchError> {
        let Envelope { app, message, .. } = found;
        for (index, reply) in reply::parse(answer).into_iter().enumerate() {
            let text = match reply {
                Ok(text) => text,
                Err(why) => {
                    tracing::warn!(reply.index = index, %why, "a reply cannot be sent");
                    continue;
                }
            };
            let id = derived_id(&["reply", &app.id, &message.seq.to_string(), &index.to_string()]);
            let command = Command::SendText { to: message.chat.clone(), text };
            let job = Job::queued(id.clone(), app.id.clone(), app.shard, command, self.relay.now());
            self.relay.store.put_job(&job).await?;
            self.relay.queues.command(app.shard, &CommandEnvelope { app: app.id.clone(), job: id }).await?;
        }
        Ok(())
    }

    async fn park(&self, found: &Envelope, failure: &Failure) -> Result<(), DispatchError> {
        let now = self.relay.now();
        tracing::warn!(error = %failure, "a delivery failed and is parked");
        let parked = Parked {
            chat: found.message.chat.clone(),
            attempts: 0,
            due: self.next_attempt(0, now),
            since: now,
            last_seq: found.message.seq,
            last_error: failure.to_string(),
        };
        Ok(self.relay.store.park(&found.app.id, found.app.shard, &parked).await?)
    }

    /// When a chat is tried again after `attempts` sweeps have failed.
    pub(crate) fn next_attempt(&self, attempts: u32, now: Timestamp) -> Timestamp {
        let delay = self.schedule.delay(attempts, self.relay.ids.random()[15]);
        now.checked_add(SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests;
