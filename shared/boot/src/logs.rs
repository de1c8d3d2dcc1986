//! Structured logs.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Writes logs to standard error: JSON, a line an event, or, `human`, as text for a terminal. `directives` say what is
/// logged (`RUST_LOG`'s form); malformed ones are passed over. A second call changes nothing.
pub fn start_logs(directives: &str, human: bool) {
    let filter = EnvFilter::builder().parse_lossy(directives);
    let registry = tracing_subscriber::registry().with(filter);
    let started = if human {
        let layer = fmt::layer().with_target(false).with_ansi(std::io::stderr().is_terminal());
        registry.with(layer.with_writer(std::io::stderr)).try_init()
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
    };
    // Only a second call in one process fails.
    drop(started);
}
