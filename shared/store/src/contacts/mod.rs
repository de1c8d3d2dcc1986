//! The contact book: a row for each contact, a row with all members of a group, and what is derived from them: lists, name
//! table, departed keys. `BOOK` says whether these are current.

mod book;
mod lists;
mod names;
mod packed;

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    contact::{Contact, Member},
    id::AppId,
    puid::Puid,
};

use self::packed::{pack, unpack};
pub use self::{
    book::Book,
    lists::{List, ListChanges, Lists, Part, Place},
    names::{NameRows, Names},
};
use crate::{
    Store, StoreError,
    item::{Item, from_item, string_of, to_item},
    keys,
};

impl Store {
    /// All contacts with a row of their own, including deleted ones, in no order.
    pub async fn contacts(&self, app: &AppId) -> Result<Vec<Contact>, StoreError> {
        let items = self.collect(self.query_prefix(&keys::app(app), keys::CONTACT)).await?;
        items.into_iter().map(from_item).collect()
    }

    pub async fn contact(&self, app: &AppId, puid: &Puid) -> Result<Option<Contact>, StoreError> {
        self.get(&keys::app(app), &keys::contact(puid)).await?.map(from_item).transpose()
    }

    /// The contacts with these puids that have a row of their own.
    pub async fn contacts_of<'a>(
        &self,
        app: &AppId,
        puids: impl IntoIterator<Item = &'a Puid>,
    ) -> Result<HashMap<Puid, Contact>, StoreError> {
        let items = self.get_all(&keys::app(app), puids.into_iter().map(keys::contact).collect()).await?;
        let contacts = items.into_values().map(from_item::<Contact>);
        contacts.map(|contact| contact.map(|contact| (contact.puid.clone(), contact))).collect()
    }

    /// Writes contacts in batches, between [`Self::begin_book`] and [`Self::finish_book`].
    pub async fn put_contacts(&self, app: &AppId, contacts: &[Contact]) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let items = contacts.iter().map(|contact| to_item(&pk, &keys::contact(&contact.puid), contact));
        self.put_all(items.collect::<Result<_, _>>()?).await
    }

    /// The members of a group; `None` if they were never read.
    pub async fn members(&self, app: &AppId, group: &Puid) -> Result<Option<Vec<Member>>, StoreError> {
        self.get(&keys::app(app), &keys::members(group)).await?.as_ref().map(members_of).transpose()
    }

    /// The members of these groups, if they were ever read.
    pub async fn members_of<'a>(
        &self,
        app: &AppId,
        groups: impl IntoIterator<Item = &'a Puid>,
    ) -> Result<Vec<(Puid, Vec<Member>)>, StoreError> {
        let rows: HashMap<String, &Puid> = groups.into_iter().map(|group| (keys::members(group), group)).collect();
        let items = self.get_all(&keys::app(app), rows.keys().cloned().collect()).await?;
        items.iter().map(|(sk, item)| Ok((rows[sk].clone(), members_of(item)?))).collect()
    }

    /// A present group with its members, in one request; `None` if there is no such group.
    pub async fn group(&self, app: &AppId, group: &Puid) -> Result<Option<(Contact, Vec<Member>)>, StoreError> {
        let (contact, members) = (keys::contact(group), keys::members(group));
        let mut rows = self.get_many(&keys::app(app), &[&contact, &members]).await?;
        let contact = rows.remove(&contact).map(from_item::<Contact>).transpose()?;
        let Some(contact) = contact.filter(|contact| List::of(contact) == Some(List::Groups)) else { return Ok(None) };
        let members = rows.get(&members).map(members_of).transpose()?;
        Ok(Some((contact, members.unwrap_or_default())))
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

    /// Writes the members of groups in batches; see [`Self::put_contacts`].
    pub async fn put_members(&self, app: &AppId, groups: &[(Puid, Vec<Member>)]) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let item = |(group, members): &(Puid, Vec<Member>)| {
            let sk = keys::members(group);
            let list = pack(&sk, members)?;
            let mut item = keys::key(&pk, &sk);
            item.insert("list".into(), AttributeValue::B(Blob::new(list)));
            Ok(item)
        };
        self.put_all(groups.iter().map(item).collect::<Result<_, _>>()?).await
    }
}

fn members_of(item: &Item) -> Result<Vec<Member>, StoreError> {
    let list = item.get("list").and_then(|list| list.as_b().ok()).map(Blob::as_ref).unwrap_or_default();
    unpack(string_of(item, keys::SK).unwrap_or_default(), list)
}
