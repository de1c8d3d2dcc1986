//! Structured logs.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Writes logs to standard error: one line of JSON for each event or, if `human`, text for a terminal. `directives` have
/// the form of `RUST_LOG`; malformed ones are ignored. A second call changes nothing.
pub fn start_logs(directives: &str, human: bool) {
    let started = if human {
        let layer = fmt::layer().with_target(false).with_ansi(std::io::stderr().is_terminal());
        tracing_subscriber::registry().with(filter(directives)).with(layer.with_writer(std::io::stderr)).try_init()
    } else {
        json_logs(directives, std::io::stderr).try_init()
    };
    // Fails only at a second call in one process.
    drop(started);
}

/// The JSON logs of [`start_logs`], written to `writer`.
pub fn json_logs<Writer>(directives: &str, writer: Writer) -> impl Subscriber + Send + Sync
where
    Writer: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().json().flatten_event(true).with_writer(writer);
    tracing_subscriber::registry().with(filter(directives)).with(layer)
}

fn filter(directives: &str) -> EnvFilter {
    EnvFilter::builder().parse_lossy(directives)
}
