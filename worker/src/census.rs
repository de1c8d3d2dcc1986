//! How many sessions there are, by what they do.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use boot::metrics::{Gauge, SESSIONS_LOGGING_IN, SESSIONS_OFFLINE, SESSIONS_ONLINE};

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Offline,
    LoggingIn,
    Online,
}

const GAUGES: [(Standing, Gauge); 3] = [
    (Standing::Offline, SESSIONS_OFFLINE),
    (Standing::LoggingIn, SESSIONS_LOGGING_IN),
    (Standing::Online, SESSIONS_ONLINE),
];

/// The counts.
#[derive(Debug, Default)]
pub struct Census([AtomicU32; GAUGES.len()]);

impl Census {
    /// Sets the gauges to what is true now.
    pub fn tell(&self) {
        for (standing, gauge) in GAUGES {
            gauge.set(self.count(standing).load(Ordering::Relaxed));
        }
    }

    fn count(&self, standing: Standing) -> &AtomicU32 {
        &self.0[standing as usize]
    }
}

/// A session's place in the counts, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Place {
    census: Arc<Census>,
    standing: Standing,
}

impl Place {
    pub fn new(census: &Arc<Census>, standing: Standing) -> Self {
        census.count(standing).fetch_add(1, Ordering::Relaxed);
        Self { census: Arc::clone(census), standing }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.census.count(self.standing).fetch_sub(1, Ordering::Relaxed);
    }
}
