//! A simulated WeChat with one account, and a client that talks to it.

use std::{sync::Arc, time::Duration};

use domain::doubles::{CountedIds, FixedClock};
use simulator::{AccountSpec, Config, Simulator, World};
use wechat::{Channel, Cursor, Hosts, LoginMode, LoginStatus, LoginTicket, Opened, Session, WebWeChat};

pub const UIN: u64 = 155_217_200;

/// The client's time; the simulator keeps its own.
const NOON: &str = "2024-05-01T12:00:00Z";

/// A client whose hosts are all at `origin`.
pub fn client(origin: &str) -> WebWeChat {
    let hosts = Hosts::single(&origin.parse().unwrap());
    let clock = FixedClock::at(NOON.parse().unwrap());
    WebWeChat::new(reqwest::Client::builder(), hosts, Arc::new(clock), Arc::new(CountedIds::default())).unwrap()
}

pub struct Stage {
    pub simulator: Simulator,
    pub world: World,
    pub client: WebWeChat,
}

impl Stage {
    /// Long polls end after 50 ms, a page of contacts has 10 entries, a batch of messages 5.
    pub async fn set(spec: AccountSpec) -> Self {
        let long_poll = Duration::from_millis(50);
        Self::set_with(spec, Config { long_poll, contact_page: 10, sync_batch: 5, ..Config::default() }).await
    }

    pub async fn set_with(spec: AccountSpec, config: Config) -> Self {
        let simulator = Simulator::start_with("127.0.0.1:0", config).await.unwrap();
        let world = simulator.world();
        world.account(spec);
        Self { client: client(&simulator.origin()), world, simulator }
    }

    /// A confirmed login: its ticket and where it leads.
    pub async fn confirmed(&self, mode: LoginMode) -> (LoginTicket, String) {
        let mut ticket = self.client.start_login(mode).await.unwrap();
        self.world.scan(&ticket.uuid, UIN).unwrap();
        assert!(matches!(self.client.login_status(&ticket).await.unwrap(), LoginStatus::Scanned { .. }));
        ticket.scanned = true;
        self.world.confirm(&ticket.uuid).unwrap();
        match self.client.login_status(&ticket).await.unwrap() {
            LoginStatus::Confirmed { redirect } => (ticket, redirect),
            other => panic!("{other:?}"),
        }
    }

    pub async fn log_in(&self) -> Opened<Session, Cursor> {
        let (ticket, redirect) = self.confirmed(LoginMode::Desktop).await;
        self.client.open(&ticket, &redirect).await.unwrap()
    }

    /// This login's name of a contact.
    pub fn name(&self, contact: &str) -> String {
        self.world.user_name(UIN, contact).unwrap()
    }

    /// To be called at the end: the client did nothing wrong.
    pub fn assert_clean(&self) {
        assert_eq!(self.world.violations(), []);
    }
}
