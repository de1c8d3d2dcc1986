//! The lists of friends, groups and official accounts in the API's order. They repeat the contact rows in parts of about a
//! hundred contacts, so that a page is one or two rows of a few read units, wherever it is. The row `BOOK` says which parts
//! there are (see [`Book`](super::Book)).

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    contact::{Contact, ContactKind},
    id::AppId,
    puid::Puid,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::packed::{pack, unpack};
use crate::{Store, StoreError, keys};

/// Contacts in a part when a list is written as a whole, or a part is divided.
const FULL: usize = 100;
/// A part with more contacts is divided.
const MAX: usize = 150;

/// A list of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum List {
    /// The account itself is the first of them.
    Friends,
    Groups,
    OfficialAccounts,
}

impl List {
    /// The list that shows the contact; `None` for a stranger and for a contact that has departed.
    pub fn of(contact: &Contact) -> Option<Self> {
        match contact.kind {
            _ if !contact.present => None,
            ContactKind::Myself | ContactKind::Friend => Some(Self::Friends),
            ContactKind::Group => Some(Self::Groups),
            ContactKind::OfficialAccount => Some(Self::OfficialAccounts),
            ContactKind::Stranger => None,
        }
    }
}

/// What the contacts of a list are ordered by: the account itself first, then by the time when they were first seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place(bool, Timestamp, Puid);

impl Place {
    pub fn of(contact: &Contact) -> Self {
        Self(contact.kind != ContactKind::Myself, contact.insert_time, contact.puid.clone())
    }
}

/// A part of a list, as `BOOK` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Part {
    /// Names the row. It stays when the contacts of the part change.
    id: u32,
    /// Contacts in the part.
    pub count: u32,
    /// Of the row. A reader notices by it that its `BOOK` and the row are not from the same time.
    hash: u64,
    /// The place of the first contact. A contact belongs to the last part that begins at its place or before.
    first: Place,
}

/// The parts of every list, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lists {
    parts: BTreeMap<List, Vec<Part>>,
    next_id: u32,
}

/// What has to be written so that the lists show a change.
#[derive(Debug, Default)]
pub struct ListChanges {
    /// Packed contacts by part.
    written: Vec<(u32, Vec<u8>)>,
    removed: Vec<u32>,
}

impl ListChanges {
    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && self.removed.is_empty()
    }
}

fn hash(packed: &[u8]) -> u64 {
    u64::from_be_bytes(*Sha256::digest(packed).first_chunk().expect("a SHA-256 has 32 bytes"))
}

impl Lists {
    pub fn parts(&self, list: List) -> &[Part] {
        self.parts.get(&list).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn all_parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.values().flatten()
    }

    /// Contacts in a list.
    pub fn count(&self, list: List) -> u64 {
        self.parts(list).iter().map(|part| u64::from(part.count)).sum()
    }

    /// The part that a contact in this place belongs to.
    fn part_of(&self, list: List, place: &Place) -> Option<&Part> {
        let parts = self.parts(list);
        let after = parts.partition_point(|part| part.first <= *place);
        parts.get(after.saturating_sub(1))
    }

    /// The parts that change when contacts change from their first to their second form.
    pub fn parts_of(&self, changes: &[(Option<Contact>, Contact)]) -> Vec<Part> {
        let forms = changes.iter().flat_map(|(before, after)| before.iter().chain([after]));
        let parts = forms.filter_map(|form| self.part_of(List::of(form)?, &Place::of(form)));
        let parts: BTreeMap<u32, &Part> = parts.map(|part| (part.id, part)).collect();
        parts.into_values().cloned().collect()
    }

