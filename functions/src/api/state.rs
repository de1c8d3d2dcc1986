//! The state that every endpoint shares.

use std::{convert::Infallible, num::ParseIntError, sync::Arc, time::Duration};

use axum::extract::FromRequestParts;
use boot::{Relay, SettingError};
use domain::channel::{Capabilities, ChannelKind};
use guard::Policy;
use http::request::Parts;
use url::Url;

use crate::api::{book::BookCache, request_id::RequestId};

/// The API's configuration. The defaults are those of the contract.
#[derive(Debug, Clone)]
pub struct Config {
    /// The URL that links begin with (`https://relay.example/`). `None` uses that of each request.
    pub public_url: Option<Url>,
    /// How far the timestamp of a signed request may be from the clock.
    pub signature_max_age: Duration,
    /// How long `/login` and `/logout` wait for the worker.
    pub worker_wait: Duration,
    /// The pause between two reads of what a request waits for.
    pub poll_interval: Duration,
    /// The largest file that can be sent, in bytes.
    pub max_media_bytes: u64,
    /// Where the media that an app sends by URL may be.
    pub policy: Arc<Policy>,
    /// What each channel can do. A test replaces it with a channel that can do less.
    pub capabilities: fn(ChannelKind) -> Capabilities,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: None,
            signature_max_age: Duration::from_mins(5),
            worker_wait: Duration::from_secs(10),
            poll_interval: Duration::from_millis(250),
            max_media_bytes: 100 * 1024 * 1024,
            policy: Arc::default(),
            capabilities: ChannelKind::capabilities,
        }
    }
}

impl Config {
    /// The defaults, changed by the variables `PUBLIC_URL`, `SIGNATURE_MAX_AGE` (seconds), `MAX_MEDIA_BYTES` and
    /// `CALLBACK_ALLOW`.
    pub fn from_env() -> Result<Self, SettingError> {
        let mut config = Self { public_url: public_url()?, policy: Arc::new(policy()?), ..Self::default() };
        if let Some(seconds) = boot::optional("SIGNATURE_MAX_AGE") {
            let seconds = seconds.parse().map_err(|error: ParseIntError| {
                SettingError::caused("SIGNATURE_MAX_AGE", "is not a number of seconds", error)
            })?;
            config.signature_max_age = Duration::from_secs(seconds);
        }
        if let Some(bytes) = boot::optional("MAX_MEDIA_BYTES") {
            config.max_media_bytes = bytes.parse().map_err(|error: ParseIntError| {
                SettingError::caused("MAX_MEDIA_BYTES", "is not a number of bytes", error)
            })?;
        }
        Ok(config)
    }
}

/// The variable `PUBLIC_URL`.
pub fn public_url() -> Result<Option<Url>, SettingError> {
    let url = boot::optional("PUBLIC_URL").map(|url| Url::parse(&url)).transpose();
    url.map_err(|error| SettingError::caused("PUBLIC_URL", "is not a URL", error))
}

/// The variable `CALLBACK_ALLOW`: what may be called besides public addresses.
pub fn policy() -> Result<Policy, SettingError> {
    Policy::parse(&boot::optional("CALLBACK_ALLOW").unwrap_or_default()).map_err(|error| {
        SettingError::caused("CALLBACK_ALLOW", "is not a list of hosts, addresses and networks", error)
    })
}

/// The relay, and what the endpoints keep in the process. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub relay: Relay,
    pub books: Arc<BookCache>,
    pub config: Arc<Config>,
    /// The id of the current request; `None` outside of one.
    pub request: Option<RequestId>,
}

impl AppState {
    pub fn new(relay: Relay, config: Config) -> Self {
        Self { relay, books: Arc::new(BookCache::default()), config: Arc::new(config), request: None }
    }
}

impl FromRequestParts<AppState> for AppState {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self { request: parts.extensions.get().cloned(), ..state.clone() })
    }
}
