//! What is in the log, is to be delivered, and was not: its envelope goes out again.

use std::collections::HashSet;

use domain::{id::Seq, puid::Puid};
use queue::InboundEnvelope;
use tokio::time::Instant;
use wechat::Channel;

use super::{Halt, Task, online::Online};

impl<C: Channel> Task<C> {
    /// [`Self::reconcile`], when enough rows or enough time have gone by since the last time.
    pub(super) async fn reconcile_in_time(&self, online: &mut Online<C>) -> Result<(), Halt> {
        let late = online.reconcile_by.is_some_and(|by| by <= Instant::now());
        if late || online.log.head() >= online.reconcile_at { self.reconcile(online).await } else { Ok(()) }
    }

    /// Sends the envelopes of all that was not delivered, in order, and moves the mark up to it. While a session runs,
    /// chats that are parked are left to the sweep; at its start they get theirs as well, for what waits in a parked
    /// chat is known only row by row.
    pub(super) async fn reconcile(&self, online: &mut Online<C>) -> Result<(), Halt> {
        let store = &self.shared.relay.store;
        let starting = online.reconcile_at == Seq::START;
        let mark = self.ledger(|| store.watermark(&self.app)).await?;
        let head = online.log.head();
        let open = if mark < head { self.ledger(|| store.undelivered(&self.app, mark)).await? } else { Vec::new() };
        let reached = open.first().map_or(head, |(seq, _)| seq.previous());
        if reached > mark {
            self.ledger(|| store.advance_watermark(&self.app, reached)).await?;
        }
        // What is open is read again each time: the more there is, the later.
        let undelivered = head.get() - reached.get();
        online.reconcile_at = Seq::new(head.get() + self.shared.config.reconcile_every.max(undelivered));
        online.reconcile_by = (reached < head).then(|| Instant::now() + self.shared.config.reconcile_after);
        let parked: HashSet<Puid> = if starting || open.is_empty() {
            HashSet::new()
        } else {
            let parked = self.ledger(|| store.parked_chats(&self.app)).await?;
            parked.into_iter().map(|parked| parked.chat).collect()
        };
        let open = open.into_iter().filter(|(_, chat)| !parked.contains(chat));
        let envelopes: Vec<InboundEnvelope> =
            open.map(|(seq, chat)| InboundEnvelope { app: self.app.clone(), chat, seq }).collect();
        if !envelopes.is_empty() {
            tracing::info!(messages.count = envelopes.len(), "undelivered messages are sent on again");
        }
        self.send_envelopes(&envelopes).await
    }
}
