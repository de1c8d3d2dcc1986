//! The contact book while it changes: what the ledger holds, what the channel reports, and what has to be written
//! because of it. Pure: nothing here waits.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use domain::{
    contact::{Card, Contact, ContactKind, Member},
    departed::DepartedKeys,
    matching::{Known, Matcher},
    puid::Puid,
};
use jiff::Timestamp;

/// A contact book in memory, about 400 bytes a contact. It is dropped as soon as it is written.
pub(in crate::session) struct Book {
    matcher: Matcher,
    /// Rows as they are once the changes are written.
    contacts: HashMap<Puid, Contact>,
    members: HashMap<Puid, Vec<Member>>,
    /// Members without a row of their own.
    strangers: HashMap<Puid, Contact>,
    /// The contacts that the channel has reported.
    seen: HashSet<Puid>,
    at: Timestamp,
    changes: Changes,
}

/// What has to be written.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Contacts as they were and as they are.
    pub contacts: HashMap<Puid, (Option<Contact>, Contact)>,
    pub members: HashMap<Puid, Vec<Member>>,
    /// Every user name that was reported, with its puid.
    pub names: Vec<(String, Puid)>,
}

impl Changes {
    /// Notes that a contact has become `after`.
    fn record(&mut self, before: Option<Contact>, after: Contact) {
        match self.contacts.entry(after.puid.clone()) {
            Entry::Occupied(mut changed) => changed.get_mut().1 = after,
            Entry::Vacant(new) => drop(new.insert((before, after))),
        }
    }

    fn depart(&mut self, contact: &mut Contact, at: Timestamp) {
        let before = contact.clone();
        (contact.present, contact.update_time) = (false, at);
        self.record(Some(before), contact.clone());
    }
}

/// How much a card reports.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Everything: a field that is missing is empty.
    Full,
    /// A part: a field that is missing is unchanged.
    Partial,
}

impl Book {
    /// The book as the ledger holds it. Changes get the time `at`.
    pub(in crate::session) fn new(contacts: Vec<Contact>, members: Vec<(Puid, Vec<Member>)>, at: Timestamp) -> Self {
        Self::of(contacts, members, at, |_| {})
    }

    /// The book of the account `owner`, whose user name is `user_name` in this login. The account is recognised by its
    /// puid, whatever else has changed.
    pub(super) fn owned(
        contacts: Vec<Contact>,
        members: Vec<(Puid, Vec<Member>)>,
        at: Timestamp,
        owner: &Puid,
        user_name: &str,
    ) -> Self {
        Self::of(contacts, members, at, |known| {
            let own = known.iter_mut().find(|known| known.contact.puid == *owner);
            if let Some(own) = own {
                user_name.clone_into(&mut own.contact.user_name);
            } else {
                let card = Card::bare(user_name, ContactKind::Myself);
                known.push(Known { contact: Contact::of(&card, owner.clone(), at), members: Vec::new() });
            }
        })
    }

    fn of(
        contacts: Vec<Contact>,
        members: Vec<(Puid, Vec<Member>)>,
        at: Timestamp,
        adjust: impl FnOnce(&mut Vec<Known>),
    ) -> Self {
        let contacts: HashMap<Puid, Contact> = contacts.into_iter().map(|c| (c.puid.clone(), c)).collect();
        let members: HashMap<Puid, Vec<Member>> = members.into_iter().collect();
        let mut strangers = HashMap::new();
        for member in members.values().flatten().filter(|member| !contacts.contains_key(&member.contact.puid)) {
            strangers.entry(member.contact.puid.clone()).or_insert_with(|| member.contact.clone());
        }
        let people_of = |puid: &Puid| members.get(puid).into_iter().flatten().map(|m| m.contact.puid.clone()).collect();
        let known = contacts.values().chain(strangers.values());
        let mut known: Vec<Known> =
            known.map(|contact| Known { contact: contact.clone(), members: people_of(&contact.puid) }).collect();
        adjust(&mut known);
        let matcher = Matcher::new(known);
        Self { matcher, contacts, members, strangers, seen: HashSet::new(), at, changes: Changes::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.contacts.is_empty()
    }

    /// Every contact with a row of its own.
    pub(super) fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values()
    }

