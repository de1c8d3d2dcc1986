//! The contact book: a row for each contact, a row with all members of a group, and the name table. `BOOK` counts
//! changes, so that readers can cache the book and notice when it changes.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    contact::{Contact, Member},
    id::AppId,
    puid::Puid,
};
use sha2::{Digest, Sha256};

use crate::{
    Store, StoreError,
    item::{Item, from_item, number, string_of, to_item},
    keys,
};

/// The name table: which user name belongs to which puid in this login. Packed entries in no order: the first eight bytes
/// of the user name's SHA-256, the length of the puid, the puid. An entry takes about 17 bytes, so that the table of an
/// account fits into one or two rows and a worker need not keep it in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(Vec<u8>);

/// Bytes of the name table in one row. DynamoDB's limit is 400 KB with the key.
const NAMES_CHUNK: usize = 350_000;

fn name_hash(user_name: &str) -> [u8; 8] {
    *Sha256::digest(user_name.as_bytes()).first_chunk().expect("a SHA-256 has 32 bytes")
}

impl Names {
    /// Adds an entry. The last entry of a user name is valid.
    pub fn insert(&mut self, user_name: &str, puid: &Puid) {
        let puid = puid.as_str().as_bytes();
        // A puid has 8 to about 70 characters.
        let length = u8::try_from(puid.len()).unwrap_or(u8::MAX);
        self.0.extend_from_slice(&name_hash(user_name));
        self.0.push(length);
        self.0.extend_from_slice(&puid[..usize::from(length)]);
    }

    /// The puid that the user name belongs to.
    pub fn get(&self, user_name: &str) -> Option<Puid> {
        let wanted = name_hash(user_name);
        let mut found = None;
        let mut rest = self.0.as_slice();
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

    /// Splits the table between entries into parts that fit into a row.
    fn chunks(&self) -> Vec<&[u8]> {
        let mut chunks = Vec::new();
        let (mut start, mut at) = (0, 0);
        while let Some(length) = self.0.get(at + 8) {
            let end = at + 9 + usize::from(*length);
            if end - start > NAMES_CHUNK {
                chunks.push(&self.0[start..at]);
                start = at;
            }
            at = end;
        }
        chunks.push(&self.0[start..]);
        chunks
    }
}

impl Store {
    /// All contacts with a row of their own, including deleted ones, in no order.
    pub async fn contacts(&self, app: &AppId) -> Result<Vec<Contact>, StoreError> {
        let items = self.collect(self.query_prefix(&keys::app(app), keys::CONTACT)).await?;
        items.into_iter().map(from_item).collect()
    }

    pub async fn contact(&self, app: &AppId, puid: &Puid) -> Result<Option<Contact>, StoreError> {
        self.get(&keys::app(app), &keys::contact(puid)).await?.map(from_item).transpose()
    }

    /// Writes contacts in batches. Call [`Self::bump_book_version`] afterwards.
    pub async fn put_contacts(&self, app: &AppId, contacts: &[Contact]) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let items = contacts.iter().map(|contact| to_item(&pk, &keys::contact(&contact.puid), contact));
        self.put_all(items.collect::<Result<_, _>>()?).await
    }

    /// The members of a group; `None` if they were never read.
    pub async fn members(&self, app: &AppId, group: &Puid) -> Result<Option<Vec<Member>>, StoreError> {
        self.get(&keys::app(app), &keys::members(group)).await?.as_ref().map(from_json).transpose()
    }

    /// The members of every group.
    pub async fn all_members(&self, app: &AppId) -> Result<Vec<(Puid, Vec<Member>)>, StoreError> {
        let items = self.collect(self.query_prefix(&keys::app(app), keys::MEMBERS)).await?;
        let group = |item: &Item| string_of(item, keys::SK)?.strip_prefix(keys::MEMBERS).map(Puid::new);
        let mut all = Vec::with_capacity(items.len());
        for item in &items {
            if let Some(group) = group(item) {
                all.push((group, from_json(item)?));
            }
        }
        Ok(all)
    }

    /// Writes the members of groups in batches.
    pub async fn put_members(&self, app: &AppId, groups: &[(Puid, Vec<Member>)]) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let item = |(group, members): &(Puid, Vec<Member>)| {
            let sk = keys::members(group);
            let list = to_json(members).map_err(|error| StoreError::corrupt(format!("{pk}/{sk}"), error))?;
            let mut item = keys::key(&pk, &sk);
            item.insert("list".into(), AttributeValue::B(Blob::new(list)));
            Ok(item)
        };
        self.put_all(groups.iter().map(item).collect::<Result<_, _>>()?).await
    }

    /// The name table of the current login.
    pub async fn names(&self, app: &AppId) -> Result<Names, StoreError> {
        let items = self.collect(self.query_prefix(&keys::app(app), keys::NAMES)).await?;
        let bytes = items.iter().filter_map(|item| item.get("list")?.as_b().ok()).flat_map(Blob::as_ref);
        Ok(Names(bytes.copied().collect()))
    }

    /// Replaces the name table. `names` must be that of a new login, or the stored one with further entries.
    pub async fn put_names(&self, app: &AppId, names: &Names) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let chunks = names.chunks();
        let mut items: Vec<Item> = Vec::with_capacity(chunks.len());
        for (number, chunk) in chunks.iter().enumerate() {
            let mut item = keys::key(&pk, &keys::names(number));
            item.insert("list".into(), AttributeValue::B(Blob::new(*chunk)));
            items.push(item);
        }
        self.put_all(items).await
    }

    /// Makes readers discard their copies of the book.
    pub async fn bump_book_version(&self, app: &AppId) -> Result<(), StoreError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(app), keys::BOOK)))
            .update_expression("ADD version :one")
            .expression_attribute_values(":one", number(1))
            .send()
            .await
            .map_err(StoreError::from_sdk)?;
        Ok(())
    }
}

/// Members as JSON without null fields, so that the largest group fits into a row and few write units.
fn to_json(members: &[Member]) -> serde_json::Result<Vec<u8>> {
    let mut list = serde_json::to_value(members)?;
    for member in list.as_array_mut().into_iter().flatten() {
        if let Some(member) = member.as_object_mut() {
            member.retain(|_, value| !value.is_null());
        }
    }
    serde_json::to_vec(&list)
}

fn from_json(item: &Item) -> Result<Vec<Member>, StoreError> {
    let list = item.get("list").and_then(|list| list.as_b().ok()).map(Blob::as_ref).unwrap_or_default();
    serde_json::from_slice(list)
        .map_err(|error| StoreError::corrupt(string_of(item, keys::SK).unwrap_or_default(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_entry_of_a_name_is_valid_and_parts_end_between_entries() {
        let mut names = Names::default();
        for n in 0..30_000 {
            names.insert(&format!("@{n:064x}"), &Puid::new(format!("{n:08x}")));
        }
        names.insert("@@group", &Puid::new("old0old0"));
        names.insert("@@group", &Puid::new("123456789abc"));
        assert_eq!(names.get("@@group"), Some(Puid::new("123456789abc")));
        assert_eq!(names.get(&format!("@{:064x}", 17)), Some(Puid::new("00000011")));
        assert_eq!(names.get("@nobody"), None);
        let chunks = names.chunks();
        assert_eq!(chunks.len(), 2);
        assert!(chunks.iter().all(|chunk| chunk.len() <= NAMES_CHUNK));
        assert_eq!(chunks.concat(), names.0);
    }
}
