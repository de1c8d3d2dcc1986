//! Summarises an app's log in a task beside its session, which never waits for it.
//!
//! The summary of a block is due once the log is past the block's end. A session that starts also summarises what earlier
//! versions, or a worker that stopped, have left. The history does not depend on it.

use std::{sync::Arc, time::Duration};

use domain::id::Seq;
use store::{SUMMARY_BLOCK, StoreError};
use tokio::{sync::Mutex, task::JoinSet, time::sleep};
use tracing::Instrument;

use super::ledger::Ledger;

/// The pause between blocks. With it, a log of any length takes less than a tenth of what DynamoDB reads from one
/// partition, 3,000 units a second.
const PAUSE: Duration = Duration::from_millis(250);

/// The tasks are aborted when this is dropped.
pub(super) struct Summaries {
    ledger: Ledger,
    tasks: JoinSet<()>,
    /// Held by the task that works; a later one waits for it.
    working: Arc<Mutex<()>>,
    /// The head at which the next block is complete.
    due: u64,
}

impl Summaries {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self { ledger, tasks: JoinSet::new(), working: Arc::default(), due: SUMMARY_BLOCK }
    }

    /// Starts a task if the head has passed the end of a block.
    pub(super) fn head_moved(&mut self, head: Seq) {
        if head.get() < self.due {
            return;
        }
        while self.tasks.try_join_next().is_some() {}
        let complete = head.get() / SUMMARY_BLOCK;
        self.due = (complete + 1) * SUMMARY_BLOCK;
        let work = summarise(self.ledger.clone(), Arc::clone(&self.working), complete);
        self.tasks.spawn(work.in_current_span());
    }
}

/// Summarises the first `complete` blocks of the log, as far as they have no summary. What fails is due again with the
/// next block.
async fn summarise(ledger: Ledger, working: Arc<Mutex<()>>, complete: u64) {
    let _working = working.lock().await;
    if let Err(error) = summarise_blocks(&ledger, complete).await {
        tracing::warn!(error = %domain::error::chain(&error), "log not summarised");
    }
}

async fn summarise_blocks(ledger: &Ledger, complete: u64) -> Result<(), StoreError> {
    let (store, app) = (&ledger.relay().store, ledger.app());
    for block in store.first_block_without_summary(app).await?..complete {
        let turn = ledger.summary_turn().await;
        match store.summarise(app, block).await {
            // The history reads this block row by row.
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(error = %domain::error::chain(&error), log.block = block, "block not summarised");
            }
            done => done?,
        }
        drop(turn);
        sleep(PAUSE).await;
    }
    Ok(())
}
