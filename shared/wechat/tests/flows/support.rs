//! A simulated WeChat with one account, and a client that talks to it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use channel::{
    ByteStream, Channel, Error, FileBytes, Incoming, LoginProgress, LoginStep, NewLogin, Opened, Opening, Peer, Ticket,
};
use domain::{
    contact::ContactKind,
    doubles::{CountedIds, FixedClock},
};
use futures_util::{StreamExt, stream};
use simulator::{AccountSpec, Config, Simulator, World};
use wechat::{Hosts, WebWeChat};

pub(crate) const UIN: u64 = 155_217_200;

/// The client's clock stands at this time; the simulator has its own.
const NOON: &str = "2024-05-01T12:00:00Z";

/// A client that uses `origin` for all hosts.
pub(crate) fn client(origin: &str) -> WebWeChat {
    let hosts = Hosts::single(&origin.parse().unwrap());
    let clock = FixedClock::at(NOON.parse().unwrap());
    WebWeChat::new(reqwest::Client::builder(), hosts, Arc::new(clock), Arc::new(CountedIds::default())).unwrap()
}

pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) world: World,
    pub(crate) client: WebWeChat,
}

impl Stage {
    /// Long polls end after 50 ms, a page of contacts has 10 entries, a batch of messages 5.
    pub(crate) async fn set(spec: AccountSpec) -> Self {
        let long_poll = Duration::from_millis(50);
        Self::set_with(spec, Config { long_poll, contact_page: 10, sync_batch: 5, ..Config::default() }).await
    }

    pub(crate) async fn set_with(spec: AccountSpec, config: Config) -> Self {
        let simulator = Simulator::start_with("127.0.0.1:0", config).await.unwrap();
        let world = simulator.world();
        world.account(spec);
        Self { client: client(&simulator.origin()), world, simulator }
    }

    /// The ticket of a new login that the person has confirmed.
    pub(crate) async fn confirmed(&self) -> Ticket {
        let login = self.client.start_login(None).await.unwrap();
        self.confirm(&login).await
    }

    /// Scans and confirms `login`; returns the confirmed ticket.
    pub(crate) async fn confirm(&self, login: &NewLogin) -> Ticket {
        self.world.scan(&login.id, UIN).unwrap();
        let ticket = match self.client.poll_login(&login.ticket, None).await.unwrap() {
            LoginProgress::Step { ticket, step: LoginStep::ConfirmOnPhone { .. } } => ticket,
            other => panic!("{other:?}"),
        };
        self.world.confirm(&login.id).unwrap();
        self.poll_confirmed(&ticket).await
    }

    /// Polls a login that the person has confirmed.
    pub(crate) async fn poll_confirmed(&self, ticket: &Ticket) -> Ticket {
        match self.client.poll_login(ticket, None).await.unwrap() {
            LoginProgress::Confirmed { ticket } => ticket,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn open(&self, ticket: &Ticket) -> Opened {
        match self.client.open(ticket).await.unwrap() {
            Opening::Opened(opened) => *opened,
            Opening::Restarted(login) => panic!("{login:?}"),
        }
    }

    pub(crate) async fn log_in(&self) -> Opened {
        self.open(&self.confirmed().await).await
    }

    /// The user name of a contact in this login.
    pub(crate) fn name(&self, contact: &str) -> String {
        self.world.user_name(UIN, contact).unwrap()
    }

    /// A person or an official account.
    pub(crate) fn person(&self, contact: &str) -> Peer {
        Peer::new(self.name(contact), ContactKind::Stranger)
    }

    pub(crate) fn group(&self, contact: &str) -> Peer {
        Peer::new(self.name(contact), ContactKind::Group)
    }

    /// Call it at the end of a test: the client has not violated the protocol.
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.world.violations(), []);
    }
}

/// The messages that wait, from the cursor on.
pub(crate) async fn drain(opened: &mut Opened) -> Vec<Incoming> {
    let mut messages = Vec::new();
    loop {
        let batch = opened.connection.fetch(&opened.cursor).await.unwrap();
        messages.extend(batch.messages);
        opened.cursor = batch.cursor;
        if !batch.more {
            return messages;
        }
    }
}

/// A file in memory that comes in parts of 100,000 bytes.
pub(crate) struct InMemory(pub(crate) Bytes);

#[async_trait]
impl FileBytes for InMemory {
    async fn open(&self) -> Result<ByteStream, Error> {
        let parts: Vec<Result<Bytes, Error>> = self.0.chunks(100_000).map(|part| Ok(self.0.slice_ref(part))).collect();
        Ok(stream::iter(parts).boxed())
    }
}
