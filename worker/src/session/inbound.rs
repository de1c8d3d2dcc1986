//! Inbound: a batch of messages becomes rows of the log, and then envelopes in the queue.

use std::collections::{HashMap, HashSet};

use boot::metrics;
use channel::{Batch, Connection, Cursor, Incoming};
use domain::{
    contact::ContactKind,
    delivery::{self, Delivery},
    id::Seq,
    message::{Direction, Message},
    puid::Puid,
};
use jiff::Timestamp;
use queue::InboundEnvelope;
use store::Checkpoint;
use tokio::time::Instant;

use super::{
    Context, Halt,
    contacts::{NameCache, ResolvedPeer, resolve},
    envelopes::send_envelopes,
    ledger::Ledger,
    log::Log,
    reconcile::Reconciliation,
};

/// An account's stream of messages, as far as it is stored.
pub(super) struct Inbound {
    /// Everything before it is in the log.
    pub(super) cursor: Cursor,
    login_number: u64,
    /// The account itself.
    owner: Puid,
    pub(super) log: Log,
    pub(super) names: NameCache,
    /// Whether the app has a callback, and when that was read.
    callback: Option<(bool, Instant)>,
    reconciliation: Reconciliation,
}

impl Inbound {
    pub(super) fn new(context: &Context, cursor: Cursor, login_number: u64, owner: Puid, log: Log) -> Self {
        let reconciliation = Reconciliation::new(&context.worker.config);
        Self { cursor, login_number, owner, log, names: NameCache::default(), callback: None, reconciliation }
    }

    pub(super) fn owner(&self) -> &Puid {
        &self.owner
    }

    /// A cursor as rows of this login store it.
    fn checkpoint_at(&self, cursor: Cursor) -> Checkpoint {
        Checkpoint { login_number: self.login_number, cursor }
    }

    /// The current cursor as rows of this login store it.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        self.checkpoint_at(self.cursor.clone())
    }

    pub(super) async fn reconcile(&mut self, ledger: &Ledger) -> Result<(), Halt> {
        self.reconciliation.run(ledger, self.log.head()).await
    }

    pub(super) async fn reconcile_if_due(&mut self, ledger: &Ledger) -> Result<(), Halt> {
        self.reconciliation.run_if_due(ledger, self.log.head()).await
    }

    /// Stores what one fetch brought, sends its envelopes and advances the cursor.
    pub(super) async fn store_batch(
        &mut self,
        context: &Context,
        connection: &mut dyn Connection,
        batch: Batch,
    ) -> Result<(), Halt> {
        let ledger = &context.ledger;
        let mut seen = HashSet::new();
        let is_new = |message: &&Incoming| !self.log.contains(message.id) && seen.insert(message.id);
        let new: Vec<&Incoming> = batch.messages.iter().filter(is_new).collect();
        // First, so that a deleted app gets no rows.
        let has_callback = self.has_callback(context).await?;
        let peers = resolve(context, connection, &mut self.names, &batch, &new).await?;
        let received = ledger.now();
        let mut messages: Vec<Message> = new.iter().map(|incoming| self.row(incoming, &peers, received)).collect();
        for message in messages.iter_mut().filter(|message| has_callback && message.direction == Direction::In) {
            message.delivery = Delivery::Pending;
        }
        let checkpoint = self.checkpoint_at(batch.cursor);
        let appended = self.log.append_all(&mut messages, &checkpoint).await?;
        self.cursor = checkpoint.cursor;
        let mut envelopes = Vec::new();
        for (message, appended) in messages.into_iter().zip(appended) {
            if !appended {
                // Another writer has appended it; the ledger knows whether it was delivered.
                self.reconciliation.request();
                continue;
            }
            record_received(ledger, &message);
            if message.delivery == Delivery::Pending {
                envelopes.push(InboundEnvelope { app: ledger.app().clone(), chat: message.chat, seq: message.seq });
            }
        }
        if !envelopes.is_empty() {
            self.reconciliation.envelopes_sent();
        }
        send_envelopes(ledger, &envelopes).await
    }

    /// Whether the app has a callback that receives its messages.
    async fn has_callback(&mut self, context: &Context) -> Result<bool, Halt> {
        if let Some((has_callback, read)) = self.callback
            && read.elapsed() < context.worker.config.app_age
        {
            return Ok(has_callback);
        }
        let app = context.ledger.ask(store::Store::app).await?;
        let has_callback = app.ok_or(Halt::AppDeleted)?.callback.is_some();
        self.callback = Some((has_callback, Instant::now()));
        Ok(has_callback)
    }

    /// A message's row, with the participants as the contract names them. The log sets `seq`.
    fn row(&self, incoming: &Incoming, peers: &HashMap<String, ResolvedPeer>, received: Timestamp) -> Message {
        let owner = &self.owner;
        let author = incoming.sender.as_ref().and_then(|sender| peers.get(&sender.id)).map(|peer| peer.puid.clone());
        // `resolve` has found, or made, a puid for every peer.
        let (chat, kind) = match peers.get(&incoming.chat.id) {
            Some(peer) => (peer.puid.clone(), peer.kind),
            None => (Puid::new(incoming.chat.id.as_str()), ContactKind::Stranger),
        };
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
            media: None,
            whole: None,
            refer: None,
            delivery: Delivery::Unwanted,
        };
        match (incoming.direction, kind) {
            (Direction::In, ContactKind::Group) => {
                message.send_user = author;
                message.send_group = Some(chat);
                message.receiver = Some(owner.clone());
            }
            (Direction::In, ContactKind::OfficialAccount) => {
                message.maps = Some(chat);
                message.receiver = Some(owner.clone());
            }
            (Direction::In, _) => {
                message.send_user = author;
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
}

fn record_received(ledger: &Ledger, message: &Message) {
    if message.direction == Direction::In {
        metrics::MESSAGES_IN.add(1);
    }
    tracing::info!(
        delivery.id = delivery::id(ledger.app(), message.seq),
        message.id = message.id,
        message.kind = message.content.kind().as_str(),
        "message received"
    );
}
