//! Which pictures of contacts are stored: packed rows that only the app's worker reads.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{id::AppId, puid::Puid};
use sha2::{Digest, Sha256};

use crate::{
    Store, StoreError,
    item::{Item, string_of},
    keys,
};

/// Entries of a row, which then has 48 KB. A picture more rewrites one row.
const ROW: usize = 4_000;
/// Bytes of an entry: eight of the SHA-256 of the puid, four of that of the picture's number.
const ENTRY: usize = 12;

type Contact = [u8; 8];
type Picture = [u8; 4];

/// Which picture of each contact is stored, or is known to be missing. Two pictures of one contact differ by their
/// `picture_seq`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Avatars {
    /// By contact: where its entry is, and the picture.
    entries: HashMap<Contact, (usize, Picture)>,
    /// Rows to write.
    changed: BTreeSet<usize>,
}

fn hash<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *Sha256::digest(bytes).first_chunk().expect("a SHA-256 has 32 bytes")
}

fn picture_of(picture_seq: Option<u64>) -> Picture {
    hash(&picture_seq.unwrap_or(0).to_be_bytes())
}

impl Avatars {
    /// Whether this picture of the contact has been asked for.
    pub fn has(&self, contact: &Puid, picture_seq: Option<u64>) -> bool {
        let entry = self.entries.get(&hash(contact.as_str().as_bytes()));
        entry.is_some_and(|(_, picture)| *picture == picture_of(picture_seq))
    }

    /// Notes that this picture of the contact is stored, or missing.
    pub fn insert(&mut self, contact: &Puid, picture_seq: Option<u64>) {
        let next = self.entries.len();
        let entry = self.entries.entry(hash(contact.as_str().as_bytes())).or_insert((next, [0; 4]));
        entry.1 = picture_of(picture_seq);
        self.changed.insert(entry.0 / ROW);
    }

    /// Notes that the ledger has all entries.
    pub fn noted(&mut self) {
        self.changed.clear();
    }

    /// The bytes of a row.
    fn row(&self, row: usize) -> Vec<u8> {
        let mut entries: Vec<_> = self.entries.iter().filter(|(_, (at, _))| at / ROW == row).collect();
        entries.sort_unstable_by_key(|(_, (at, _))| *at);
        entries.into_iter().flat_map(|(contact, (_, picture))| contact.iter().chain(picture)).copied().collect()
    }

    fn read(&mut self, row: usize, bytes: &[u8]) {
        for (at, entry) in bytes.chunks_exact(ENTRY).enumerate() {
            if let (Some(contact), Some(picture)) = (entry.first_chunk(), entry.last_chunk()) {
                self.entries.insert(*contact, (row * ROW + at, *picture));
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
    use super::*;

    #[test]
    fn entries_survive_their_rows_and_a_new_picture_replaces_the_old_one() {
        let mut avatars = Avatars::default();
        let puid = |n: usize| Puid::new(format!("{n:08x}"));
        for n in 0..ROW + 10 {
            avatars.insert(&puid(n), Some(n as u64));
        }
        assert_eq!(avatars.changed, BTreeSet::from([0, 1]));
        let mut again = Avatars::default();
        for row in [0, 1] {
            again.read(row, &avatars.row(row));
        }
        assert_eq!(again.entries, avatars.entries);
        assert!(again.has(&puid(7), Some(7)) && !again.has(&puid(7), Some(8)) && !again.has(&puid(7), None));
        again.insert(&puid(7), Some(8));
        assert!(again.has(&puid(7), Some(8)));
        assert_eq!((again.changed, again.entries.len()), (BTreeSet::from([0]), ROW + 10));
        assert_eq!(avatars.row(1).len(), 10 * ENTRY);
    }
}
