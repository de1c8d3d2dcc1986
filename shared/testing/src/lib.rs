//! What tests start from: the relay on embedded services in memory, with a clock that stands still until it is moved
//! and ids that count.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use boot::{AwsClients, AwsEndpoints, Relay};
use domain::{
    app::{App, Binding, NewApp},
    puid::Puid,
    secret,
    time::{Clock, Ids},
};
use embedded::{Embedded, Options};
use jiff::{Timestamp, ToSpan, tz::TimeZone};

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
    /// The services under the relay.
    pub embedded: Embedded,
}

impl Fixture {
    /// # Panics
    /// When the embedded services do not start.
    pub async fn start() -> Self {
        let embedded = Embedded::start(Options::memory()).await.expect("embedded services start");
        let clients = clients(&embedded);
        let zone = TimeZone::get("Asia/Shanghai").expect("zone data is compiled in");
        let settings =
            template::provision(&clients, template::STACK, 1, [7; 32], zone).await.expect("table and queues are made");
        let clock = Arc::new(FixedClock(Mutex::new(START.parse().expect("a time"))));
        let ids: Arc<dyn Ids> = Arc::new(CountedIds::default());
        let mut relay = Relay::new(&clients, &settings);
        relay.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        relay.sealer = secret::Sealer::new(&settings.sealing_key, Arc::clone(&ids));
        relay.ids = ids;
        Self { relay, clock, embedded }
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

/// Clients of running embedded services.
pub fn clients(embedded: &Embedded) -> AwsClients {
    AwsClients::at(&AwsEndpoints {
        dynamodb: embedded.dynamodb_url().to_owned(),
        sqs: embedded.sqs_url().to_owned(),
        region: embedded::REGION.to_owned(),
        access_key: embedded::ACCESS_KEY.to_owned(),
        secret_key: embedded::SECRET_KEY.to_owned(),
    })
}
