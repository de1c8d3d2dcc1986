//! The wall clock: message times, and the timestamps that a bench compares.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "the simulator stands for a server elsewhere: it has its own clock")]
pub(crate) fn unix_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| u64::try_from(age.as_micros()).unwrap_or(u64::MAX))
}

/// Seconds since 1970, the unit of WeChat's `CreateTime`.
pub(crate) fn unix_seconds() -> u64 {
    unix_micros() / 1_000_000
}
