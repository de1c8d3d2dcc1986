//! A batch of messages: into the log, then on its way.

use std::collections::{HashMap, HashSet};

use boot::metrics;
use domain::{
    contact::ContactKind,
    delivery::{self, Delivery},
    error::chain,
    id::Seq,
    message::{Direction, Message},
    puid::Puid,
};
use queue::InboundEnvelope;
use store::Checkpoint;
use tokio::time::Instant;
use wechat::{Batch, Channel, Incoming};

use super::{Halt, Task, names::Who, online::Online};
use crate::backoff::Backoff;

impl<C: Channel> Task<C> {
    /// Stores what one fetch brought, and moves the cursor behind it.
    pub(super) async fn take_batch(&mut self, online: &mut Online<C>, batch: Batch<C::Cursor>) -> Result<(), Halt> {
        let mut seen = HashSet::new();
        let fresh: Vec<&Incoming> =
            batch.messages.iter().filter(|message| !online.log.knows(message.id) && seen.insert(message.id)).collect();
        // First, for an app that is gone must not get rows.
        let pending = self.has_callback(online).await?;
        let whose = self.resolve(online, &batch, &fresh).await?;
        let place = Checkpoint {
            login_number: online.login_number,
            cursor: serde_json::to_string(&batch.cursor).expect("a cursor is plain data"),
        };
        let received = self.shared.relay.now();
        let mut messages: Vec<Message> =
            fresh.iter().map(|incoming| row(incoming, &whose, &online.owner, received)).collect();
        for message in messages.iter_mut().filter(|message| pending && message.direction == Direction::In) {
            message.delivery = Delivery::Pending;
        }
        let ours = online.log.append_all(self, &mut messages, &place).await?;
        let mut envelopes = Vec::new();
        for (message, ours) in messages.into_iter().zip(ours) {
            if ours {
                self.tell_received(&message);
            }
            if !ours {
                // Another writer has brought it; whether its envelope went out is for the ledger to say.
                online.reconcile_by = Some(Instant::now());
            } else if message.delivery == Delivery::Pending {
                envelopes.push(InboundEnvelope { app: self.app.clone(), chat: message.chat, seq: message.seq });
            }
        }
        online.cursor = batch.cursor;
        if !envelopes.is_empty() {
            online.reconcile_by.get_or_insert_with(|| Instant::now() + self.shared.config.reconcile_after);
        }
        self.send_envelopes(&envelopes).await
    }

    fn tell_received(&self, message: &Message) {
        if message.direction == Direction::In {
            metrics::MESSAGES_IN.add(1);
        }
        tracing::info!(
            delivery.id = delivery::id(&self.app, message.seq),
            message.id = message.id,
            message.kind = message.content.kind().as_str(),
            "a message was received"
        );
    }

    /// Whether the app has a callback to send its messages to.
    async fn has_callback(&self, online: &mut Online<C>) -> Result<bool, Halt> {
        if let Some((has, read)) = online.callback
            && read.elapsed() < self.shared.config.app_age
        {
            return Ok(has);
        }
        let app = self.ledger(|| self.shared.relay.store.app(&self.app)).await?;
        let Some(app) = app else { return Err(Halt::Gone) };
        let has = app.callback.is_some();
        online.callback = Some((has, Instant::now()));
        Ok(has)
    }

    /// Sends envelopes until the queue has taken them. A session that stops meanwhile leaves the rest to be reconciled.
    pub(super) async fn send_envelopes(&self, envelopes: &[InboundEnvelope]) -> Result<(), Halt> {
        let mut backoff = Backoff::new(self.shared.config.retry);
        while !envelopes.is_empty() {
            match Box::pin(self.shared.relay.queues.inbound.send_all(envelopes)).await {
                Ok(()) => {
                    let (first, last) = (envelopes[0].seq, envelopes[envelopes.len() - 1].seq);
                    tracing::debug!(log.first = first.get(), log.last = last.get(), "envelopes were sent");
                    break;
                }
                Err(error) => {
                    if backoff.failures() == 0 {
                        tracing::warn!(error = %chain(&error), "the inbound queue does not answer; asking again");
                    }
                    self.rest(backoff.failed(self.shared.jitter())).await?;
                }
            }
        }
        Ok(())
    }
}

/// The row of a message, as the contract names who took part; `seq` is still to be given.
fn row(incoming: &Incoming, whose: &HashMap<String, Who>, owner: &Puid, received: jiff::Timestamp) -> Message {
    let puid = |name: &String| whose.get(name).map(|who| who.puid.clone());
    // `resolve` has found, or made, a puid for every name.
    let chat = puid(&incoming.chat).unwrap_or_else(|| Puid::new(incoming.chat.as_str()));
    let kind = whose.get(&incoming.chat).map_or(ContactKind::Stranger, |who| who.kind);
    let mut message = Message {
        seq: Seq::START,
        id: incoming.id,
        direction: incoming.direction,
        chat: chat.clone(),
        send_user: None,
        send_group: None,
        maps: None,
        receiver: None,
        receiver_group: None,
        owner: owner.clone(),
        is_at: incoming.is_at,
        create_time: incoming.create_time,
        receive_time: received,
        update_time: received,
        content: incoming.content.clone(),
        delivery: Delivery::Unwanted,
    };
    match (incoming.direction, kind) {
        (Direction::In, ContactKind::Group) => {
            message.send_user = incoming.sender.as_ref().and_then(puid);
            message.send_group = Some(chat);
            message.receiver = Some(owner.clone());
        }
        (Direction::In, ContactKind::OfficialAccount) => {
            message.maps = Some(chat);
            message.receiver = Some(owner.clone());
        }
        (Direction::In, _) => {
            message.send_user = incoming.sender.as_ref().and_then(puid);
            message.receiver = Some(owner.clone());
        }
        (Direction::Out, ContactKind::Group) => {
            message.send_user = Some(owner.clone());
            message.receiver_group = Some(chat);
        }
        (Direction::Out, _) => {
            message.send_user = Some(owner.clone());
            message.receiver = Some(chat);
        }
    }
    message
}
