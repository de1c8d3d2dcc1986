//! Start-up of every process: settings from the environment, logs, metrics, AWS clients, the real clock and the real id
//! source. A missing or malformed variable ends the process with an error that names it.

mod aws;
mod grant;
mod logs;
pub mod metrics;
mod real;
mod settings;
mod trust;

use std::{sync::Arc, time::Duration};

pub use aws::{AwsClients, AwsEndpoints};
use domain::{
    secret::Sealer,
    time::{Clock, Ids},
};
pub use grant::{Grant, MediaOperation, QueueOperation, TableOperation};
use jiff::{Timestamp, tz::TimeZone};
pub use logs::{json_logs, start_logs};
use media::MediaStore;
use queue::Queues;
pub use real::{OsIds, SystemClock, http_client};
pub use settings::{SettingError, Settings, optional};
use store::Store;

/// The dependencies that functions and worker share. Cheap to clone.
#[derive(Clone)]
pub struct Relay {
    pub store: Store,
    pub queues: Queues,
    pub media: MediaStore,
    pub sealer: Sealer,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    /// Time zone of the API's local times.
    pub zone: TimeZone,
}

impl Relay {
    /// Reads the settings from the environment.
    pub async fn from_env() -> Result<Self, SettingError> {
        let settings = Settings::from_env()?;
        let clients = AwsClients::from_env().await?;
        Ok(Self::new(&clients, &settings))
    }

    pub fn new(clients: &AwsClients, settings: &Settings) -> Self {
        let ids: Arc<dyn Ids> = Arc::new(OsIds);
        Self {
            store: clients.store(&settings.table),
            queues: clients.queues(&settings.inbound_queue, &settings.command_queues),
            media: clients.media(&settings.media_bucket),
            sealer: Sealer::new(&settings.sealing_key, Arc::clone(&ids)),
            clock: Arc::new(SystemClock),
            ids,
            zone: settings.zone.clone(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Time since `at`; zero if `at` is in the future on this clock.
    pub fn since(&self, at: Timestamp) -> Duration {
        self.now().duration_since(at).try_into().unwrap_or_default()
    }

    /// Number of shards: there is one command queue for each.
    pub fn shards(&self) -> u16 {
        u16::try_from(self.queues.commands.len()).unwrap_or(u16::MAX)
    }
}
