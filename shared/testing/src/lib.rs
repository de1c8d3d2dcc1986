//! Test support: services, a relay on them, a clock that a test moves, and ids that count, and values to start from.

mod builders;
mod clock;
mod fixture;
mod ids;
mod services;

pub use builders::{contact, message};
pub use clock::FixedClock;
pub use fixture::{APP_SECRET, Fixture, TOKEN};
pub use ids::CountedIds;
pub use services::Services;

/// When the test clock starts: the second the predecessor's README was written in.
pub const START: &str = "2020-01-07T03:25:45.98802Z";
