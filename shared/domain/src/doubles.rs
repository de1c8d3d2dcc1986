//! The clock and the ids of tests, one of each for all crates. Other crates get them with the feature `doubles`.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::time::{Clock, Ids};

/// A clock that stands still until a test moves it.
pub struct FixedClock {
    now: Mutex<Timestamp>,
    /// What else moves the clock: how long since its start.
    elapsed: Box<dyn Fn() -> SignedDuration + Send + Sync>,
}

impl fmt::Debug for FixedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FixedClock({})", self.now())
    }
}

impl FixedClock {
    pub fn at(start: Timestamp) -> Self {
        Self::moved_by(start, || SignedDuration::ZERO)
    }

    /// A clock that `elapsed` moves as well: the time since the start, as a test's runtime counts it.
    pub fn moved_by(start: Timestamp, elapsed: impl Fn() -> SignedDuration + Send + Sync + 'static) -> Self {
        Self { now: Mutex::new(start), elapsed: Box::new(elapsed) }
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
        *self.now.lock().expect("no panic while the clock is locked") + (self.elapsed)()
    }
}

/// Ids that count: `…0001`, `…0002`, ….
#[derive(Debug, Default)]
pub struct CountedIds(AtomicU64);

impl Ids for CountedIds {
    fn random(&self) -> [u8; 16] {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        u128::from(count).to_be_bytes()
    }
}
