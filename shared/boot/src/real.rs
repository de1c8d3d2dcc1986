//! The real clock, id source and HTTP client.

use std::time::Duration;

use domain::time::{Clock, Ids};
use jiff::Timestamp;

/// The system's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Random ids from the operating system.
#[derive(Debug, Clone, Copy)]
pub struct OsIds;

impl Ids for OsIds {
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives randomness");
        bytes
    }
}

/// A client that follows no redirects and uses no proxy. Connecting times out after ten seconds. Each request must set
/// its own time-out.
pub fn http_client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .no_proxy()
}
