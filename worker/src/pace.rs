//! A person's rhythm of sending.

use std::time::Duration;

use tokio::time::Instant;

/// So many messages at once, and then one in every so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub burst: u32,
    pub every: Duration,
}

/// How much of the rhythm an account has used up.
#[derive(Debug)]
pub(crate) struct Bucket {
    pace: Option<Pace>,
    /// When the bucket will be full again; in the past while it is.
    full_at: Option<Instant>,
}

impl Bucket {
    pub fn new(pace: Option<Pace>) -> Self {
        Self { pace, full_at: None }
    }

    /// From when on there is a turn, where there is none now.
    pub fn next_turn(&self, now: Instant) -> Option<Instant> {
        let pace = self.pace?;
        let from = self.full_at? - pace.every * pace.burst.saturating_sub(1);
        (from > now).then_some(from)
    }

    /// Takes a message's turn; or says from when on there is one.
    pub fn take(&mut self, now: Instant) -> Result<(), Instant> {
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
    fn a_burst_goes_at_once_and_the_rest_in_rhythm() {
        let every = Duration::from_secs(1);
        let mut bucket = Bucket::new(Some(Pace { burst: 3, every }));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(bucket.take(start), Ok(()));
        }
        assert_eq!(bucket.take(start), Err(start + every));
        assert_eq!(bucket.next_turn(start), Some(start + every));
        assert_eq!(bucket.next_turn(start + every), None, "asking takes no turn");
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
