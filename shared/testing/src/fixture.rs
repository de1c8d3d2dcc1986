//! A relay on services of a test's own.

use std::sync::Arc;

use aws_sdk_dynamodb::config::Intercept;
use boot::{Relay, Settings};
use domain::{
    app::{App, Binding, NewApp},
    channel::{AccountId, ChannelKind},
    puid::Puid,
    secret::{self, Sealer},
    time::{Clock, Ids},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::time::Instant;

use crate::{CountedIds, FixedClock, Meter, Outage, Recorder, START, Services};

/// The token of [`Fixture::app`].
pub const TOKEN: &str = "test-token";
/// The app secret of [`Fixture::app`].
pub const APP_SECRET: &str = "5ec2e700000000000000000000000000";

fn start() -> Timestamp {
    START.parse().expect("a timestamp")
}

/// A relay on services of a test's own. Ends with the value.
pub struct Fixture {
    pub relay: Relay,
    pub clock: Arc<FixedClock>,
    pub services: Services,
    settings: Settings,
}

impl Fixture {
    /// A relay whose clock stands still until the test moves it.
    ///
    /// # Panics
    /// When the services do not start, or cannot create the table and the queues.
    pub async fn start() -> Self {
        Self::on(Services::start().await, FixedClock::at(start())).await
    }

    /// A relay without sockets, for tests with paused time: a request to the ledger does not move tokio's clock, and the
    /// relay's clock moves with tokio's.
    ///
    /// # Panics
    /// When the services cannot create the table and the queues.
    pub async fn in_process() -> Self {
        let began = Instant::now();
        let elapsed = move || SignedDuration::try_from(began.elapsed()).expect("a duration in range");
        Self::on(Services::in_process(), FixedClock::moved_by(start(), elapsed)).await
    }

    async fn on(services: Services, clock: FixedClock) -> Self {
        let Services { clients, stack, .. } = &services;
        let zone = TimeZone::get("Asia/Shanghai").expect("zone data is compiled in");
        let settings = template::provision(clients, stack, 1, [7; 32], zone).await.expect("table and queues");
        let clock = Arc::new(clock);
        let ids: Arc<dyn Ids> = Arc::new(CountedIds::default());
        let mut relay = Relay::new(clients, &settings);
        relay.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        relay.sealer = Sealer::new(&settings.sealing_key, Arc::clone(&ids));
        relay.ids = ids;
        Self { relay, clock, services, settings }
    }

    /// The relay for the code under test: the same as [`relay`](Self::relay), but the recorder sees its AWS requests.
    pub fn recorded(&self) -> (Relay, Recorder) {
        let recorder = Recorder::new(&self.settings);
        (self.intercepted(recorder.clone()), recorder)
    }

    /// The relay for the code under test: the same as [`relay`](Self::relay), but the meter counts its units.
    pub fn metered(&self) -> (Relay, Meter) {
        let meter = Meter::default();
        (self.intercepted(meter.clone()), meter)
    }

    fn intercepted(&self, interceptor: impl Intercept + Clone + 'static) -> Relay {
        let clients = self.services.clients.intercepted(interceptor);
        let Relay { store, queues, media, .. } = Relay::new(&clients, &self.settings);
        Relay { store, queues, media, ..self.relay.clone() }
    }

    /// A switch for outages of the bucket of [`relay`](Self::relay).
    pub fn media_outage(&mut self) -> Outage {
        let outage = Outage::default();
        self.relay.media = self.services.clients.intercepted(outage.clone()).media(&self.settings.media_bucket);
        outage
    }

    /// Creates an app with [`TOKEN`] and [`APP_SECRET`], bound to the account `e1d54615`.
    ///
    /// # Panics
    /// When the ledger refuses it.
    pub async fn app(&self, callback: Option<&str>) -> App {
        let relay = &self.relay;
        let new = NewApp { name: "test", token: TOKEN, callback, channel: ChannelKind::Web, shard: 0 };
        let (mut app, _) = App::create(&new, &relay.sealer, &*relay.ids, relay.now());
        app.secret_hash = secret::hash(APP_SECRET);
        app.bound = Some(Binding {
            account: AccountId::new("1234567890"),
            puid: Puid::new("e1d54615"),
            nick_name: "我".to_owned(),
            since: relay.now(),
        });
        relay.store.create_app(&app).await.expect("a new app");
        app
    }
}
