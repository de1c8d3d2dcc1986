//! The state that every endpoint shares.

use std::{convert::Infallible, num::ParseIntError, sync::Arc, time::Duration};

use axum::extract::FromRequestParts;
use boot::{Relay, SettingError};
use domain::channel::{Capabilities, ChannelKind};
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
            capabilities: ChannelKind::capabilities,
        }
    }
}

impl Config {
    /// The defaults, changed by the variables `PUBLIC_URL` and `SIGNATURE_MAX_AGE` (seconds).
    pub fn from_env() -> Result<Self, SettingError> {
        let mut config = Self::default();
        if let Some(url) = boot::optional("PUBLIC_URL") {
            let url = Url::parse(&url).map_err(|error| SettingError::caused("PUBLIC_URL", "is not a URL", error))?;
            config.public_url = Some(url);
        }
        if let Some(seconds) = boot::optional("SIGNATURE_MAX_AGE") {
            let seconds = seconds.parse().map_err(|error: ParseIntError| {
                SettingError::caused("SIGNATURE_MAX_AGE", "is not a number of seconds", error)
            })?;
            config.signature_max_age = Duration::from_secs(seconds);
        }
        Ok(config)
    }
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
