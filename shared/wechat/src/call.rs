//! One request and its answer: address, headers, time-out and failures.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use bytes::Bytes;
use channel::Error;
use reqwest::{
    Client, Method, Response, Url,
    header::{CONTENT_TYPE, COOKIE, HeaderValue, SET_COOKIE},
};
use serde::{Serialize, de::DeserializeOwned};
use url::form_urlencoded::byte_serialize;

use crate::{
    error::{protocol_error, request_error},
    session::WebSession,
};

/// The folder of nearly all pages.
const FOLDER: &str = "/cgi-bin/mmwebwx-bin/";

/// WeChat answers a long poll after about 25 s.
pub(crate) const POLL_TIMEOUT: Duration = Duration::from_secs(35);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);
/// Enough for 100 MB at 3 Mbit/s.
pub(crate) const FILE_TIMEOUT: Duration = Duration::from_mins(5);

/// An address, built parameter by parameter.
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

    /// Adds a value that is already percent-encoded, such as `pass_ticket`.
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

/// A request before it is sent. Errors contain its `name`.
pub(crate) struct Call {
    name: &'static str,
    http: Client,
    method: Method,
    address: Address,
    cookies: Option<HeaderValue>,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<Body>,
    timeout: Duration,
}

struct Body {
    content_type: HeaderValue,
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
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// A JSON request as UTF-8, with only the escapes that JSON demands: the server does not decode `\uXXXX`.
    pub(crate) fn post(http: &Client, name: &'static str, address: Address, body: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(body).expect("requests are structs of text and numbers");
        let content_type = HeaderValue::from_static("application/json;charset=UTF-8");
        Self::post_bytes(http, name, address, content_type, bytes)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A request with a body of any content type.
    pub(crate) fn post_bytes(
        http: &Client,
        name: &'static str,
        address: Address,
        content_type: HeaderValue,
        bytes: Vec<u8>,
    ) -> Self {
        let body = Some(Body { content_type, bytes });
        Self { method: Method::POST, body, ..Self::get(http, name, address) }
    }

    /// Sends the request with those cookies of `session` that belong to the host.
    pub(crate) async fn send_as(self, session: &WebSession) -> Result<Reply, Error> {
        self.stream_as(session).await?.read_body().await
    }

    /// As [`Call::send_as`], but does not read the body.
    pub(crate) async fn stream_as(mut self, session: &WebSession) -> Result<StreamingReply, Error> {
        let url = self.url()?;
        let cookies = session.cookies.header(url.host_str().unwrap_or_default());
        if !cookies.is_empty() {
            let mut header = HeaderValue::try_from(cookies).map_err(|_| self.invalid())?;
            header.set_sensitive(true);
            self.cookies = Some(header);
        }
        self.send(url).await
    }

    /// Sends the request without cookies.
    pub(crate) async fn send_anonymously(self) -> Result<Reply, Error> {
        let url = self.url()?;
        self.send(url).await?.read_body().await
    }

    fn url(&self) -> Result<Url, Error> {
        Url::parse(&self.address.0).map_err(|_| self.invalid())
    }

    fn invalid(&self) -> Error {
        protocol_error(self.name, "the request cannot be built")
    }

    async fn send(self, url: Url) -> Result<StreamingReply, Error> {
        let name = self.name;
        let mut request = self.http.request(self.method, url).timeout(self.timeout);
        for (key, value) in self.headers {
            request = request.header(key, value);
        }
        if let Some(cookies) = self.cookies {
            request = request.header(COOKIE, cookies);
        }
        if let Some(body) = self.body {
            request = request.header(CONTENT_TYPE, body.content_type).body(body.bytes);
        }
        let response = request.send().await.map_err(|error| request_error(name, &error))?;
        let status = response.status();
        if status.is_server_error() {
            return Err(Error::Transient { reason: format!("{name}: status {}", status.as_u16()), sent: true });
        }
        if status.is_client_error() {
            return Err(protocol_error(name, &format!("status {}", status.as_u16())));
        }
        Ok(StreamingReply { name, response })
    }
}

/// An answer with a status below 400 whose body is not read yet.
pub(crate) struct StreamingReply {
    pub(crate) name: &'static str,
    pub(crate) response: Response,
}

impl StreamingReply {
    async fn read_body(self) -> Result<Reply, Error> {
        let Self { name, response } = self;
        let host = response.url().host_str().unwrap_or_default().to_owned();
        let lines = response.headers().get_all(SET_COOKIE).iter();
        let cookies = lines.filter_map(|line| line.to_str().ok()).map(ToOwned::to_owned).collect();
        let body = response.bytes().await.map_err(|error| request_error(name, &error))?;
        Ok(Reply { name, host, cookies, body })
    }
}

/// An answer with a status below 400. This includes 301: webwxnewloginpage answers with it, a body and no Location.
pub(crate) struct Reply {
    name: &'static str,
    /// The host that answered.
    pub(crate) host: String,
    /// The `Set-Cookie` lines.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The body as text. WeChat sends UTF-8 as `text/plain` without a charset.
    pub(crate) fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body).map_err(|_| protocol_error(self.name, "the answer is not UTF-8"))
    }

    /// The body as JSON, whatever its content type says.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The error itself may quote what a person wrote.
            let reason = format!("the answer is not understood at line {} column {}", error.line(), error.column());
            protocol_error(self.name, &reason)
        })
    }
}
