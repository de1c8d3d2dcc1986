//! Which pictures of contacts are stored: packed rows that only the app's worker reads.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{id::AppId, puid::Puid};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    Store, StoreError,
    item::{Item, string_of},
    keys,
};

/// Entries of a row, which then has 56 KB. A picture more rewrites one row.
const ROW: usize = 4_000;
/// Bytes of an entry: eight of the SHA-256 of the puid, four of that of the picture's number, the day.
const ENTRY: usize = 14;
/// Days after which a picture is no longer known to be stored: the bucket removes old objects.
const KEPT_DAYS: u16 = 30;

type Contact = [u8; 8];
type Picture = [u8; 4];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Its position in all rows.
    at: usize,
    picture: Picture,
    /// Days from 1970 to when it was stored.
    day: u16,
}

/// Which picture of each contact is stored, or is known to be missing. Two pictures of one contact differ by their
/// `picture_seq`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Avatars {
    entries: HashMap<Contact, Entry>,
    /// Rows to write.
    changed: BTreeSet<usize>,
}

fn hash<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *Sha256::digest(bytes).first_chunk().expect("a SHA-256 has 32 bytes")
}

fn picture_of(picture_seq: Option<u64>) -> Picture {
    hash(&picture_seq.unwrap_or(0).to_be_bytes())
}

/// Days from 1970 to a time.
fn day_of(at: Timestamp) -> u16 {
    u16::try_from(at.as_second() / 86_400).unwrap_or(0)
}

impl Avatars {
    /// Whether this picture of the contact was stored, or found to be missing, in the last thirty days before `now`.
    pub fn has(&self, contact: &Puid, picture_seq: Option<u64>, now: Timestamp) -> bool {
        let entry = self.entries.get(&hash(contact.as_str().as_bytes()));
        let is_recent = |entry: &Entry| day_of(now).saturating_sub(entry.day) < KEPT_DAYS;
        entry.is_some_and(|entry| entry.picture == picture_of(picture_seq) && is_recent(entry))
    }

    /// Notes that this picture of the contact is stored, or missing.
    pub fn insert(&mut self, contact: &Puid, picture_seq: Option<u64>, now: Timestamp) {
        let contact = hash(contact.as_str().as_bytes());
        let at = self.entries.get(&contact).map_or(self.entries.len(), |entry| entry.at);
        self.entries.insert(contact, Entry { at, picture: picture_of(picture_seq), day: day_of(now) });
        self.changed.insert(at / ROW);
    }

    /// Notes that the ledger has all entries.
    pub fn noted(&mut self) {
        self.changed.clear();
    }

    /// The bytes of a row.
    fn row(&self, row: usize) -> Vec<u8> {
        let mut entries: Vec<_> = self.entries.iter().filter(|(_, entry)| entry.at / ROW == row).collect();
        entries.sort_unstable_by_key(|(_, entry)| entry.at);
        let bytes =
            |(contact, entry): (&Contact, &Entry)| [&contact[..], &entry.picture, &entry.day.to_be_bytes()].concat();
        entries.into_iter().flat_map(bytes).collect()
    }

    fn read(&mut self, row: usize, bytes: &[u8]) {
        for (number, entry) in bytes.chunks_exact(ENTRY).enumerate() {
            let (contact, rest) = entry.split_at(8);
            let (picture, day) = rest.split_at(4);
            if let (Ok(contact), Ok(picture), Ok(day)) = (contact.try_into(), picture.try_into(), day.try_into()) {
                let entry = Entry { at: row * ROW + number, picture, day: u16::from_be_bytes(day) };
                self.entries.insert(contact, entry);
            }
        }
    }
}

impl Store {
    /// Which pictures of contacts are stored.
    pub async fn avatars(&self, app: &AppId) -> Result<Avatars, StoreError> {
        let mut avatars = Avatars::default();
        for item in self.collect(self.query_prefix(&keys::app(app), keys::AVATARS)).await? {
            let row = string_of(&item, keys::SK).and_then(|sk| sk.strip_prefix(keys::AVATARS)?.parse().ok());
            let list = item.get("list").and_then(|list| list.as_b().ok());
            if let (Some(row), Some(list)) = (row, list) {
                avatars.read(row, list.as_ref());
            }
        }
        Ok(avatars)
    }

    /// Writes the rows that have changed since [`Avatars::noted`]. The caller is the only writer.
    pub async fn put_avatars(&self, app: &AppId, avatars: &Avatars) -> Result<(), StoreError> {
        let item = |row: &usize| -> Item {
            let mut item = keys::key(&keys::app(app), &keys::avatars(*row));
            item.insert("list".into(), AttributeValue::B(Blob::new(avatars.row(*row))));
            item
        };
        self.put_all(avatars.changed.iter().map(item).collect()).await
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn entries_survive_their_rows_and_a_new_picture_replaces_the_old_one() {
        let now: Timestamp = "2026-01-07T03:25:45Z".parse().unwrap();
        let mut avatars = Avatars::default();
        let puid = |n: usize| Puid::new(format!("{n:08x}"));
        for n in 0..ROW + 10 {
            avatars.insert(&puid(n), Some(n as u64), now);
        }
        assert_eq!(avatars.changed, BTreeSet::from([0, 1]));
        let mut again = Avatars::default();
        for row in [0, 1] {
            again.read(row, &avatars.row(row));
        }
        assert_eq!(again.entries, avatars.entries);
        let has = |avatars: &Avatars, seq| avatars.has(&puid(7), seq, now);
        assert!(has(&again, Some(7)) && !has(&again, Some(8)) && !has(&again, None));
        again.insert(&puid(7), Some(8), now);
        assert!(has(&again, Some(8)) && !again.has(&puid(7), Some(8), now + (31 * 24).hours()));
        assert_eq!((again.changed, again.entries.len()), (BTreeSet::from([0]), ROW + 10));
        assert_eq!(avatars.row(1).len(), 10 * ENTRY);
    }
}