    /// Changes contacts from their first to their second form. `read` are the contacts of [`Self::parts_of`].
    pub fn change(
        &mut self,
        changes: &[(Option<Contact>, Contact)],
        mut read: HashMap<Part, Vec<Contact>>,
    ) -> Result<ListChanges, StoreError> {
        let mut new: BTreeMap<List, Vec<Contact>> = BTreeMap::new();
        for (before, after) in changes {
            for form in before.iter().chain([after]) {
                let part = List::of(form).and_then(|list| self.part_of(list, &Place::of(form)));
                if let Some(contacts) = part.and_then(|part| read.get_mut(part)) {
                    contacts.retain(|contact| contact.puid != after.puid);
                }
            }
            if let Some(list) = List::of(after) {
                match self.part_of(list, &Place::of(after)).and_then(|part| read.get_mut(part)) {
                    Some(contacts) => contacts.push(after.clone()),
                    None => new.entry(list).or_default().push(after.clone()),
                }
            }
        }
        let mut changes = ListChanges::default();
        for list in [List::Friends, List::Groups, List::OfficialAccounts] {
            let mut parts = Vec::new();
            for part in self.parts.remove(&list).unwrap_or_default() {
                match read.remove(&part) {
                    Some(contacts) => parts.extend(self.divide(Some(&part), contacts, &mut changes)?),
                    None => parts.push(part),
                }
            }
            parts.extend(self.divide(None, new.remove(&list).unwrap_or_default(), &mut changes)?);
            self.parts.insert(list, parts);
        }
        Ok(changes)
    }

    /// Replaces the contacts of every list. A part that stays as it was is not written again.
    pub fn replace<'a>(&mut self, contacts: impl IntoIterator<Item = &'a Contact>) -> Result<ListChanges, StoreError> {
        let mut by_part: HashMap<Option<Part>, BTreeMap<List, Vec<Contact>>> = HashMap::new();
        for contact in contacts {
            if let Some(list) = List::of(contact) {
                let part = self.part_of(list, &Place::of(contact)).cloned();
                by_part.entry(part).or_default().entry(list).or_default().push(contact.clone());
            }
        }
        let mut changes = ListChanges::default();
        for list in [List::Friends, List::Groups, List::OfficialAccounts] {
            let before = self.parts.remove(&list).unwrap_or_default();
            let mut parts = Vec::new();
            for part in before.into_iter().map(Some).chain([None]) {
                let contacts = by_part.get_mut(&part).and_then(|lists| lists.remove(&list)).unwrap_or_default();
                parts.extend(self.divide(part.as_ref(), contacts, &mut changes)?);
            }
            self.parts.insert(list, parts);
        }
        Ok(changes)
    }

    /// The parts that replace `part`: none without contacts, several with too many.
    fn divide(
        &mut self,
        part: Option<&Part>,
        mut contacts: Vec<Contact>,
        changes: &mut ListChanges,
    ) -> Result<Vec<Part>, StoreError> {
        contacts.sort_by_cached_key(Place::of);
        let size = if contacts.len() > MAX { FULL } else { MAX };
        let mut kept = part;
        let mut parts = Vec::new();
        for contacts in contacts.chunks(size) {
            let packed = pack("LIST", contacts)?;
            let (id, before) = match kept.take() {
                Some(part) => (part.id, Some(part.hash)),
                None => (self.new_id(), None),
            };
            let count = u32::try_from(contacts.len()).unwrap_or(u32::MAX);
            let part = Part { id, count, hash: hash(&packed), first: Place::of(&contacts[0]) };
            if before != Some(part.hash) {
                changes.written.push((id, packed));
            }
            parts.push(part);
        }
        changes.removed.extend(kept.map(|part| part.id));
        Ok(parts)
    }

    fn new_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    /// `BOOK` holds the lists packed.
    pub(super) fn pack(&self) -> Result<Vec<u8>, StoreError> {
        pack(keys::BOOK, &[self])
    }

    pub(super) fn unpack(packed: &[u8]) -> Result<Self, StoreError> {
        let [lists] = unpack::<[Self; 1]>(keys::BOOK, packed)?;
        Ok(lists)
    }
}

