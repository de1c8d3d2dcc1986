//! What tests start from: services (embedded ones in memory, or those that the environment names), the relay on them, a
//! clock that stands still until it is moved, and ids that count.

mod services;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use boot::Relay;
use domain::{
    app::{App, Binding, NewApp},
    puid::Puid,
    secret,
    time::{Clock, Ids},
};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
pub use services::Services;

/// When the test clock starts: the second the predecessor's README was written in.
pub const START: &str = "2020-01-07T03:25:45.98802Z";
/// The token of [`Fixture::app`].
pub const TOKEN: &str = "test-token";
/// The app secret of [`Fixture::app`].
pub const APP_SECRET: &str = "5ec2e700000000000000000000000000";

/// A clock that a test moves.
#[derive(Debug)]
pub struct FixedClock(Mutex<Timestamp>);

impl FixedClock {
    /// # Panics
    /// When the sum is past the end of time.
    pub fn advance_seconds(&self, seconds: i64) {
        let mut now = self.0.lock().expect("nothing panics with the clock in hand");
        *now = now.checked_add(seconds.seconds()).expect("a time that exists");
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("nothing panics with the clock in hand")
    }
}

/// Ids that count: `…0001`, `…0002`, ….
#[derive(Debug, Default)]
pub struct CountedIds(AtomicU64);

impl Ids for CountedIds {
    fn random(&self) -> [u8; 16] {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        u128::from(count).to_be_bytes()
    }
}

/// A relay of a test's own. Ends with the value.
pub struct Fixture {
    pub relay: Relay,
    pub clock: Arc<FixedClock>,
    /// What is under the relay.
    pub services: Services,
}

impl Fixture {
    /// # Panics
    /// When the services do not start, or do not take table and queues.
    pub async fn start() -> Self {
        let services = Services::start().await;
        let Services { clients, stack, .. } = &services;
        let zone = TimeZone::get("Asia/Shanghai").expect("zone data is compiled in");
        let settings = template::provision(clients, stack, 1, [7; 32], zone).await.expect("table and queues are made");
        let clock = Arc::new(FixedClock(Mutex::new(START.parse().expect("a time"))));
        let ids: Arc<dyn Ids> = Arc::new(CountedIds::default());
        let mut relay = Relay::new(clients, &settings);
        relay.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        relay.sealer = secret::Sealer::new(&settings.sealing_key, Arc::clone(&ids));
        relay.ids = ids;
        Self { relay, clock, services }
    }

    /// Makes an app with [`TOKEN`] and [`APP_SECRET`], bound to the account `e1d54615`.
    ///
    /// # Panics
    /// When the ledger does not take it.
    pub async fn app(&self, callback: Option<&str>) -> App {
        let relay = &self.relay;
        let new = NewApp { name: "test", token: TOKEN, callback, shard: 0 };
        let (mut app, _) = App::create(&new, &relay.sealer, &*relay.ids, relay.now());
        app.secret_hash = secret::hash(APP_SECRET);
        app.bound = Some(Binding {
            uin: 1_234_567_890,
            puid: Puid::new("e1d54615"),
            nick_name: "我".to_owned(),
            since: relay.now(),
        });
        relay.store.create_app(&app).await.expect("the ledger takes the app");
        app
    }
}
