//! How many sessions there are, by phase.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use boot::metrics::{Gauge, SESSIONS_LOGGING_IN, SESSIONS_OFFLINE, SESSIONS_ONLINE};

/// A session's phase, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionPhase {
    Offline,
    LoggingIn,
    Online,
}

const GAUGES: [(SessionPhase, Gauge); 3] = [
    (SessionPhase::Offline, SESSIONS_OFFLINE),
    (SessionPhase::LoggingIn, SESSIONS_LOGGING_IN),
    (SessionPhase::Online, SESSIONS_ONLINE),
];

/// The number of sessions in each phase.
#[derive(Debug, Default)]
pub struct SessionCounts([AtomicU32; GAUGES.len()]);

impl SessionCounts {
    /// Sets the gauges to the current counts.
    pub(crate) fn update_gauges(&self) {
        for (phase, gauge) in GAUGES {
            gauge.set(self.of(phase).load(Ordering::Relaxed));
        }
    }

    fn of(&self, phase: SessionPhase) -> &AtomicU32 {
        &self.0[phase as usize]
    }
}

/// Counts one session in a phase until it is dropped.
#[derive(Debug)]
pub(crate) struct SessionCount {
    counts: Arc<SessionCounts>,
    phase: SessionPhase,
}

impl SessionCount {
    pub(crate) fn new(counts: &Arc<SessionCounts>, phase: SessionPhase) -> Self {
        counts.of(phase).fetch_add(1, Ordering::Relaxed);
        Self { counts: Arc::clone(counts), phase }
    }
}

impl Drop for SessionCount {
    fn drop(&mut self) {
        self.counts.of(self.phase).fetch_sub(1, Ordering::Relaxed);
    }
}
