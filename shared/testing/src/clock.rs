//! The tests' clock.

use std::sync::Mutex;

use domain::time::Clock;
use jiff::{SignedDuration, Timestamp, ToSpan};
use tokio::time::Instant;

/// A clock that a test moves. It starts at [`START`](crate::START).
#[derive(Debug)]
pub struct FixedClock {
    now: Mutex<Timestamp>,
    /// Since when tokio's time moves the clock too; `None` for a clock that only the test moves.
    follows: Option<Instant>,
}

impl FixedClock {
    pub(crate) fn new() -> Self {
        Self { now: Mutex::new(crate::START.parse().expect("a timestamp")), follows: None }
    }

    /// A clock that also moves with tokio's time, so that paused time moves both.
    pub(crate) fn following_tokio() -> Self {
        Self { follows: Some(Instant::now()), ..Self::new() }
    }

    /// Moves the clock on.
    ///
    /// # Panics
    /// When the sum is past the end of time.
    pub fn advance_seconds(&self, seconds: i64) {
        let mut now = self.now.lock().expect("no panic while the clock is locked");
        *now = now.checked_add(seconds.seconds()).expect("a timestamp in range");
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        let now = *self.now.lock().expect("no panic while the clock is locked");
        let elapsed = self.follows.map(|start| start.elapsed()).unwrap_or_default();
        now + SignedDuration::try_from(elapsed).expect("a duration in range")
    }
}
