//! Pacing: limits how fast an account sends.

use std::time::Duration;

use tokio::time::Instant;

/// `burst` messages at once, then one in each `every`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub burst: u32,
    pub every: Duration,
}

/// An account's token bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pace: Option<Pace>,
    /// When the bucket is full again; in the past while it is full.
    full_at: Option<Instant>,
}

impl Bucket {
    pub(crate) fn new(pace: Option<Pace>) -> Self {
        Self { pace, full_at: None }
    }

    /// The time of the next turn; `None` when there is one now.
    pub(crate) fn next_turn(&self, now: Instant) -> Option<Instant> {
        let pace = self.pace?;
        let from = self.full_at? - pace.every * pace.burst.saturating_sub(1);
        (from > now).then_some(from)
    }

    /// Takes a turn, or returns the time of the next one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some(from) = self.next_turn(now) {
            return Err(from);
        }
        if let Some(pace) = self.pace {
            self.full_at = Some(self.full_at.map_or(now, |at| at.max(now)) + pace.every);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_is_paced() {
        let every = Duration::from_secs(1);
        let mut bucket = Bucket::new(Some(Pace { burst: 3, every }));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(bucket.take(start), Ok(()));
        }
        assert_eq!(bucket.take(start), Err(start + every));
        assert_eq!(bucket.next_turn(start), Some(start + every));
        assert_eq!(bucket.next_turn(start + every), None, "looking takes no turn");
        assert_eq!(bucket.take(start + every), Ok(()));
        assert_eq!(bucket.take(start + every), Err(start + every * 2));
        let later = start + every * 60;
        assert_eq!((0..4).map(|_| bucket.take(later).is_ok()).collect::<Vec<_>>(), [true, true, true, false]);
    }

    #[test]
    fn no_pace_is_no_limit() {
        let mut bucket = Bucket::new(None);
        assert!((0..100).all(|_| bucket.take(Instant::now()).is_ok()));
    }
}
