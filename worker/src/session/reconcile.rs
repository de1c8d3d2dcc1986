//! Reconciliation: sends the envelopes of undelivered messages again, and resumes downloads of media.

use std::{collections::HashSet, time::Duration};

use domain::{id::Seq, puid::Puid};
use queue::InboundEnvelope;
use tokio::time::Instant;

use super::{Context, Halt, downloads::Downloads, envelopes::send_envelopes};
use crate::Config;

/// When an app's log is reconciled next.
pub(super) struct Reconciliation {
    /// Reconcile once the log's head reaches this number.
    at_head: Seq,
    /// Reconcile at this time at the latest; `None` while no envelope is on its way.
    deadline: Option<Instant>,
    /// Rows after which the log is reconciled again.
    every: u64,
    /// How long an envelope may take.
    after: Duration,
}

impl Reconciliation {
    pub(super) fn new(config: &Config) -> Self {
        let (every, after) = (config.reconcile_every, config.reconcile_after);
        Self { at_head: Seq::START, deadline: None, every, after }
    }

    /// Makes sure that the log is reconciled after the envelopes that were sent now have had their time.
    pub(super) fn envelopes_sent(&mut self) {
        self.deadline.get_or_insert_with(|| Instant::now() + self.after);
    }

    /// Makes the log due for reconciliation now.
    pub(super) fn request(&mut self) {
        self.deadline = Some(Instant::now());
    }

    /// Reconciles if it is due.
    pub(super) async fn run_if_due(
        &mut self,
        context: &Context,
        head: Seq,
        downloads: &mut Option<Box<Downloads>>,
    ) -> Result<(), Halt> {
        let late = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if late || head >= self.at_head { self.run(context, head, downloads).await } else { Ok(()) }
    }

    /// Sends the envelopes of all undelivered messages that wait for no media, in order, adds the media that are pending,
    /// and advances the watermark. While a session runs, the sweep takes care of parked chats; at its start they get
    /// envelopes as well, since a message that waits behind a parked chat is known only by its row.
    pub(super) async fn run(
        &mut self,
        context: &Context,
        head: Seq,
        downloads: &mut Option<Box<Downloads>>,
    ) -> Result<(), Halt> {
        let ledger = &context.ledger;
        let starting = self.at_head == Seq::START;
        let watermark = ledger.ask(store::Store::watermark).await?;
        let unfinished = if watermark < head {
            ledger.ask(|store, app| store.unfinished(app, watermark)).await?
        } else {
            Vec::new()
        };
        let reached = unfinished.first().map_or(head, |row| row.seq.previous());
        if reached > watermark {
            ledger.ask(|store, app| store.advance_watermark(app, reached)).await?;
        }
        // Every row after the watermark is read each time: the more there are, the later the next time.
        let behind = head.get() - reached.get();
        self.at_head = Seq::new(head.get() + self.every.max(behind));
        self.deadline = (reached < head).then(|| Instant::now() + self.after);
        let parked: HashSet<Puid> = if starting || unfinished.is_empty() {
            HashSet::new()
        } else {
            let parked = ledger.ask(store::Store::parked_chats).await?;
            parked.into_iter().map(|parked| parked.chat).collect()
        };
        let mut envelopes = Vec::new();
        for row in unfinished {
            if row.media_pending {
                let downloads = downloads.get_or_insert_with(|| Box::new(Downloads::new(context)));
                downloads.add(context, row.seq, row.undelivered.then_some(&row.chat));
            } else if downloads.as_mut().is_none_or(|downloads| downloads.admit(&row.chat, row.seq))
                && !parked.contains(&row.chat)
            {
                envelopes.push(InboundEnvelope { app: ledger.app().clone(), chat: row.chat, seq: row.seq });
            }
        }
        if !envelopes.is_empty() {
            tracing::info!(messages.count = envelopes.len(), "re-enqueued undelivered messages");
        }
        send_envelopes(ledger, &envelopes).await
    }
}
