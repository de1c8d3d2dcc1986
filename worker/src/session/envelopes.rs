//! Sending envelopes to the inbound queue.

use queue::InboundEnvelope;

use super::{Halt, ledger::Ledger};

/// Sends envelopes until the queue has accepted all. A session that stops meanwhile leaves the rest to reconciliation.
pub(super) async fn send_envelopes(ledger: &Ledger, envelopes: &[InboundEnvelope]) -> Result<(), Halt> {
    let (Some(first), Some(last)) = (envelopes.first(), envelopes.last()) else { return Ok(()) };
    let mut backoff = ledger.backoff();
    loop {
        match Box::pin(ledger.relay().queues.inbound.send_all(envelopes)).await {
            Ok(()) => {
                tracing::debug!(log.first = first.seq.get(), log.last = last.seq.get(), "envelopes sent");
                return Ok(());
            }
            Err(error) => {
                if backoff.failures() == 0 {
                    tracing::warn!(error = %domain::error::chain(&error), "inbound queue unavailable; retrying");
                }
                ledger.pause(ledger.next_pause(&mut backoff)).await?;
            }
        }
    }
}
