//! Polling the ledger for what another process writes.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::api::state::AppState;

/// Reads at intervals until a deadline.
pub(crate) struct Polling {
    deadline: Instant,
    interval: Duration,
}

impl AppState {
    pub(crate) fn poll_for(&self, time: Duration) -> Polling {
        Polling { deadline: Instant::now() + time, interval: self.config.poll_interval }
    }
}

impl Polling {
    /// Waits for the next read. Returns `false` at once if that would be after the deadline.
    pub(crate) async fn next(&self) -> bool {
        let in_time = Instant::now() + self.interval <= self.deadline;
        if in_time {
            sleep(self.interval).await;
        }
        in_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reads_are_spread_over_the_time() {
        let interval = Duration::from_millis(250);
        let polling = Polling { deadline: Instant::now() + Duration::from_secs(2), interval };
        let mut reads = 1;
        while polling.next().await {
            reads += 1;
        }
        assert_eq!(reads, 9);
        assert!(!Polling { deadline: Instant::now(), interval }.next().await);
    }
}
