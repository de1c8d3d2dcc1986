//! Test support: services, a relay on them, the callback of an app, a clock, ids, and values to start from.

mod builders;
mod callback;
mod fixture;
mod item_size;
mod meter;
mod outage;
mod recorder;
mod services;

pub use builders::{contact, message};
pub use callback::{Callback, Delivered};
pub use domain::doubles::{CountedIds, FixedClock};
pub use fixture::{APP_SECRET, Fixture, TOKEN};
pub use item_size::item_size;
pub use meter::{Meter, Units};
pub use outage::Outage;
pub use recorder::Recorder;
pub use services::Services;

/// When the test clock starts: the second the predecessor's README was written in.
pub const START: &str = "2020-01-07T03:25:45.98802Z";
