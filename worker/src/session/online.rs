//! What a session that is online keeps in memory. It is multiplied by tens of thousands: no contacts, no buffers.

use domain::{id::Seq, puid::Puid};
use tokio::time::Instant;
use wechat::Channel;

use super::{log::Log, names::NameCache};
use crate::{Config, backoff::Backoff, pace::Bucket};

pub(super) struct Online<C: Channel> {
    pub keys: C::Session,
    /// Up to where everything is in the log.
    pub cursor: C::Cursor,
    pub login_number: u64,
    /// The account itself.
    pub owner: Puid,
    pub log: Log,
    pub names: NameCache,
    /// Whether the app has a callback, and when that was read.
    pub callback: Option<(bool, Instant)>,
    /// The row up to which the log was reconciled last, and the one after which it is again.
    pub reconcile_at: Seq,
    /// When it is reconciled again at the latest; `None` while nothing was sent to the queue since.
    pub reconcile_by: Option<Instant>,
    pub polls: Backoff,
    /// No poll before.
    pub poll_after: Option<Instant>,
    /// Whether the session's row tells of a failure.
    pub troubled: bool,
    /// Commands carried out since the last poll.
    pub turns: u32,
    pub pace: Bucket,
    pub sends: Backoff,
    /// No command before.
    pub send_after: Option<Instant>,
    pub kept: KeptKeys,
}

/// Which keys the ledger has.
pub(super) struct KeptKeys {
    pub hash: u64,
    pub at: Instant,
}

impl<C: Channel> Online<C> {
    pub fn new(keys: C::Session, cursor: C::Cursor, login_number: u64, owner: Puid, log: Log, config: &Config) -> Self {
        let kept = KeptKeys::of::<C>(&keys);
        Self {
            keys,
            cursor,
            login_number,
            owner,
            log,
            names: NameCache::default(),
            callback: None,
            reconcile_at: Seq::START,
            reconcile_by: None,
            polls: Backoff::new(config.retry),
            poll_after: None,
            troubled: false,
            turns: 0,
            pace: Bucket::new(config.pace),
            sends: Backoff::new(config.retry),
            send_after: None,
            kept,
        }
    }
}

impl KeptKeys {
    /// The ledger has these keys as of now.
    pub fn of<C: Channel>(keys: &C::Session) -> Self {
        Self { hash: hash_of::<C>(keys), at: Instant::now() }
    }
}

/// The keys' serialized form, which is what the ledger keeps.
pub(super) fn bytes_of<C: Channel>(keys: &C::Session) -> Vec<u8> {
    serde_json::to_vec(keys).expect("keys are plain data")
}

pub(super) fn hash_of<C: Channel>(keys: &C::Session) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};

    let mut hasher = DefaultHasher::new();
    bytes_of::<C>(keys).hash(&mut hasher);
    hasher.finish()
}
