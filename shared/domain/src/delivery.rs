//! Where a message stands on its way to the callback, and when a failed one is tried again.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{AppId, Seq},
    puid::Puid,
};

/// A message's name on its whole way: in every log line about it, and at the callback as `webhook-id`. The same for every
/// try.
pub fn id(app: &AppId, seq: Seq) -> String {
    format!("msg_{app}_{seq}")
}

/// Whether a log row is to be delivered, and was. A message that waits for a later attempt is `Pending` here and has a
/// place in its chat's parking order besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Nothing to deliver: the account's own message, or the app had no callback when it came.
    Unwanted,
    Pending,
    Delivered,
}

/// A chat whose delivery has failed: everything in it waits, in order, until `due`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub chat: Puid,
    /// Sweeps that have failed so far.
    pub attempts: u32,
    /// When to try again.
    pub due: Timestamp,
    /// When the first failure was.
    pub since: Timestamp,
    /// The newest message that waits; guards against removing the place while another is added.
    pub last_seq: Seq,
    /// The last failure, as one sentence.
    pub last_error: String,
}

/// Delays between attempts at one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Pauses between the quick tries of the dispatcher; one try more than there are pauses.
    pub quick: Vec<Duration>,
    /// Delays between sweeps of a parked chat; the last repeats.
    pub slow: Vec<Duration>,
}

impl Default for RetrySchedule {
    /// Quick tries over about a second, then sweeps over about a day, then every six hours.
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
    /// How long a chat waits after `attempts` sweeps have failed (0 right after it was parked), spread by up to a
    /// tenth by `jitter` (0 to 255) so that chats parked together do not come due together.
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
    fn delays_grow_and_the_last_repeats() {
        let schedule = RetrySchedule::default();
        assert_eq!(schedule.delay(0, 0), Duration::from_secs(5));
        assert_eq!(schedule.delay(3, 0), Duration::from_mins(1));
        assert_eq!(schedule.delay(500, 0), Duration::from_hours(6));
        assert_eq!(schedule.delay(0, 255), Duration::from_millis(5_500));
    }
}
