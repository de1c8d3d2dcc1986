//! Waiting for something that another process writes into the ledger: look, and look again until the time is over.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::api::state::AppState;

/// A time within which to look again and again.
pub(crate) struct Wait {
    deadline: Instant,
    poll: Duration,
}

impl AppState {
    pub(crate) fn wait(&self, within: Duration) -> Wait {
        Wait { deadline: Instant::now() + within, poll: self.config.poll }
    }
}

impl Wait {
    /// Pauses until it is time for another look: `false`, at once, when there is no time for one.
    pub(crate) async fn again(&self) -> bool {
        let time = Instant::now() + self.poll <= self.deadline;
        if time {
            sleep(self.poll).await;
        }
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn looks_are_spread_over_the_time() {
        let poll = Duration::from_millis(250);
        let wait = Wait { deadline: Instant::now() + Duration::from_secs(2), poll };
        let mut looks = 1;
        while wait.again().await {
            looks += 1;
        }
        assert_eq!(looks, 9);
        assert!(!Wait { deadline: Instant::now(), poll }.again().await);
    }
}
