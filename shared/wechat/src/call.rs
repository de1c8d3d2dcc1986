//! One request and its answer: addresses, headers, time-outs, and what a failure means.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use bytes::Bytes;
use reqwest::{
    Client, Method, Response, Url,
    header::{CONTENT_TYPE, COOKIE, HeaderValue, SET_COOKIE},
};
use serde::{Serialize, de::DeserializeOwned};
use url::form_urlencoded::byte_serialize;

use crate::{Error, Session};

/// The folder in which nearly every page lives.
const FOLDER: &str = "/cgi-bin/mmwebwx-bin/";

/// A long poll is answered after about 25 s.
pub(crate) const POLL: Duration = Duration::from_secs(35);
const ANSWER: Duration = Duration::from_secs(15);
/// A file of 100 MB at 3 Mbit/s.
pub(crate) const FILE: Duration = Duration::from_mins(5);

/// An address that is put together parameter by parameter.
pub(crate) struct Address(String);

impl Address {
    /// The page `name` of WeChat's folder on `origin`.
    pub(crate) fn page(origin: &str, name: &str) -> Self {
        Self(format!("{origin}{FOLDER}{name}"))
    }

    pub(crate) fn new(address: String) -> Self {
        Self(address)
    }

    pub(crate) fn with(self, key: &str, value: impl Display) -> Self {
        let value = value.to_string();
        let encoded: String = byte_serialize(value.as_bytes()).collect();
        self.encoded(key, &encoded)
    }

    /// A value that is percent-encoded already, as `pass_ticket` is.
    pub(crate) fn encoded(mut self, key: &str, value: &str) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(key);
        self.0.push('=');
        self.0.push_str(value);
        self
    }
}

impl Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A request about to be sent. `name` is what errors call it by.
pub(crate) struct Call {
    name: &'static str,
    http: Client,
    method: Method,
    address: Address,
    cookies: Option<HeaderValue>,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<Body>,
    patience: Duration,
}

struct Body {
    kind: HeaderValue,
    bytes: Vec<u8>,
}

impl Call {
    pub(crate) fn get(http: &Client, name: &'static str, address: Address) -> Self {
        Self {
            name,
            http: http.clone(),
            method: Method::GET,
            address,
            cookies: None,
            headers: Vec::new(),
            body: None,
            patience: ANSWER,
        }
    }

    /// A JSON request. It goes out as UTF-8, nothing escaped beyond what JSON demands: the server does not decode
    /// `\uXXXX`.
    pub(crate) fn post(http: &Client, name: &'static str, address: Address, body: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(body).expect("requests are structs of text and numbers");
        let kind = HeaderValue::from_static("application/json;charset=UTF-8");
        Self { method: Method::POST, body: Some(Body { kind, bytes }), ..Self::get(http, name, address) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A form that is put together already; `kind` is its content type.
    pub(crate) fn post_form(
        http: &Client,
        name: &'static str,
        address: Address,
        kind: HeaderValue,
        bytes: Vec<u8>,
    ) -> Self {
        Self { method: Method::POST, body: Some(Body { kind, bytes }), ..Self::get(http, name, address) }
    }

    /// Sends it with the cookies of `session` that go to the host.
    pub(crate) async fn by(self, session: &Session) -> Result<Reply, Error> {
        self.start_by(session).await?.whole().await
    }

    /// As [`Call::by`], but leaves the body where it is.
    pub(crate) async fn start_by(mut self, session: &Session) -> Result<Started, Error> {
        let url = self.url()?;
        let cookies = session.cookies.header(url.host_str().unwrap_or_default());
        if !cookies.is_empty() {
            let mut header = HeaderValue::try_from(cookies).map_err(|_| self.unbuilt())?;
            header.set_sensitive(true);
            self.cookies = Some(header);
        }
        self.start(url).await
    }

    /// Sends it without cookies.
    pub(crate) async fn anonymous(self) -> Result<Reply, Error> {
        let url = self.url()?;
        self.start(url).await?.whole().await
    }

    fn url(&self) -> Result<Url, Error> {
        Url::parse(&self.address.0).map_err(|_| self.unbuilt())
    }

    fn unbuilt(&self) -> Error {
        Error::protocol(self.name, "the request cannot be built")
    }

    async fn start(self, url: Url) -> Result<Started, Error> {
        let name = self.name;
        let mut request = self.http.request(self.method, url).timeout(self.patience);
        for (key, value) in self.headers {
            request = request.header(key, value);
        }
        if let Some(cookies) = self.cookies {
            request = request.header(COOKIE, cookies);
        }
        if let Some(body) = self.body {
            request = request.header(CONTENT_TYPE, body.kind).body(body.bytes);
        }
        let response = request.send().await.map_err(|error| Error::from_request(name, &error))?;
        let status = response.status();
        if status.is_server_error() {
            return Err(Error::Transient { reason: format!("{name}: status {}", status.as_u16()), sent: true });
        }
        if status.is_client_error() {
            return Err(Error::protocol(name, &format!("status {}", status.as_u16())));
        }
        Ok(Started { name, response })
    }
}

/// An answer of less than 400 whose body is still to come.
pub(crate) struct Started {
    pub(crate) name: &'static str,
    pub(crate) response: Response,
}

impl Started {
    async fn whole(self) -> Result<Reply, Error> {
        let Self { name, response } = self;
        let host = response.url().host_str().unwrap_or_default().to_owned();
        let lines = response.headers().get_all(SET_COOKIE).iter();
        let cookies = lines.filter_map(|line| line.to_str().ok()).map(ToOwned::to_owned).collect();
        let body = response.bytes().await.map_err(|error| Error::from_request(name, &error))?;
        Ok(Reply { name, host, cookies, body })
    }
}

/// An answer of less than 400. A status of 301 is one too: webwxnewloginpage answers so, with a body and no Location.
pub(crate) struct Reply {
    name: &'static str,
    /// Who answered.
    pub(crate) host: String,
    /// The `Set-Cookie` lines.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The body as text. WeChat says `text/plain` without a charset and means UTF-8.
    pub(crate) fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body).map_err(|_| Error::protocol(self.name, "the answer is no UTF-8"))
    }

    /// The body as JSON, whatever its content type says.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // Not the error itself: it may quote a person's words.
            let place = format!("the answer is not understood at line {} column {}", error.line(), error.column());
            Error::protocol(self.name, &place)
        })
    }
}
