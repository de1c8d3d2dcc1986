//! What every endpoint works with.

use std::{convert::Infallible, num::ParseIntError, sync::Arc, time::Duration};

use axum::extract::FromRequestParts;
use boot::{Relay, SettingError};
use domain::app::App;
use http::request::Parts;
use url::Url;

use crate::{
    api::{
        book::{Book, Books},
        error::ApiError,
        request_id::RequestId,
    },
    times::Times,
};

/// What a deployment may set. The defaults are the contract's.
#[derive(Debug, Clone)]
pub struct Config {
    /// What links begin with (`https://relay.example/`); `None` takes it from each request.
    pub public_url: Option<Url>,
    /// How far a request's timestamp may be from our clock.
    pub signature_max_age: Duration,
    /// How long `/login` and `/logout` wait for the worker.
    pub worker_wait: Duration,
    /// The pause between two looks at what a request waits for.
    pub poll: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: None,
            signature_max_age: Duration::from_mins(5),
            worker_wait: Duration::from_secs(10),
            poll: Duration::from_millis(250),
        }
    }
}

impl Config {
    /// `PUBLIC_URL` (what links begin with) and `SIGNATURE_MAX_AGE` (seconds), where they are set.
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

/// The relay with what the endpoints keep in the process; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub relay: Relay,
    pub books: Arc<Books>,
    pub config: Arc<Config>,
    /// The request that it is used for; `None` outside one.
    pub request: Option<RequestId>,
}

impl AppState {
    pub fn new(relay: Relay, config: Config) -> Self {
        Self { relay, books: Arc::new(Books::default()), config: Arc::new(config), request: None }
    }
}

impl AppState {
    /// The app's contact book, at least as new as `version`.
    pub(crate) async fn book(&self, app: &App, version: u64) -> Result<Arc<Book>, ApiError> {
        let owner = app.bound.as_ref().map(|bound| Arc::from(bound.puid.as_str()));
        let read = async || Ok(self.relay.store.contacts(&app.id).await?);
        self.books.get(&app.id, version, owner, read, Times(&self.relay.zone)).await
    }
}

impl FromRequestParts<AppState> for AppState {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self { request: parts.extensions.get().cloned(), ..state.clone() })
    }
}
