//! Back-off: growing pauses after failures.

use std::time::Duration;

/// The longest pause between two attempts.
const CAP: Duration = Duration::from_mins(1);

/// Pauses that double with every failure. Jitter spreads the retries of sessions that failed together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration) -> Self {
        Self { first, failures: 0 }
    }

    /// Failures since the last success.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure and returns the pause. `jitter` (0 to 255) shortens it by up to half.
    pub(crate) fn failed(&mut self, jitter: u8) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(16)).min(CAP);
        self.failures = self.failures.saturating_add(1);
        doubled.mul_f64(1.0 - f64::from(jitter) / 255.0 / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        let seconds: Vec<u64> = (0..8).map(|_| backoff.failed(0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.failures(), 8);
        backoff.succeeded();
        assert_eq!(backoff.failed(255), Duration::from_millis(500));
    }
}
