//! What the worker reports about itself: health, session counts and metrics.

mod health;
pub mod health_server;
mod session_counts;
mod telemetry;

pub(crate) use health::Heartbeat;
pub use health::{Health, Unhealthy};
pub use session_counts::SessionCounts;
pub(crate) use session_counts::{SessionCount, SessionPhase};
pub use telemetry::Telemetry;
