//! The worker's settings.

use std::time::Duration;

use boot::SettingError;
use guard::Policy;

use crate::Pace;

/// The largest media that a job sends by default: 100 MiB.
const MAX_MEDIA_BYTES: u64 = 100 * 1024 * 1024;

/// The default is what production uses.
#[derive(Debug, Clone)]
pub struct Config {
    /// The shards to lease; `None` for all.
    pub shards: Option<Vec<u16>>,
    /// This worker's name on its leases. Set it where only one process at a time can use the name: after a crash the worker
    /// then reacquires its leases at once. `None` generates one.
    pub owner: Option<String>,
    /// Time between two heartbeats.
    pub heartbeat: Duration,
    /// How long another worker's heartbeat must have stopped before its lease is taken over.
    pub takeover: Duration,
    /// A shard loop without a heartbeat for this long counts as stuck. Must exceed one heartbeat plus `DynamoDB` retries
    /// plus session shutdown.
    pub stuck_after: Duration,
    /// How long one receive waits for commands; 20 s at most. Shutdown waits for the last receive.
    pub command_wait: Duration,
    /// Paces each account as a person writes, so that WeChat does not restrict it; `None` sends without pauses.
    pub pace: Option<Pace>,
    /// The first pause after a failure; later ones double, up to a minute.
    pub retry: Duration,
    /// How long a login by QR code may take. WeChat's own code expires after about five minutes.
    pub qr_lifetime: Duration,
    /// How long a push login may take.
    pub push_wait: Duration,
    /// Rows after which the log is reconciled again.
    pub reconcile_every: u64,
    /// How long after an envelope was sent the log is reconciled at the latest, in case the queue lost it.
    pub reconcile_after: Duration,
    /// How long a session may use what it has read of its app: whether the app exists and has a callback. The app is read
    /// again with the next batch after that.
    pub app_age: Duration,
    /// How long media may bring no bytes before their transfer is given up.
    pub media_idle: Duration,
    /// The largest media that a job sends, in bytes.
    pub max_media_bytes: u64,
    /// Which addresses the URLs of media to send may name.
    pub media_urls: Policy,
    /// The shortest time between two downloads of contacts' pictures in a session; `None` downloads none.
    pub avatar_every: Option<Duration>,
    /// Changed credentials (a cookie, for example) are written at most this often.
    pub save_credentials_every: Duration,
}

impl Config {
    /// The largest media that a job sends, as the variable `MAX_MEDIA_BYTES` says.
    pub fn max_media_bytes_from_env() -> Result<u64, SettingError> {
        const NAME: &str = "MAX_MEDIA_BYTES";
        let Some(bytes) = boot::optional(NAME) else { return Ok(MAX_MEDIA_BYTES) };
        bytes.trim().parse().map_err(|error| SettingError::caused(NAME, "is not a number of bytes", error))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shards: None,
            owner: None,
            heartbeat: Duration::from_secs(10),
            takeover: Duration::from_secs(30),
            stuck_after: Duration::from_mins(2),
            command_wait: Duration::from_secs(20),
            pace: Some(Pace { burst: 5, every: Duration::from_secs(1) }),
            retry: Duration::from_secs(1),
            qr_lifetime: Duration::from_mins(5),
            push_wait: Duration::from_mins(2),
            reconcile_every: 1_000,
            reconcile_after: Duration::from_mins(5),
            app_age: Duration::from_secs(5),
            media_idle: Duration::from_secs(30),
            max_media_bytes: MAX_MEDIA_BYTES,
            media_urls: Policy::default(),
            avatar_every: Some(Duration::from_millis(250)),
            save_credentials_every: Duration::from_mins(10),
        }
    }
}
