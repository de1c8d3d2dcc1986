//! The client that all sessions of a process share, and [`Channel`] for it.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use channel::{Channel, Connection, Credentials, Error, LoginProgress, NewLogin, Opening, Ticket};
use domain::time::{Clock, Ids};
use jiff::Timestamp;
use reqwest::{Client, ClientBuilder, header::HeaderValue, redirect::Policy};
use serde::Serialize;

use crate::{
    Hosts, WebConnection,
    call::{Address, Call, Reply},
    cookies::Cookies,
    login::WebTicket,
    session::WebSession,
};

/// User agent of the UOS desktop client that desktop mode impersonates.
const USER_AGENT: &str = "Mozilla/5.0 (Linux; U; UOS x86_64; zh-cn) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/91.0.4472.124 Safari/537.36 UOSBrowser/6.0.1.1001";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection stays open. It is short so that an idle session holds only its long poll.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Web WeChat. It is cheap to clone. One value serves all sessions of a process and keeps no state of theirs.
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
    /// A client that uses the roots, proxy and resolver of `http`. It sets redirects, cookies, user agent and time-outs
    /// itself, because the protocol depends on them. Fails where TLS cannot be set up.
    pub fn new(
        http: ClientBuilder,
        hosts: Hosts,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, reqwest::Error> {
        let http = http
            // webwxnewloginpage answers 301 with a body and without a Location.
            .redirect(Policy::none())
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
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
        self.now().as_second()
    }

    /// Milliseconds since 1970. Most addresses carry them to defeat caches.
    pub(crate) fn millis(&self) -> i64 {
        self.now().as_millisecond()
    }

    /// The parameter `r` as itchat computes it: the negative time in units of 1,579 s.
    pub(crate) fn stamp(&self) -> i64 {
        -self.seconds() / 1579
    }

    /// A new device id: `e` and 15 digits, as WeChat's own page makes it.
    pub(crate) fn device_id(&self) -> String {
        format!("e{:015}", self.random() % 1_000_000_000_000_000)
    }

    /// A new number for an upload (`ClientMediaId`): 13 digits, as the milliseconds of WeChat's own page have.
    pub(crate) fn media_number(&self) -> u64 {
        u64::try_from(1_000_000_000_000 + self.random() % 9_000_000_000_000).expect("it has 13 digits")
    }

    /// 128 random bits.
    pub(crate) fn random(&self) -> u128 {
        u128::from_be_bytes(self.shared.ids.random())
    }

    pub(crate) fn get(&self, name: &'static str, address: Address) -> Call {
        Call::get(&self.shared.http, name, address)
    }

    pub(crate) fn post(&self, name: &'static str, address: Address, body: &impl Serialize) -> Call {
        Call::post(&self.shared.http, name, address, body)
    }

    pub(crate) fn post_bytes(
        &self,
        name: &'static str,
        address: Address,
        content_type: HeaderValue,
        bytes: Vec<u8>,
    ) -> Call {
        Call::post_bytes(&self.shared.http, name, address, content_type, bytes)
    }

    /// Adds the cookies that an answer sets.
    pub(crate) fn store_cookies(&self, cookies: &mut Cookies, reply: &Reply) {
        if !reply.cookies.is_empty() {
            cookies.store(&reply.host, &reply.cookies, self.now());
        }
    }
}

#[async_trait]
impl Channel for WebWeChat {
    /// Always begins in desktop mode, which WeChat allows to most accounts. [`Channel::open`] starts a browser login
    /// where WeChat refuses it.
    async fn start_login(&self, _previous: Option<&Credentials>) -> Result<NewLogin, Error> {
        self.start_qr_login(true).await
    }

    async fn push_login(&self, ended: &Credentials) -> Result<NewLogin, Error> {
        self.start_push_login(&WebSession::read(ended)?).await
    }

    /// Web WeChat has no codes to enter.
    async fn poll_login(&self, ticket: &Ticket, _code: Option<&str>) -> Result<LoginProgress, Error> {
        self.login_progress(WebTicket::read(ticket)?).await
    }

    async fn open(&self, ticket: &Ticket) -> Result<Opening, Error> {
        self.open_login(&WebTicket::read(ticket)?).await
    }

    async fn connect(&self, credentials: &Credentials) -> Result<Box<dyn Connection>, Error> {
        Ok(Box::new(WebConnection::new(self, WebSession::read(credentials)?)))
    }
}

impl fmt::Debug for WebWeChat {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("WebWeChat").field("hosts", &self.shared.hosts).finish_non_exhaustive()
    }
}