impl Store {
    /// The contacts of parts. Those parts are missing whose rows are not as `BOOK` has described them: they have changed
    /// since, or are about to.
    pub async fn list_parts(
        &self,
        app: &AppId,
        parts: impl IntoIterator<Item = &Part>,
    ) -> Result<HashMap<Part, Vec<Contact>>, StoreError> {
        let parts: HashMap<String, &Part> = parts.into_iter().map(|part| (keys::list(part.id), part)).collect();
        let items = self.get_all(&keys::app(app), parts.keys().cloned().collect()).await?;
        let mut found = HashMap::new();
        for (sk, item) in items {
            let packed = item.get("list").and_then(|list| list.as_b().ok()).map(Blob::as_ref).unwrap_or_default();
            if let Some(part) = parts.get(&sk).filter(|part| part.hash == hash(packed)) {
                found.insert((*part).clone(), unpack(&sk, packed)?);
            }
        }
        Ok(found)
    }

    /// Writes the parts that have changed. [`Self::finish_book`] makes them valid.
    pub async fn put_list_parts(&self, app: &AppId, changes: &ListChanges) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let item = |(id, packed): &(u32, Vec<u8>)| {
            let mut item = keys::key(&pk, &keys::list(*id));
            item.insert("list".into(), AttributeValue::B(Blob::new(packed.as_slice())));
            item
        };
        self.put_all(changes.written.iter().map(item).collect()).await
    }

    /// Deletes the rows of parts that are no longer part of a list. Call it after [`Self::finish_book`].
    pub async fn delete_list_parts(&self, app: &AppId, changes: &ListChanges) -> Result<(), StoreError> {
        let pk = keys::app(app);
        self.delete_all(changes.removed.iter().map(|id| keys::key(&pk, &keys::list(*id))).collect()).await
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    fn contact(number: u32, kind: ContactKind) -> Contact {
        let contact = testing::contact(&format!("{number:08x}"), kind, &format!("nick {number}"));
        let insert_time = contact.insert_time + i64::from(number % 7).hours();
        Contact { insert_time, ..contact }
    }

    fn friends(count: u32) -> Vec<Contact> {
        (0..count).map(|number| contact(number, ContactKind::Friend)).collect()
    }

    /// The rows as the ledger holds them.
    #[derive(Default)]
    struct Rows(HashMap<u32, Vec<u8>>);

    impl Rows {
        fn apply(&mut self, changes: &ListChanges) {
            self.0.extend(changes.written.iter().cloned());
            for id in &changes.removed {
                assert!(self.0.remove(id).is_some());
            }
        }

        fn read<'a>(&self, parts: impl IntoIterator<Item = &'a Part>) -> HashMap<Part, Vec<Contact>> {
            let read = |part: &Part| {
                assert_eq!(hash(&self.0[&part.id]), part.hash);
                (part.clone(), unpack("row", &self.0[&part.id]).unwrap())
            };
            parts.into_iter().map(read).collect()
        }

        fn list(&self, lists: &Lists, list: List) -> Vec<Contact> {
            let mut read = self.read(lists.parts(list));
            lists.parts(list).iter().flat_map(|part| read.remove(part).unwrap()).collect()
        }

        fn change(&mut self, lists: &mut Lists, changes: &[(Option<Contact>, Contact)]) -> usize {
            let read = self.read(&lists.parts_of(changes));
            let changes = lists.change(changes, read).unwrap();
            self.apply(&changes);
            changes.written.len()
        }
    }

    fn in_order(mut contacts: Vec<Contact>) -> Vec<Contact> {
        contacts.sort_by_key(Place::of);
        contacts
    }

    #[test]
    fn each_list_has_its_contacts_in_order() {
        let mut contacts = friends(310);
        contacts.push(contact(400, ContactKind::Group));
        contacts.push(contact(401, ContactKind::Stranger));
        contacts.push(Contact { present: false, ..contact(402, ContactKind::Friend) });
        contacts.push(contact(403, ContactKind::Myself));
        let (mut lists, mut rows) = (Lists::default(), Rows::default());
        rows.apply(&lists.replace(&contacts).unwrap());
        let shown = rows.list(&lists, List::Friends);
        assert_eq!((lists.count(List::Friends), lists.parts(List::Friends).len()), (311, 4));
        assert_eq!(shown[0].kind, ContactKind::Myself);
        let mut friends = friends(310);
        friends.push(contact(403, ContactKind::Myself));
        assert_eq!(shown, in_order(friends));
        assert_eq!(rows.list(&lists, List::Groups), [contact(400, ContactKind::Group)]);
        assert_eq!(lists.count(List::OfficialAccounts), 0);
        assert_eq!(Lists::unpack(&lists.pack().unwrap()).unwrap(), lists);
    }

    #[test]
    fn replacing_writes_the_parts_that_differ() {
        let (mut lists, mut rows) = (Lists::default(), Rows::default());
        let mut contacts = friends(350);
        rows.apply(&lists.replace(&contacts).unwrap());
        assert!(lists.replace(&contacts).unwrap().is_empty());
        contacts[20].city = Some("深圳".into());
        contacts[21].present = false;
        let changes = lists.replace(&contacts).unwrap();
        assert!((1..=2).contains(&changes.written.len()));
        rows.apply(&changes);
        contacts.remove(21);
        assert_eq!(rows.list(&lists, List::Friends), in_order(contacts));
        let changes = lists.replace([]).unwrap();
        rows.apply(&changes);
        assert_eq!((lists.count(List::Friends), rows.0.len()), (0, 0));
    }

    #[test]
    fn a_change_writes_the_contacts_part_only() {
        let (mut lists, mut rows) = (Lists::default(), Rows::default());
        let mut contacts = friends(350);
        rows.apply(&lists.replace(&contacts).unwrap());
        let renamed = Contact { nick_name: "新".into(), ..contacts[7].clone() };
        assert_eq!(rows.change(&mut lists, &[(Some(contacts[7].clone()), renamed.clone())]), 1);
        contacts[7] = renamed.clone();
        assert_eq!(rows.change(&mut lists, &[(Some(renamed.clone()), renamed)]), 0, "nothing has changed");
        let gone = Contact { present: false, ..contacts[9].clone() };
        assert_eq!(rows.change(&mut lists, &[(Some(contacts.remove(9)), gone.clone())]), 1);
        assert_eq!(rows.list(&lists, List::Friends), in_order(contacts.clone()));
        let back = Contact { present: true, ..gone.clone() };
        rows.change(&mut lists, &[(Some(gone), back.clone())]);
        contacts.push(back);
        assert_eq!(rows.list(&lists, List::Friends), in_order(contacts.clone()));
        let account = Contact { kind: ContactKind::OfficialAccount, ..contacts[30].clone() };
        rows.change(&mut lists, &[(Some(contacts.remove(30)), account.clone())]);
        assert_eq!(rows.list(&lists, List::Friends), in_order(contacts));
        assert_eq!(rows.list(&lists, List::OfficialAccounts), [account]);
    }

    #[test]
    fn a_list_grows_from_nothing_contact_by_contact() {
        let (mut lists, mut rows) = (Lists::default(), Rows::default());
        let contacts = friends(400);
        for contact in &contacts {
            rows.change(&mut lists, &[(None, contact.clone())]);
        }
        assert_eq!(rows.list(&lists, List::Friends), in_order(contacts.clone()));
        assert!(lists.parts(List::Friends).iter().all(|part| part.count <= 150));
        for contact in &contacts {
            let gone = Contact { present: false, ..contact.clone() };
            rows.change(&mut lists, &[(Some(contact.clone()), gone)]);
        }
        assert_eq!((lists.count(List::Friends), rows.0.len()), (0, 0));
    }
}
