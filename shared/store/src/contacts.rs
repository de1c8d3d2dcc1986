//! The contact book. Contacts are rows by puid; a group's members lie in one row beside it; `NAMES` tells whose this
//! login's user names are; `BOOK` counts changes, so that a reader can keep a copy and know when it is old.

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

/// Whose the user names of this login are, packed: per name the first eight bytes of its SHA-256, the length of the
/// puid, the puid; in no order. About 17 bytes a contact, so that a whole book is a row or two and a worker need not
/// keep it in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(Vec<u8>);

/// A row may have 400 KB; this leaves room for the key.
const NAMES_CHUNK: usize = 350_000;

fn name_hash(user_name: &str) -> [u8; 8] {
    *Sha256::digest(user_name.as_bytes()).first_chunk().expect("a SHA-256 has 32 bytes")
}

impl Names {
    /// Adds a name; the newest entry of a name counts.
    pub fn insert(&mut self, user_name: &str, puid: &Puid) {
        let puid = puid.as_str().as_bytes();
        // A puid has 8 to about 70 characters.
        let length = u8::try_from(puid.len()).unwrap_or(u8::MAX);
        self.0.extend_from_slice(&name_hash(user_name));
        self.0.push(length);
        self.0.extend_from_slice(&puid[..usize::from(length)]);
    }

    /// Whose the name is.
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

    /// Cuts the bytes where an entry ends, each part small enough for a row.
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
    /// Every contact of the app that has a row of its own, gone ones too; in no particular order.
    pub async fn contacts(&self, app: &AppId) -> Result<Vec<Contact>, StoreError> {
        let items = self.collect(self.query_prefix(&keys::app(app), keys::CONTACT)).await?;
        items.into_iter().map(from_item).collect()
    }

    pub async fn contact(&self, app: &AppId, puid: &Puid) -> Result<Option<Contact>, StoreError> {
        self.get(&keys::app(app), &keys::contact(puid)).await?.map(from_item).transpose()
    }

    /// Puts contacts, in batches. Tell the readers with [`Self::bump_book_version`] afterwards.
    pub async fn put_contacts(&self, app: &AppId, contacts: &[Contact]) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let items = contacts.iter().map(|contact| to_item(&pk, &keys::contact(&contact.puid), contact));
        self.put_all(items.collect::<Result<_, _>>()?).await
    }

    /// A group's members; `None` where they were never read.
    pub async fn members(&self, app: &AppId, group: &Puid) -> Result<Option<Vec<Member>>, StoreError> {
        self.get(&keys::app(app), &keys::members(group)).await?.as_ref().map(members_of).transpose()
    }

    /// The members of every group.
    pub async fn all_members(&self, app: &AppId) -> Result<Vec<(Puid, Vec<Member>)>, StoreError> {
        let items = self.collect(self.query_prefix(&keys::app(app), keys::MEMBERS)).await?;
        let group = |item: &Item| string_of(item, keys::SK)?.strip_prefix(keys::MEMBERS).map(Puid::new);
        let mut all = Vec::with_capacity(items.len());
        for item in &items {
            if let Some(group) = group(item) {
                all.push((group, members_of(item)?));
            }
        }
        Ok(all)
    }

    /// Puts the members of groups, in batches.
    pub async fn put_members(&self, app: &AppId, groups: &[(Puid, Vec<Member>)]) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let item = |(group, members): &(Puid, Vec<Member>)| {
            let sk = keys::members(group);
            let list = packed(members).map_err(|error| StoreError::corrupt(format!("{pk}/{sk}"), error))?;
            let mut item = keys::key(&pk, &sk);
            item.insert("list".into(), AttributeValue::B(Blob::new(list)));
            Ok(item)
        };
        self.put_all(groups.iter().map(item).collect::<Result<_, _>>()?).await
    }

    /// Whose this login's user names are.
    pub async fn names(&self, app: &AppId) -> Result<Names, StoreError> {
        let items = self.collect(self.query_prefix(&keys::app(app), keys::NAMES)).await?;
        let bytes = items.iter().filter_map(|item| item.get("list")?.as_b().ok()).flat_map(Blob::as_ref);
        Ok(Names(bytes.copied().collect()))
    }

    /// Replaces the names of an earlier login, or adds to those of this one.
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

    /// Tells readers that the book has changed.
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

/// Members as JSON without what is not told, so that the largest group fits into a row and few write units.
fn packed(members: &[Member]) -> serde_json::Result<Vec<u8>> {
    let mut list = serde_json::to_value(members)?;
    for member in list.as_array_mut().into_iter().flatten() {
        if let Some(member) = member.as_object_mut() {
            member.retain(|_, value| !value.is_null());
        }
    }
    serde_json::to_vec(&list)
}

fn members_of(item: &Item) -> Result<Vec<Member>, StoreError> {
    let list = item.get("list").and_then(|list| list.as_b().ok()).map(Blob::as_ref).unwrap_or_default();
    serde_json::from_slice(list)
        .map_err(|error| StoreError::corrupt(string_of(item, keys::SK).unwrap_or_default(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_the_newest_entry_and_cut_between_entries() {
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
