//! Deliveries of messages to the callback, and the schedule of their attempts.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{AppId, Seq},
    puid::Puid,
};

/// The delivery id: in every log line about the message, and in the callback's header `webhook-id`. It is the same for
/// every attempt.
pub fn id(app: &AppId, seq: Seq) -> String {
    format!("msg_{app}_{seq}")
}

/// State of a message's delivery. A message that waits in a parked chat is `Pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Nothing to deliver: the account sent the message, or the app had no callback when it arrived.
    Unwanted,
    Pending,
    Delivered,
}

/// A parked chat: a delivery failed, so all its messages wait in order until `due`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub chat: Puid,
    /// Number of sweeps whose attempt failed.
    pub attempts: u32,
    /// Time of the next attempt.
    pub due: Timestamp,
    /// Time of the first failure.
    pub since: Timestamp,
    /// The message that was added last. A change of it prevents that the chat is unparked meanwhile.
    pub last_seq: Seq,
    /// The last failure, as one sentence.
    pub last_error: String,
}

/// The delays between attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Pauses between the quick attempts of the dispatcher. There is one attempt more than there are pauses.
    pub quick: Vec<Duration>,
    /// Delays between sweeps of a parked chat; the last repeats.
    pub slow: Vec<Duration>,
}

impl Default for RetrySchedule {
    /// Three quick attempts within about a second, then sweeps at growing delays, finally one every six hours.
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Self {
            quick: vec![Duration::from_millis(200), Duration::from_millis(800)],
            slow: vec![
                Duration::from_secs(5),
                Duration::from_secs(15),
                Duration::from_secs(30),
                minutes(1),
                minutes(2),
                minutes(5),
                minutes(10),
                minutes(30),
                minutes(60),
                minutes(120),
                minutes(240),
                minutes(360),
            ],
        }
    }
}

impl RetrySchedule {
    /// The delay after `attempts` failed sweeps (0 after parking). `jitter` (0 to 255) adds up to a tenth, so that chats
    /// parked at the same time do not come due at the same time.
    pub fn delay(&self, attempts: u32, jitter: u8) -> Duration {
        let last = self.slow.len().saturating_sub(1);
        let at = usize::try_from(attempts).unwrap_or(last).min(last);
        let base = self.slow.get(at).copied().unwrap_or_default();
        base + base.mul_f64(f64::from(jitter) / 255.0 / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_the_last_one_repeats() {
        let schedule = RetrySchedule::default();
        assert_eq!(schedule.delay(0, 0), Duration::from_secs(5));
        assert_eq!(schedule.delay(3, 0), Duration::from_mins(1));
        assert_eq!(schedule.delay(500, 0), Duration::from_hours(6));
        assert_eq!(schedule.delay(0, 255), Duration::from_millis(5_500));
    }
}
