//! The metrics. A metric has the same name in CloudWatch (namespace `WechatRelay`, dimension `Stack`) and in the
//! Prometheus text.
//!
//! Recording is nearly free in a process without a recorder. The endpoints and `local` install none.

mod emf;

pub use emf::{Emf, NAMESPACE};
use metrics::{Recorder, Unit};

/// A count of events.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    pub name: &'static str,
    pub help: &'static str,
}

impl Counter {
    pub fn add(&self, count: u64) {
        metrics::counter!(self.name).increment(count);
    }
}

/// A current number.
#[derive(Debug, Clone, Copy)]
pub struct Gauge {
    pub name: &'static str,
    pub help: &'static str,
}

impl Gauge {
    pub fn set(&self, count: u32) {
        metrics::gauge!(self.name).set(count);
    }
}

/// A distribution of values.
#[derive(Debug, Clone, Copy)]
pub struct Histogram {
    pub name: &'static str,
    pub unit: Unit,
    pub help: &'static str,
    /// Upper bounds of the buckets in the Prometheus text.
    pub buckets: &'static [f64],
}

impl Histogram {
    pub fn record(&self, value: f64) {
        metrics::histogram!(self.name).record(value);
    }

    /// Records with the label `queue`.
    pub fn record_of(&self, queue: &'static str, value: f64) {
        metrics::histogram!(self.name, "queue" => queue).record(value);
    }
}

pub const MESSAGES_IN: Counter = Counter { name: "messages_in", help: "Messages to the account that went into a log" };
pub const MESSAGES_OUT: Counter = Counter { name: "messages_out", help: "Messages sent and acknowledged by WeChat" };
pub const SENDS_FAILED: Counter = Counter { name: "sends_failed", help: "Messages that could not be sent" };
pub const DELIVERIES: Counter = Counter { name: "deliveries", help: "Messages that a callback accepted" };
pub const DELIVERY_ATTEMPTS: Counter = Counter { name: "delivery_attempts", help: "Requests to callbacks" };
pub const DELIVERY_FAILURES: Counter =
    Counter { name: "delivery_failures", help: "Requests to callbacks that were not answered with 2xx" };
pub const PARKED: Counter = Counter { name: "parked", help: "Messages parked for a later attempt" };
pub const SESSIONS_ENDED: Counter = Counter { name: "sessions_ended", help: "Sessions that WeChat ended" };
pub const MEDIA_IN: Counter = Counter { name: "media_in", help: "Media of received messages that were stored" };
pub const MEDIA_IN_BYTES: Counter = Counter { name: "media_in_bytes", help: "Bytes of stored media" };
pub const MEDIA_FAILED: Counter =
    Counter { name: "media_failed", help: "Media of received messages that were given up" };
pub const MEDIA_OUT: Counter = Counter { name: "media_out", help: "Media sent and acknowledged by WeChat" };
pub const MEDIA_OUT_BYTES: Counter = Counter { name: "media_out_bytes", help: "Bytes of sent media" };
pub const AVATARS: Counter = Counter { name: "avatars", help: "Pictures of contacts that were stored" };

pub const SESSIONS_ONLINE: Gauge = Gauge { name: "sessions_online", help: "Sessions that are online" };
pub const SESSIONS_LOGGING_IN: Gauge = Gauge { name: "sessions_logging_in", help: "Sessions with a login under way" };
pub const SESSIONS_OFFLINE: Gauge = Gauge {
    name: "sessions_offline",
    help: "Sessions that logged in before and are now neither online nor logging in",
};

pub const DELIVERY_LATENCY: Histogram = Histogram {
    name: "delivery_latency_ms",
    unit: Unit::Milliseconds,
    help: "Time from receiving a message to the callback's 2xx",
    buckets: &[5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 3.6e6],
};
pub const QUEUE_AGE: Histogram = Histogram {
    name: "queue_age_seconds",
    unit: Unit::Seconds,
    help: "Time that an envelope waited in its queue (label queue: inbound or commands)",
    buckets: &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0],
};

pub const COUNTERS: [Counter; 14] = [
    MESSAGES_IN,
    MESSAGES_OUT,
    SENDS_FAILED,
    DELIVERIES,
    DELIVERY_ATTEMPTS,
    DELIVERY_FAILURES,
    PARKED,
    SESSIONS_ENDED,
    MEDIA_IN,
    MEDIA_IN_BYTES,
    MEDIA_FAILED,
    MEDIA_OUT,
    MEDIA_OUT_BYTES,
    AVATARS,
];
pub const GAUGES: [Gauge; 3] = [SESSIONS_ONLINE, SESSIONS_LOGGING_IN, SESSIONS_OFFLINE];
pub const HISTOGRAMS: [Histogram; 2] = [DELIVERY_LATENCY, QUEUE_AGE];

/// Describes all metrics to a recorder.
pub fn describe(recorder: &dyn Recorder) {
    for Counter { name, help } in COUNTERS {
        recorder.describe_counter(name.into(), Some(Unit::Count), help.into());
    }
    for Gauge { name, help } in GAUGES {
        recorder.describe_gauge(name.into(), Some(Unit::Count), help.into());
    }
    for Histogram { name, unit, help, .. } in HISTOGRAMS {
        recorder.describe_histogram(name.into(), Some(unit), help.into());
    }
}
