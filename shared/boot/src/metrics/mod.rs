//! What is measured, and under which names. A metric has one name everywhere: in CloudWatch (namespace `WechatRelay`,
//! dimension `Stack`) and as Prometheus text.
//!
//! Recording costs next to nothing in a process without a recorder: the functions that have nothing to measure install
//! none, and neither does `local`.

mod emf;

pub use emf::{Emf, NAMESPACE};
use metrics::{Recorder, Unit};

/// Something that is counted.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    pub name: &'static str,
    pub what: &'static str,
}

impl Counter {
    pub fn add(&self, count: u64) {
        metrics::counter!(self.name).increment(count);
    }
}

/// Something that is so many now.
#[derive(Debug, Clone, Copy)]
pub struct Gauge {
    pub name: &'static str,
    pub what: &'static str,
}

impl Gauge {
    pub fn set(&self, count: u32) {
        metrics::gauge!(self.name).set(count);
    }
}

/// Something of which every value counts.
#[derive(Debug, Clone, Copy)]
pub struct Histogram {
    pub name: &'static str,
    pub unit: Unit,
    pub what: &'static str,
    /// Where Prometheus draws its lines.
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

pub const MESSAGES_IN: Counter = Counter { name: "messages_in", what: "Messages to the account that went into a log" };
pub const MESSAGES_OUT: Counter = Counter { name: "messages_out", what: "Messages sent, as far as WeChat has said so" };
pub const SENDS_FAILED: Counter = Counter { name: "sends_failed", what: "Messages given up before they were sent" };
pub const DELIVERIES: Counter = Counter { name: "deliveries", what: "Messages that a callback has taken" };
pub const DELIVERY_ATTEMPTS: Counter = Counter { name: "delivery_attempts", what: "Requests to callbacks" };
pub const DELIVERY_FAILURES: Counter =
    Counter { name: "delivery_failures", what: "Requests to callbacks that were not answered with 2xx" };
pub const PARKED: Counter = Counter { name: "parked", what: "Messages put aside for a later attempt" };
pub const SESSIONS_ENDED: Counter = Counter { name: "sessions_ended", what: "Sessions that WeChat has ended" };

pub const SESSIONS_ONLINE: Gauge = Gauge { name: "sessions_online", what: "Sessions that are online" };
pub const SESSIONS_LOGGING_IN: Gauge =
    Gauge { name: "sessions_logging_in", what: "Sessions whose login waits for the phone or is being opened" };
pub const SESSIONS_OFFLINE: Gauge =
    Gauge { name: "sessions_offline", what: "Sessions that were begun once and are neither online nor logging in" };

pub const DELIVERY_LATENCY: Histogram = Histogram {
    name: "delivery_latency_ms",
    unit: Unit::Milliseconds,
    what: "From receiving a message to the callback's 2xx",
    buckets: &[5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 3.6e6],
};
pub const QUEUE_AGE: Histogram = Histogram {
    name: "queue_age_seconds",
    unit: Unit::Seconds,
    what: "How long an envelope has waited in its queue (label queue: inbound or commands)",
    buckets: &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0],
};

pub const COUNTERS: [Counter; 8] =
    [MESSAGES_IN, MESSAGES_OUT, SENDS_FAILED, DELIVERIES, DELIVERY_ATTEMPTS, DELIVERY_FAILURES, PARKED, SESSIONS_ENDED];
pub const GAUGES: [Gauge; 3] = [SESSIONS_ONLINE, SESSIONS_LOGGING_IN, SESSIONS_OFFLINE];
pub const HISTOGRAMS: [Histogram; 2] = [DELIVERY_LATENCY, QUEUE_AGE];

/// Tells a recorder what everything is.
pub fn describe(recorder: &dyn Recorder) {
    for Counter { name, what } in COUNTERS {
        recorder.describe_counter(name.into(), Some(Unit::Count), what.into());
    }
    for Gauge { name, what } in GAUGES {
        recorder.describe_gauge(name.into(), Some(Unit::Count), what.into());
    }
    for Histogram { name, unit, what, .. } in HISTOGRAMS {
        recorder.describe_histogram(name.into(), Some(unit), what.into());
    }
}