    /// Every puid in use.
    pub(super) fn puids(&self) -> impl Iterator<Item = &Puid> {
        self.matcher.taken()
    }

    /// What departed contacts can be recognised by.
    pub(super) fn departed(&self) -> DepartedKeys {
        let departed = self.contacts.values().filter(|contact| !contact.present);
        let is_gone = |group: &&Puid| self.contacts.get(group).is_none_or(|group| !group.present);
        let mut keys = DepartedKeys::default();
        keys.extend(departed, self.members.iter().filter(|(group, _)| is_gone(group)).map(|(_, members)| &members[..]));
        keys
    }

    /// Every user name of this login that the rows tell, with its puid.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &Puid)> {
        let present = || self.contacts.values().filter(|contact| contact.present);
        let members = present().filter_map(|group| self.members.get(&group.puid)).flatten();
        let contacts = members.map(|member| &member.contact).chain(present());
        contacts.map(|contact| (contact.user_name.as_str(), &contact.puid))
    }

    /// Assigns a puid that is known from elsewhere.
    pub(super) fn assign(&mut self, user_name: &str, puid: Puid) {
        self.matcher.assign_puid(user_name, puid);
    }

    /// The puid of a user name of this login.
    pub(in crate::session) fn puid(&self, user_name: &str) -> Option<&Puid> {
        self.matcher.get(user_name)
    }

    /// Assigns the present contacts to their user names: the rows are of this login, so no new card can match them.
    pub(super) fn keep_present(&mut self) {
        let contacts = self.contacts.values().filter(|contact| contact.present);
        let groups = contacts.clone().filter_map(|contact| self.members.get(&contact.puid));
        let all = contacts.chain(groups.flatten().map(|member| &member.contact));
        let cards: Vec<Card> = all.map(|contact| Card::bare(contact.user_name.as_str(), contact.kind)).collect();
        self.matcher.assign(&cards.iter().collect::<Vec<_>>());
    }

    /// People and official accounts from the contact list.
    pub(in crate::session) fn full(&mut self, cards: &[Card]) {
        self.people(cards, Extent::Full);
    }

    /// People and official accounts whose cards may lack fields.
    pub(super) fn partial(&mut self, cards: &[Card]) {
        self.people(cards, Extent::Partial);
    }

    fn people(&mut self, cards: &[Card], extent: Extent) {
        self.matcher.assign(&cards.iter().collect::<Vec<_>>());
        for card in cards {
            self.record(card, extent);
        }
    }

    /// Groups, after the people: their members are matched first, then the groups by their members. A group without
    /// members keeps those it had.
    pub(super) fn groups(&mut self, groups: &[Card]) {
        self.matcher.assign(&groups.iter().flat_map(|group| &group.members).collect::<Vec<_>>());
        self.matcher.assign(&groups.iter().collect::<Vec<_>>());
        for group in groups {
            let Some(puid) = self.record(group, Extent::Partial) else { continue };
            if group.members.is_empty() {
                continue;
            }
            let members: Vec<Member> = group.members.iter().filter_map(|card| self.member(card)).collect();
            if self.members.get(&puid) != Some(&members) {
                self.changes.members.insert(puid.clone(), members.clone());
                self.members.insert(puid, members);
            }
        }
    }

    /// A contact that the channel reports as deleted.
    pub(super) fn remove(&mut self, user_name: &str) {
        if let Some(contact) = self.matcher.get(user_name).and_then(|puid| self.contacts.get_mut(puid))
            && contact.present
        {
            self.changes.depart(contact, self.at);
        }
    }

    /// After a full listing: contacts of the kinds that `is_listed` names, and that it did not contain, are no longer
    /// present. The account itself always is.
    pub(super) fn remove_unseen(&mut self, is_listed: impl Fn(ContactKind) -> bool) {
        let is_listed =
            |contact: &&mut Contact| contact.present && contact.kind != ContactKind::Myself && is_listed(contact.kind);
        for contact in self.contacts.values_mut().filter(is_listed) {
            if !self.seen.contains(&contact.puid) {
                self.changes.depart(contact, self.at);
            }
        }
    }

    /// Counts a contact as contained in the listing.
    pub(super) fn mark_seen(&mut self, user_name: &str) {
        if let Some(puid) = self.matcher.get(user_name) {
            self.seen.insert(puid.clone());
        }
    }

    /// What has changed since the last call.
    pub(super) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    fn record(&mut self, card: &Card, extent: Extent) -> Option<Puid> {
        let puid = self.matcher.get(&card.user_name)?.clone();
        let before = self.contacts.get(&puid).or_else(|| self.strangers.get(&puid));
        let contact = updated(before, card, &puid, extent, self.at);
        self.seen.insert(puid.clone());
        self.changes.names.push((card.user_name.clone(), puid.clone()));
        if self.contacts.get(&puid) != Some(&contact) {
            let before = self.contacts.insert(puid.clone(), contact.clone());
            self.changes.record(before, contact);
        }
        Some(puid)
    }

    /// A member. The contact of the same person has more fields than the group's card, and is preferred.
    fn member(&mut self, card: &Card) -> Option<Member> {
        let puid = self.matcher.get(&card.user_name)?.clone();
        let display_name = card.display_name.clone();
        if let Some(contact) = self.contacts.get(&puid).filter(|c| c.present && c.user_name == card.user_name) {
            return Some(Member { contact: contact.clone(), display_name });
        }
        let before = self.strangers.get(&puid).or_else(|| self.contacts.get(&puid));
        let contact = match before {
            // A friend whose own row was not read. The group's row has a copy of it, and the group's card less.
            Some(copy) if copy.kind != ContactKind::Stranger && copy.present && copy.user_name == card.user_name => {
                copy.clone()
            }
            _ => updated(before, card, &puid, Extent::Partial, self.at),
        };
        self.changes.names.push((card.user_name.clone(), puid.clone()));
        self.strangers.insert(puid, contact.clone());
        Some(Member { contact, display_name })
    }
}

