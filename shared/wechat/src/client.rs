//! The client itself: what all sessions of a process share.

use std::{fmt, sync::Arc};

use domain::time::{Clock, Ids};
use jiff::Timestamp;
use reqwest::{Client, ClientBuilder, header::HeaderValue, redirect::Policy};
use serde::Serialize;

use crate::{
    Hosts, Session,
    call::{Address, Call, Reply},
    cookies::Cookies,
};

/// What a browser on the desktop whose client desktop mode claims to be calls itself.
const USER_AGENT: &str = "Mozilla/5.0 (Linux; U; UOS x86_64; zh-cn) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/91.0.4472.124 Safari/537.36 UOSBrowser/6.0.1.1001";

/// How long to wait for a connection.
const CONNECT: std::time::Duration = std::time::Duration::from_secs(10);
/// How long an unused connection is kept: what an idle session holds is its long poll and nothing beside.
const IDLE: std::time::Duration = std::time::Duration::from_secs(15);

/// Web WeChat. Cheap to clone; one serves all sessions of a process, which keep nothing in it.
#[derive(Clone)]
pub struct WebWeChat {
    shared: Arc<Shared>,
}

struct Shared {
    http: Client,
    hosts: Hosts,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl WebWeChat {
    /// A client on top of `http`, whose roots, proxy and resolver are used. Redirects, cookies, the user agent and
    /// time-outs are the protocol's business and set here. Fails where TLS cannot be set up.
    pub fn new(
        http: ClientBuilder,
        hosts: Hosts,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, reqwest::Error> {
        let http = http
            // A 301 of webwxnewloginpage has its answer in the body, and no Location.
            .redirect(Policy::none())
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .build()?;
        Ok(Self { shared: Arc::new(Shared { http, hosts, clock, ids }) })
    }

    pub(crate) fn hosts(&self) -> &Hosts {
        &self.shared.hosts
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        self.shared.clock.now().as_second()
    }

    /// Milliseconds since 1970, which every address carries against caches.
    pub(crate) fn millis(&self) -> i64 {
        self.shared.clock.now().as_millisecond()
    }

    /// What goes along as `r`, as itchat computes it: minus the time, in units of 1,579 s.
    pub(crate) fn stamp(&self) -> i64 {
        -self.shared.clock.now().as_second() / 1579
    }

    /// `e` and 15 digits, as the page makes its device id.
    pub(crate) fn device_id(&self) -> String {
        format!("e{:015}", u128::from_be_bytes(self.shared.ids.random()) % 1_000_000_000_000_000)
    }

    pub(crate) fn get(&self, name: &'static str, address: Address) -> Call {
        Call::get(&self.shared.http, name, address)
    }

    pub(crate) fn post(&self, name: &'static str, address: Address, body: &impl Serialize) -> Call {
        Call::post(&self.shared.http, name, address, body)
    }

    pub(crate) fn post_form(&self, name: &'static str, address: Address, kind: HeaderValue, bytes: Vec<u8>) -> Call {
        Call::post_form(&self.shared.http, name, address, kind, bytes)
    }

    /// The page `name` of the account's host, with the parameters that go to all of them.
    pub(crate) fn page(&self, session: &Session, name: &str) -> Address {
        Address::page(&self.hosts().account(&session.host), name)
            .with("lang", "zh_CN")
            .encoded("pass_ticket", &session.pass_ticket)
    }

    /// Takes over the cookies that an answer brought.
    pub(crate) fn remember(&self, cookies: &mut Cookies, reply: &Reply) {
        if !reply.cookies.is_empty() {
            cookies.absorb(&reply.host, &reply.cookies, self.shared.clock.now());
        }
    }
}

impl fmt::Debug for WebWeChat {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("WebWeChat").field("hosts", &self.shared.hosts).finish_non_exhaustive()
    }
}
