//! One request and its answer: address, headers, time-out and failures.

use std::{
    borrow::Cow,
    fmt::{self, Display},
    time::Duration,
};

use channel::Error;
use reqwest::{
    Client, Method, Response, Url,
    header::{CONTENT_TYPE, COOKIE, HeaderValue, SET_COOKIE},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::form_urlencoded::byte_serialize;

use crate::{
    error::{protocol_error, request_error},
    session::WebSession,
    wire::repair::repair,
};

/// The folder of nearly all pages.
const FOLDER: &str = "/cgi-bin/mmwebwx-bin/";

/// WeChat answers a long poll after about 25 s.
pub(crate) const POLL_TIMEOUT: Duration = Duration::from_secs(35);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);
/// Enough for 100 MB at 500 kbit/s. A stalled download fails much earlier, see [`crate::download`].
pub(crate) const DOWNLOAD_TIMEOUT: Duration = Duration::from_mins(30);
/// Enough for a chunk of 512 KiB at 70 kbit/s.
pub(crate) const CHUNK_TIMEOUT: Duration = Duration::from_mins(1);
/// The largest answer that is read into memory, in bytes. The largest known one, a contact list of 5,000 entries, has 5 MB.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

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

    pub(crate) fn name(&self) -> &'static str {
        self.name
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
        let Self { name, mut response } = self;
        let host = response.url().host_str().unwrap_or_default().to_owned();
        let lines = response.headers().get_all(SET_COOKIE).iter();
        let cookies = lines.filter_map(|line| line.to_str().ok()).map(ToOwned::to_owned).collect();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| request_error(name, &error))? {
            if body.len() + part.len() > MAX_ANSWER {
                return Err(protocol_error(name, "the answer is too large"));
            }
            body.extend_from_slice(&part);
        }
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
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The body as text. WeChat sends UTF-8 as `text/plain` without a charset.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON text, whatever its content type says.
    pub(crate) fn json_text(&self) -> Cow<'_, str> {
        repair(&self.body)
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        parse(self.name, &self.json_text())
    }
}

/// Reads the JSON text of an answer to `call`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(call: &str, json: &'a str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| {
        // The error itself may quote what a person wrote.
        let reason = format!("the answer is not understood at line {} column {}", error.line(), error.column());
        protocol_error(call, &reason)
    })
}