/// A contact after a card was reported. A new user name alone does not change `update_time`.
fn updated(before: Option<&Contact>, card: &Card, puid: &Puid, extent: Extent, at: Timestamp) -> Contact {
    let mut contact = Contact::of(card, puid.clone(), at);
    contact.member_count = contact.member_count.max(u32::try_from(card.members.len()).unwrap_or(u32::MAX));
    let Some(before) = before else { return contact };
    contact.insert_time = before.insert_time;
    // WeChat reports these only sometimes. They are kept, since they identify a person.
    contact.account = contact.account.or_else(|| before.account.clone());
    contact.alias = contact.alias.or_else(|| before.alias.clone());
    contact.picture_seq = contact.picture_seq.or(before.picture_seq);
    if extent == Extent::Partial {
        if contact.nick_name.is_empty() {
            contact.nick_name.clone_from(&before.nick_name);
        }
        if contact.member_count == 0 {
            contact.member_count = before.member_count;
        }
        contact.remark_name = contact.remark_name.or_else(|| before.remark_name.clone());
        contact.signature = contact.signature.or_else(|| before.signature.clone());
        contact.sex = contact.sex.or(before.sex);
        contact.province = contact.province.or_else(|| before.province.clone());
        contact.city = contact.city.or_else(|| before.city.clone());
        contact.owner = contact.owner.or_else(|| before.owner.clone());
    }
    contact.update_time = before.update_time;
    contact.update_time = if equal_except_user_name(&contact, before) { before.update_time } else { at };
    contact
}

fn equal_except_user_name(one: &Contact, other: &Contact) -> bool {
    Contact { user_name: other.user_name.clone(), ..one.clone() } == *other
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
