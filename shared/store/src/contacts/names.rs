//! The name table: which user name belongs to which puid in this login, and which puids are in use.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{id::AppId, puid::Puid};
use sha2::{Digest, Sha256};

use crate::{Store, StoreError, item::Item, keys};

/// Rows of the table. A name is in the row that its hash says, so that a look-up reads one row: about 13 KB for an account
/// with 25,000 names, and a worker need not keep the table in memory.
const ROWS: u8 = 32;

/// A part of the name table in memory: the rows that were read so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    rows: BTreeMap<u8, Row>,
    changed: BTreeSet<u8>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Row {
    /// Packed entries in no order: the first eight bytes of the user name's SHA-256, the length of the puid, the puid.
    names: Vec<u8>,
    /// The first four bytes of the SHA-256 of each puid in use. Two puids may share them; a new contact then gets another.
    taken: BTreeSet<[u8; 4]>,
}

fn name_hash(user_name: &str) -> [u8; 8] {
    *Sha256::digest(user_name.as_bytes()).first_chunk().expect("a SHA-256 has 32 bytes")
}

fn puid_hash(puid: &Puid) -> [u8; 4] {
    *Sha256::digest(puid.as_str().as_bytes()).first_chunk().expect("a SHA-256 has 32 bytes")
}

impl Row {
    fn insert(&mut self, hash: [u8; 8], puid: &Puid) {
        let puid = puid.as_str().as_bytes();
        // A puid has 8 to about 70 characters.
        let length = u8::try_from(puid.len()).unwrap_or(u8::MAX);
        self.names.extend_from_slice(&hash);
        self.names.push(length);
        self.names.extend_from_slice(&puid[..usize::from(length)]);
    }

    fn get(&self, wanted: [u8; 8]) -> Option<Puid> {
        let mut found = None;
        let mut rest = self.names.as_slice();
        while let Some((hash, tail)) = rest.split_first_chunk::<8>() {
            let (length, tail) = tail.split_first()?;
            let (puid, tail) = tail.split_at_checked(usize::from(*length))?;
            if *hash == wanted {
                found = Some(puid);
            }
            rest = tail;
        }
        std::str::from_utf8(found?).ok().map(Puid::new)
    }
}

impl Names {
    /// The table of a new login, without names. All its rows will be written.
    pub fn of_new_login() -> Self {
        let numbers = || 0..ROWS;
        Self { rows: numbers().map(|row| (row, Row::default())).collect(), changed: numbers().collect() }
    }

    /// Adds an entry, and marks the puid as used. The last entry of a user name is valid.
    ///
    /// # Panics
    /// When the rows of user name and puid were not read.
    pub fn insert(&mut self, user_name: &str, puid: &Puid) {
        let hash = name_hash(user_name);
        let row = hash[0] % ROWS;
        self.rows.get_mut(&row).expect("the user name's row was read").insert(hash, puid);
        self.changed.insert(row);
        self.take(puid);
    }

    /// Marks a puid as used.
    ///
    /// # Panics
    /// When its row was not read.
    pub fn take(&mut self, puid: &Puid) {
        let hash = puid_hash(puid);
        let row = hash[0] % ROWS;
        if self.rows.get_mut(&row).expect("the puid's row was read").taken.insert(hash) {
            self.changed.insert(row);
        }
    }

    /// The puid that the user name belongs to; `None` also if the row was not read.
    pub fn get(&self, user_name: &str) -> Option<Puid> {
        let hash = name_hash(user_name);
        self.rows.get(&(hash[0] % ROWS))?.get(hash)
    }

    /// Whether a contact has, or had, this puid; `true` also if the row was not read.
    pub fn is_taken(&self, puid: &Puid) -> bool {
        let hash = puid_hash(puid);
        self.rows.get(&(hash[0] % ROWS)).is_none_or(|row| row.taken.contains(&hash))
    }

    /// The rows of these user names and puids that were not read yet.
    pub fn unread<'a>(
        &self,
        user_names: impl IntoIterator<Item = &'a str>,
        puids: impl IntoIterator<Item = &'a Puid>,
    ) -> NameRows {
        let names = user_names.into_iter().map(|name| name_hash(name)[0] % ROWS);
        let puids = puids.into_iter().map(|puid| puid_hash(puid)[0] % ROWS);
        NameRows(names.chain(puids).filter(|row| !self.rows.contains_key(row)).collect())
    }

    /// Adds rows that were read.
    pub fn extend(&mut self, read: Self) {
        self.rows.extend(read.rows);
    }

    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }
}

/// Rows of the name table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRows(BTreeSet<u8>);

impl NameRows {
    pub fn all() -> Self {
        Self((0..ROWS).collect())
    }
}

impl Store {
    /// These rows of the name table.
    pub async fn names(&self, app: &AppId, rows: &NameRows) -> Result<Names, StoreError> {
        let sks: HashMap<u8, String> = rows.0.iter().map(|row| (*row, keys::names(*row))).collect();
        let mut items = self.get_all(&keys::app(app), sks.values().cloned().collect()).await?;
        let rows = sks.iter().map(|(row, sk)| (*row, items.remove(sk).as_ref().map(read).unwrap_or_default()));
        Ok(Names { rows: rows.collect(), changed: BTreeSet::new() })
    }

    /// Writes the rows that have changed.
    pub async fn put_names(&self, app: &AppId, names: &Names) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let item = |row: &u8| {
            let content = names.rows.get(row)?;
            let mut item = keys::key(&pk, &keys::names(*row));
            item.insert("list".into(), AttributeValue::B(Blob::new(content.names.as_slice())));
            item.insert(
                "taken".into(),
                AttributeValue::B(Blob::new(content.taken.iter().flatten().copied().collect::<Vec<u8>>())),
            );
            Some(item)
        };
        self.put_all(names.changed.iter().filter_map(item).collect()).await
    }
}

fn read(item: &Item) -> Row {
    let bytes = |name: &str| item.get(name).and_then(|value| value.as_b().ok()).map(Blob::as_ref).unwrap_or_default();
    let taken = bytes("taken").as_chunks::<4>().0.iter().copied().collect();
    Row { names: bytes("list").to_vec(), taken }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_entry_of_a_name_is_valid_and_its_puid_is_taken() {
        let mut names = Names::of_new_login();
        for n in 0..3_000 {
            names.insert(&format!("@{n:064x}"), &Puid::new(format!("{n:08x}")));
        }
        names.insert("@@group", &Puid::new("old0old0"));
        names.insert("@@group", &Puid::new("123456789abc"));
        assert_eq!(names.get("@@group"), Some(Puid::new("123456789abc")));
        assert_eq!(names.get(&format!("@{:064x}", 17)), Some(Puid::new("00000011")));
        assert_eq!(names.get("@nobody"), None);
        assert!(names.is_taken(&Puid::new("00000011")) && names.is_taken(&Puid::new("old0old0")));
        assert!(!names.is_taken(&Puid::new("ffffffff")));
    }

    #[test]
    fn rows_that_were_not_read_have_no_names_and_every_puid() {
        let names = Names::default();
        assert_eq!(names.get("@one"), None);
        assert!(names.is_taken(&Puid::new("00000001")));
        assert_eq!(names.unread(["@one", "@one"], []).0.len(), 1);
    }
}
