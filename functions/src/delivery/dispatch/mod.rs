//! The dispatcher: takes an inbound envelope, POSTs its message to the callback, creates a job for each reply in the
//! response, and marks the message as delivered. In this order, a crash repeats steps and skips none. The jobs' ids are
//! derived from the message, so a repetition creates no second job.
//!
//! After a few quick attempts that fail, the chat is parked in the ledger for the [`sweep`](crate::delivery::sweep).
//! Later messages of the chat wait behind it; other chats are not affected.

pub mod reply;

use std::sync::Arc;

use boot::{
    Grant::{self, Commands, Inbound, Table},
    QueueOperation::{DeleteMessage, GetQueueAttributes, ReceiveMessage, SendMessage},
    Relay,
    TableOperation::{BatchGetItem, PutItem, Query, UpdateItem},
    metrics,
};
use domain::{
    delivery::{self, Delivery, Parked, RetrySchedule},
    id::{AppId, Seq},
    job::{Job, Origin, derived_id},
    puid::Puid,
    secret::CannotOpen,
};
use jiff::{SignedDuration, Timestamp};
use queue::{CommandEnvelope, InboundEnvelope, QueueError};
use store::{PendingDelivery, StoreError};
use tokio::time::Instant;
use url::Url;

use crate::{
    delivery::{
        batch::{self, Record},
        callback::{CallbackResponse, Client, Failure, Post},
        dispatch::reply::Rules,
    },
    links::Links,
    message_row::{MessageRow, TimeFormat},
    times::Times,
};

/// The AWS operations that the dispatcher may call, besides writing its log.
pub const GRANTS: &[Grant] =
    &[Table(BatchGetItem), Table(PutItem), Table(Query), Table(UpdateItem), Commands(SendMessage)];
/// The operations that Lambda's event source mapping calls in the dispatcher's name.
pub const EVENT_SOURCE_GRANTS: &[Grant] =
    &[Inbound(DeleteMessage), Inbound(GetQueueAttributes), Inbound(ReceiveMessage)];

/// The relay itself failed, and the envelope must be received again. A callback that fails is no error.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Sealed(#[from] CannotOpen),
    #[error("the message cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// The result for an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The callback has accepted the message.
    Delivered,
    /// The message waits in the ledger for a later attempt.
    Parked,
    /// There is nothing to deliver: the message was delivered before, is unwanted, or does not exist.
    Skipped,
}

/// The result of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    Delivered,
    Skipped,
    Failed(Failure),
}

/// Delivers messages to callbacks; cheap to clone.
#[derive(Clone)]
pub struct Dispatcher {
    pub(crate) relay: Relay,
    client: Client,
    schedule: Arc<RetrySchedule>,
    public_url: Option<Url>,
}

impl Dispatcher {
    /// `public_url` is the API's URL, which the links in messages begin with; without it they have none.
    pub fn new(relay: Relay, client: Client, schedule: RetrySchedule, public_url: Option<Url>) -> Self {
        Self { relay, client, schedule: Arc::new(schedule), public_url }
    }

    /// Delivers a batch of the inbound queue. Returns the ids of the messages that must be received again.
    pub async fn deliver_batch(&self, records: Vec<Record>) -> Vec<String> {
        for sent in records.iter().filter_map(|record| record.sent) {
            metrics::QUEUE_AGE.record_of("inbound", self.relay.since(sent).as_secs_f64());
        }
        batch::process(records, |envelope: InboundEnvelope| async move { self.deliver(&envelope).await }).await
    }

    /// Delivers the message, or parks it.
    #[tracing::instrument(skip_all, fields(delivery.id = %delivery::id(&envelope.app, envelope.seq)))]
    pub async fn deliver(&self, envelope: &InboundEnvelope) -> Result<Outcome, DispatchError> {
        let store = &self.relay.store;
        let Some(found) = store.pending_delivery(&envelope.app, envelope.seq, &envelope.chat).await? else {
            return Ok(Outcome::Skipped);
        };
        if found.message.delivery != Delivery::Pending {
            return Ok(Outcome::Skipped);
        }
        if found.parked.is_some() && store.park_behind(&envelope.app, &envelope.chat, envelope.seq).await? {
            metrics::PARKED.add(1);
            tracing::info!("message waits in its parked chat");
            return Ok(Outcome::Parked);
        }
        match self.quick_attempts(&found).await? {
            None => {
                if found.app.parked {
                    store.wake_parked(&envelope.app, self.relay.now()).await?;
                }
                Ok(Outcome::Delivered)
            }
            Some(failure) => self.park(&found, &failure).await.map(|()| Outcome::Parked),
        }
    }

    /// One attempt, for the sweep.
    #[tracing::instrument(skip_all, fields(delivery.id = %delivery::id(app, seq)))]
    pub async fn attempt_once(&self, app: &AppId, chat: &Puid, seq: Seq) -> Result<AttemptOutcome, DispatchError> {
        match self.relay.store.pending_delivery(app, seq, chat).await? {
            Some(found) if found.message.delivery == Delivery::Pending => {
                Ok(self.attempt(&found, 1).await?.map_or(AttemptOutcome::Delivered, AttemptOutcome::Failed))
            }
            _ => Ok(AttemptOutcome::Skipped),
        }
    }

