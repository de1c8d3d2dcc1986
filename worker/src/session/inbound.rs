//! Inbound: a batch of messages becomes rows of the log, and then envelopes in the queue.

use std::collections::{HashMap, HashSet};

use boot::metrics;
use channel::{Batch, Connection, Credentials, Cursor, Incoming};
use domain::{
    contact::ContactKind,
    delivery::{self, Delivery},
    id::Seq,
    media::{self, MediaPath, MediaState},
    message::{Content, Direction, Message},
    puid::Puid,
};
use jiff::Timestamp;
use queue::InboundEnvelope;
use store::Checkpoint;
use tokio::time::Instant;

use super::{
    Context, Halt,
    avatars::{self, Wanted},
    contacts::{NameCache, ResolvedPeer, resolve},
    downloads::Downloads,
    envelopes::send_envelopes,
    ledger::Ledger,
    log::Log,
    reconcile::Reconciliation,
    whole,
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
    /// Media that are not stored yet, and the envelopes that wait for them; boxed, because few sessions have any.
    downloads: Option<Box<Downloads>>,
}

/// The longest reference to media that a row holds, in bytes. Web WeChat's have less than a kilobyte.
const MAX_SOURCE: usize = 16 * 1024;

impl Inbound {
    pub(super) fn new(context: &Context, cursor: Cursor, login_number: u64, owner: Puid, log: Log) -> Self {
        let reconciliation = Reconciliation::new(&context.worker.config);
        let (names, callback, downloads) = (NameCache::default(), None, None);
        Self { cursor, login_number, owner, log, names, callback, reconciliation, downloads }
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

    pub(super) async fn reconcile(&mut self, context: &Context) -> Result<(), Halt> {
        self.reconciliation.run(context, self.log.head(), &mut self.downloads).await
    }

    pub(super) async fn reconcile_if_due(&mut self, context: &Context) -> Result<(), Halt> {
        self.reconciliation.run_if_due(context, self.log.head(), &mut self.downloads).await
    }

    /// Whether media are awaited.
    pub(super) fn has_downloads(&self) -> bool {
        self.downloads.is_some()
    }

    /// Sends the envelopes that waited for media, until nothing is awaited any more. May be cancelled: what was not sent is
    /// sent the next time.
    pub(super) async fn run_downloads(&mut self, context: &Context, credentials: Credentials) -> Result<(), Halt> {
        let Some(downloads) = &mut self.downloads else { return Ok(()) };
        while let Some(envelopes) = downloads.next(context, &credentials).await? {
            send_envelopes(&context.ledger, &envelopes).await?;
            downloads.sent(envelopes);
            self.reconciliation.envelopes_sent();
        }
        self.downloads = None;
        Ok(())
    }

    /// Stores what one fetch brought, sends the envelopes that wait for no media, and advances the cursor. Returns the
    /// pictures of contacts that may have changed.
    pub(super) async fn store_batch(
        &mut self,
        context: &Context,
        connection: &mut dyn Connection,
        batch: Batch,
    ) -> Result<Vec<Wanted>, Halt> {
        let ledger = &context.ledger;
        let mut seen = HashSet::new();
        let is_new = |message: &&Incoming| !self.log.contains(message.id) && seen.insert(message.id);
        let new: Vec<&Incoming> = batch.messages.iter().filter(is_new).collect();
        // First, so that a deleted app gets no rows.
        let has_callback = self.has_callback(context).await?;
        let peers = resolve(context, connection, &mut self.names, &batch, &new).await?;
        let pictures = avatars::changed(context, &batch.changed).await?;
        let received = ledger.now();
        let mut messages: Vec<Message> = new.iter().map(|incoming| self.row(incoming, &peers, received)).collect();
        for message in messages.iter_mut().filter(|message| has_callback && message.direction == Direction::In) {
            message.delivery = Delivery::Pending;
        }
        for message in &mut messages {
            whole::fit(ledger, message).await?;
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
            let chat = (message.delivery == Delivery::Pending).then_some(&message.chat);
            if matches!(message.media, Some(MediaState::Pending { .. })) {
                let downloads = self.downloads.get_or_insert_with(|| Box::new(Downloads::new(context)));
                downloads.add(context, message.seq, chat);
            } else if let Some(chat) = chat
                && self.downloads.as_mut().is_none_or(|downloads| downloads.admit(chat, message.seq))
            {
                envelopes.push(InboundEnvelope { app: ledger.app().clone(), chat: message.chat, seq: message.seq });
            }
        }
        if !envelopes.is_empty() {
            self.reconciliation.envelopes_sent();
        }
        send_envelopes(ledger, &envelopes).await?;
        Ok(pictures)
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
            refer: incoming.refer.clone(),
            delivery: Delivery::Unwanted,
        };
        message.media = place_media(incoming, &mut message.content);
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

/// Gives the media of a message their path.
fn place_media(incoming: &Incoming, content: &mut Content) -> Option<MediaState> {
    let found = incoming.media.as_ref()?;
    let name = match &*content {
        Content::Attachment { file_name, .. } => Some(file_name.clone()),
        _ => None,
    };
    let place = content.media_mut()?;
    let source = found.source.clone();
    if source.as_str().len() > MAX_SOURCE {
        return Some(MediaState::Failed { why: "the reference to the media is too long".to_owned() });
    }
    let id = media::message_id(incoming.id);
    *place = Some(MediaPath::of_message(found.kind, found.sticker, &id, name.as_deref()).as_str().to_owned());
    Some(MediaState::Pending { source })
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
