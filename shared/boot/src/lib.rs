//! What every process of the relay starts with: the real clock and randomness, configuration from the environment,
//! logs, metrics, AWS clients. Read once at start; whatever is missing or malformed ends the process with a sentence that names
//! the variable.

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
pub use grant::{Grant, QueueOperation, TableOperation};
use jiff::{Timestamp, tz::TimeZone};
pub use logs::{json_logs, start_logs};
use queue::Queues;
pub use real::{OsIds, SystemClock, http_client};
pub use settings::{SettingError, Settings, optional};
use store::Store;

/// What functions, dispatcher and worker all work with. Cheap to clone.
#[derive(Clone)]
pub struct Relay {
    pub store: Store,
    pub queues: Queues,
    pub sealer: Sealer,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    /// The zone of the contract's naive local times.
    pub zone: TimeZone,
}

impl Relay {
    /// The relay that the environment describes.
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
            sealer: Sealer::new(&settings.sealing_key, Arc::clone(&ids)),
            clock: Arc::new(SystemClock),
            ids,
            zone: settings.zone.clone(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long ago something was; nothing where another clock says that it is still to come.
    pub fn since(&self, at: Timestamp) -> Duration {
        self.now().duration_since(at).try_into().unwrap_or_default()
    }

    /// How many shards there are: one a command queue.
    pub fn shards(&self) -> u16 {
        u16::try_from(self.queues.commands.len()).unwrap_or(u16::MAX)
    }
}
