//! A web login: its keys, user names and sync keys.

use serde::{Deserialize, Serialize};

use crate::contact_ref::ContactRef;
use crate::names::{self, Rng};
use crate::spec::Uin;

/// A web login. An ended login is kept, so that later requests receive the code that it ended with.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) uin: Uin,
    pub(crate) sid: String,
    pub(crate) skey: String,
    /// The plain value. The XML of the login page contains it percent-encoded.
    pub(crate) pass_ticket: String,
    pub(crate) data_ticket: String,
    pub(crate) auth_ticket: String,
    /// The salt of this session's user names.
    pub(crate) salt: u64,
    /// The return code (1100, 1101 or 1102) that the session ended with.
    pub(crate) ended: Option<i32>,
    /// webwxinit has been answered.
    pub(crate) online: bool,
    /// The number of synccheck requests that wait now.
    pub(crate) polling: usize,
    /// How many inbox entries the client has confirmed. A client confirms entries when it requests those
    /// after them.
    pub(crate) confirmed: usize,
    /// Seconds since 1970.
    login_time: u64,
    sync_key_base: u64,
}

impl Session {
    pub(crate) fn new(uin: Uin, now: u64, rng: &mut Rng) -> Self {
        Self {
            uin,
            // The characters `+` and `/` test whether a client encodes the query string.
            sid: format!(
                "{}+{}/{}",
                rng.text(names::BASE64, 6),
                rng.text(names::BASE64, 4),
                rng.text(names::BASE64, 4)
            ),
            skey: format!("@crypt_{}_{}", rng.hex(8), rng.hex(32)),
            pass_ticket: format!(
                "{}+{}/{}=",
                rng.text(names::BASE64, 20),
                rng.text(names::BASE64, 10),
                rng.text(names::BASE64, 11)
            ),
            data_ticket: format!("gS{}", rng.text(names::BASE64_URL, 22)),
            auth_ticket: format!("CIsB{}", rng.text(names::BASE64_URL, 100)),
            salt: rng.next_u64(),
            ended: None,
            online: false,
            polling: 0,
            confirmed: 0,
            login_time: now,
            sync_key_base: 600_000_000 + (rng.next_u64() & 0x00ff_ffff),
        }
    }

    pub(crate) fn user_name(&self, contact: ContactRef) -> String {
        names::user_name(self.salt, contact)
    }

    pub(crate) fn contact(&self, user_name: &str) -> Option<ContactRef> {
        names::parse_user_name(self.salt, user_name)
    }

    /// The sync key for the first `position` entries of the inbox. It has four pairs in webwxinit and seven
    /// in webwxsync.
    pub(crate) fn sync_key(&self, position: usize, keys: KeyCount) -> SyncKey {
        let position = u64::try_from(position).unwrap_or(u64::MAX);
        let (sync_key_base, time) = (self.sync_key_base, self.login_time);
        let full = [
            (1, sync_key_base),
            (2, sync_key_base + position),
            (3, sync_key_base - 374),
            (11, sync_key_base - 29),
            (201, time + position),
            (1000, time - 9),
            (1001, time - 3),
        ];
        let list: Vec<KeyValue> = full
            .into_iter()
            .filter(|(key, _)| keys == KeyCount::Seven || ![11, 201, 1001].contains(key))
            .map(|(key, val)| KeyValue { key, val })
            .collect();
        SyncKey { count: list.len(), list }
    }

    /// The inbox position that these pairs stand for. Returns `None` for pairs that this session never
    /// issued.
    pub(crate) fn position_of(&self, keys: &[KeyValue]) -> Option<usize> {
        let second = keys.iter().find(|pair| pair.key == 2)?.val;
        let position = usize::try_from(second.checked_sub(self.sync_key_base)?).ok()?;
        [KeyCount::Four, KeyCount::Seven]
            .into_iter()
            .any(|count| self.sync_key(position, count).list == keys)
            .then_some(position)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyCount {
    Four,
    Seven,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SyncKey {
    pub(crate) count: usize,
    pub(crate) list: Vec<KeyValue>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyValue {
    pub(crate) key: u64,
    pub(crate) val: u64,
}

/// Parses the form that synccheck uses: `1_636444437|2_636445051`.
pub(crate) fn parse_sync_key(text: &str) -> Option<Vec<KeyValue>> {
    text.split('|')
        .map(|pair| {
            let (key, val) = pair.split_once('_')?;
            Some(KeyValue { key: key.parse().ok()?, val: val.parse().ok()? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session::new(7, 1_700_000_000, &mut Rng::new(1))
    }

    #[test]
    fn sync_keys_with_four_or_seven_pairs_can_be_decoded() {
        let session = session();
        let four = session.sync_key(3, KeyCount::Four);
        let seven = session.sync_key(3, KeyCount::Seven);
        assert_eq!((four.count, seven.count), (4, 7));
        assert_eq!(session.position_of(&four.list), Some(3));
        assert_eq!(session.position_of(&seven.list), Some(3));
    }

    #[test]
    fn unknown_sync_keys_are_rejected() {
        let session = session();
        let mut keys = session.sync_key(3, KeyCount::Seven).list;
        keys[0].val += 1;
        assert_eq!(session.position_of(&keys), None);
        assert_eq!(session.position_of(&keys[..5]), None);
        assert_eq!(parse_sync_key("1_2|3"), None);
    }
}
