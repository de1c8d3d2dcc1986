//! What can be set.

use std::time::Duration;

use crate::Pace;

/// How a worker behaves. The default is what production uses.
#[derive(Debug, Clone)]
pub struct Config {
    /// The shards to lease; `None` for all there are.
    pub shards: Option<Vec<u16>>,
    /// This worker's name on its leases. Where only one process at a time can bear the name, give it one: it then takes
    /// its own lease up again at once after a crash. `None` makes one up.
    pub owner: Option<String>,
    /// Time between two signs of life.
    pub beat: Duration,
    /// How long another worker's beat must stand still before its lease is taken over.
    pub takeover: Duration,
    /// A shard whose loop has not come by for so long is stuck. More than a beat, the ledger's tries and the end of all
    /// sessions take together.
    pub stuck_after: Duration,
    /// How long one request waits for commands; 20 s at most. A worker that is told to end waits for its last one.
    pub command_wait: Duration,
    /// A person's rhythm, kept for each account so that it is not restricted; `None` sends as fast as it goes.
    pub pace: Option<Pace>,
    /// The first pause after a failure; the following ones double, up to a minute.
    pub retry: Duration,
    /// How long a QR code is followed. WeChat itself lets it expire after about five minutes.
    pub qr_lifetime: Duration,
    /// How long the phone is given to answer a push login.
    pub push_wait: Duration,
    /// After how many rows the log is reconciled again.
    pub reconcile_every: u64,
    /// How long after an envelope was sent the log is reconciled at the latest: a queue may put it aside.
    pub reconcile_after: Duration,
    /// How long it may take until a session notices that its app's callback was set or taken away, or that the app is
    /// gone. It reads the app with a batch, this often at most.
    pub app_age: Duration,
    /// Keys that have changed (a cookie, say) are written this often at most.
    pub keep_keys: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shards: None,
            owner: None,
            beat: Duration::from_secs(10),
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
            keep_keys: Duration::from_mins(10),
        }
    }
}