    /// Makes the quick attempts: only one while the app has a parked chat, because its callback is probably down. Returns
    /// the last failure, or `None` once the callback has accepted the message.
    async fn quick_attempts(&self, found: &PendingDelivery) -> Result<Option<Failure>, DispatchError> {
        let mut failure = self.attempt(found, 1).await?;
        for (attempt, pause) in (2..).zip(&self.schedule.quick) {
            if found.app.parked || !failure.as_ref().is_some_and(Failure::is_retryable) {
                break;
            }
            tokio::time::sleep(*pause).await;
            failure = self.attempt(found, attempt).await?;
        }
        Ok(failure)
    }

    /// Makes the `attempt`th attempt in a row, and queues the replies in the response. A message counts as delivered if
    /// the app no longer has a callback; the history has it.
    async fn attempt(&self, found: &PendingDelivery, attempt: u32) -> Result<Option<Failure>, DispatchError> {
        if let Some(url) = &found.app.callback {
            let post = self.post(found, url)?;
            match self.measured_post(&post, found, attempt).await {
                Ok(response) => self.queue_replies(found, &response.body).await?,
                Err(failure) => return Ok(Some(failure)),
            }
        }
        self.relay.store.mark_delivered(&found.app.id, found.message.seq, self.relay.now()).await?;
        Ok(None)
    }

    /// Posts once, and records metrics and a log line.
    async fn measured_post(
        &self,
        post: &Post,
        found: &PendingDelivery,
        attempt: u32,
    ) -> Result<CallbackResponse, Failure> {
        let start = Instant::now();
        let outcome = self.client.post(post, self.relay.now()).await;
        let duration = start.elapsed().as_secs_f64() * 1e3;
        metrics::DELIVERY_ATTEMPTS.add(1);
        match &outcome {
            Ok(response) => {
                let latency = self.relay.since(found.message.receive_time).as_secs_f64() * 1e3;
                metrics::DELIVERIES.add(1);
                metrics::DELIVERY_LATENCY.record(latency);
                tracing::info!(
                    delivery.id = post.id,
                    message.id = found.message.id,
                    attempt,
                    http.status = response.status.as_u16(),
                    duration_ms = duration,
                    latency_ms = latency,
                    "delivered"
                );
            }
            Err(failure) => {
                metrics::DELIVERY_FAILURES.add(1);
                tracing::info!(
                    delivery.id = post.id,
                    message.id = found.message.id,
                    attempt,
                    http.status = failure.status(),
                    duration_ms = duration,
                    error = %failure,
                    "delivery attempt failed"
                );
            }
        }
        outcome
    }

    fn post(&self, found: &PendingDelivery, url: &str) -> Result<Post, DispatchError> {
        let PendingDelivery { app, message, .. } = found;
        let links = Links::new(self.public_url.as_ref(), app, self.relay.now());
        let row = MessageRow::of(message, TimeFormat::Callback, Times(&self.relay.zone), &links);
        Ok(Post {
            url: url.to_owned(),
            id: delivery::id(&app.id, message.seq),
            token: app.open_token(&self.relay.sealer)?,
            signing_secret: app.open_signing_secret(&self.relay.sealer)?,
            body: serde_json::to_vec(&row)?.into(),
        })
    }

    /// Creates a job for each reply in the response, in order.
    async fn queue_replies(&self, found: &PendingDelivery, response: &[u8]) -> Result<(), DispatchError> {
        let PendingDelivery { app, message, .. } = found;
        let rules = Rules { capabilities: app.channel.capabilities(), policy: self.client.policy() };
        for (index, reply) in reply::parse(response, rules).into_iter().enumerate() {
            let outgoing = match reply {
                Ok(outgoing) => outgoing,
                Err(why) => {
                    tracing::warn!(reply.index = index, %why, "a reply cannot be sent");
                    continue;
                }
            };
            let id = derived_id(&["reply", &app.id, &message.seq.to_string(), &index.to_string()]);
            let command = outgoing.to(message.chat.clone());
            let job = Job::queued(id.clone(), app.id.clone(), app.shard, command, self.relay.now())
                .made_for(Some(Origin::Delivery(message.seq)));
            self.relay.store.put_job(&job).await?;
            tracing::info!(delivery.id = job.delivery_id(), job.id = %id, reply.index = index, "reply queued");
            self.relay.queues.command(app.shard, &CommandEnvelope { app: app.id.clone(), job: id }).await?;
        }
        Ok(())
    }

    async fn park(&self, found: &PendingDelivery, failure: &Failure) -> Result<(), DispatchError> {
        let now = self.relay.now();
        metrics::PARKED.add(1);
        let id = delivery::id(&found.app.id, found.message.seq);
        tracing::warn!(delivery.id = id, error = %failure, "delivery failed, chat parked");
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

    /// When the next attempt in a chat is due after `attempts` failed sweeps.
    pub(crate) fn next_attempt(&self, attempts: u32, now: Timestamp) -> Timestamp {
        let delay = self.schedule.delay(attempts, self.relay.ids.random()[15]);
        now.checked_add(SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests;
