//! The contact book while it is being changed: what the ledger has, what WeChat tells, and what must be written
//! because of it. Nothing here waits for anything.

use std::collections::{HashMap, HashSet};

use domain::{
    contact::{Card, Contact, ContactKind, Member},
    matching::{Known, Matcher},
    puid::Puid,
};
use jiff::Timestamp;

/// A contact book in memory: some 400 bytes a contact, so it is dropped as soon as it is written.
pub(super) struct Book {
    matcher: Matcher,
    /// Rows as they are, or will be once the changes are written.
    contacts: HashMap<Puid, Contact>,
    members: HashMap<Puid, Vec<Member>>,
    /// Members who have no row of their own.
    strangers: HashMap<Puid, Contact>,
    /// Whom WeChat has told of.
    told: HashSet<Puid>,
    at: Timestamp,
    changes: Changes,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub contacts: HashMap<Puid, Contact>,
    pub members: HashMap<Puid, Vec<Member>>,
    /// Whose the user names are that were told.
    pub names: Vec<(String, Puid)>,
}

/// How much a card tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// What it does not have, the contact does not have.
    All,
    /// What it does not have is as before.
    Part,
}

impl Book {
    /// The book as the ledger has it; what changes in it changes at `at`.
    pub fn new(contacts: Vec<Contact>, members: Vec<(Puid, Vec<Member>)>, at: Timestamp) -> Self {
        Self::of(contacts, members, at, |_| {})
    }

    /// The book of the account `owner`, whose user name is `user_name` in this login: whatever else may have changed,
    /// the account is itself.
    pub fn owned(
        contacts: Vec<Contact>,
        members: Vec<(Puid, Vec<Member>)>,
        at: Timestamp,
        owner: &Puid,
        user_name: &str,
    ) -> Self {
        Self::of(contacts, members, at, |known| {
            let myself = known.iter_mut().find(|known| known.contact.puid == *owner);
            if let Some(myself) = myself {
                user_name.clone_into(&mut myself.contact.user_name);
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
        Self { matcher, contacts, members, strangers, told: HashSet::new(), at, changes: Changes::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.contacts.is_empty()
    }

    /// Who has the user name in this login, as far as was told.
    pub fn puid(&self, user_name: &str) -> Option<&Puid> {
        self.matcher.get(user_name)
    }

    /// Takes the rows for told: they are of this login, so nobody else can be one of them.
    pub fn keep_present(&mut self) {
        let contacts = self.contacts.values().filter(|contact| contact.present);
        let groups = contacts.clone().filter_map(|contact| self.members.get(&contact.puid));
        let all = contacts.chain(groups.flatten().map(|member| &member.contact));
        let cards: Vec<Card> = all.map(|contact| Card::bare(contact.user_name.as_str(), contact.kind)).collect();
        self.matcher.assign(&cards.iter().collect::<Vec<_>>());
    }

    /// People and official accounts from the contact list.
    pub fn full(&mut self, cards: &[Card]) {
        self.people(cards, Told::All);
    }

    /// People and official accounts of whom less may be told than before.
    pub fn part(&mut self, cards: &[Card]) {
        self.people(cards, Told::Part);
    }

    fn people(&mut self, cards: &[Card], told: Told) {
        self.matcher.assign(&cards.iter().collect::<Vec<_>>());
        for card in cards {
            self.record(card, told);
        }
    }

    /// Groups, after the people whom the account knows: their members are matched first, then the groups by them.
    /// A group without members keeps those it had.
    pub fn groups(&mut self, groups: &[Card]) {
        self.matcher.assign(&groups.iter().flat_map(|group| &group.members).collect::<Vec<_>>());
        self.matcher.assign(&groups.iter().collect::<Vec<_>>());
        for group in groups {
            let Some(puid) = self.record(group, Told::Part) else { continue };
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

    /// WeChat has told that a contact was deleted.
    pub fn gone(&mut self, user_name: &str) {
        if let Some(contact) = self.matcher.get(user_name).and_then(|puid| self.contacts.get_mut(puid))
            && contact.present
        {
            (contact.present, contact.update_time) = (false, self.at);
            self.changes.contacts.insert(contact.puid.clone(), contact.clone());
        }
    }

    /// A full listing is over: whom it did not have is gone.
    pub fn rest_is_gone(&mut self) {
        for contact in self.contacts.values_mut().filter(|contact| contact.present) {
            if !self.told.contains(&contact.puid) {
                (contact.present, contact.update_time) = (false, self.at);
                self.changes.contacts.insert(contact.puid.clone(), contact.clone());
            }
        }
    }

    /// What has changed since this was last asked.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    fn record(&mut self, card: &Card, told: Told) -> Option<Puid> {
        let puid = self.matcher.get(&card.user_name)?.clone();
        let before = self.contacts.get(&puid).or_else(|| self.strangers.get(&puid));
        let contact = renewed(before, card, &puid, told, self.at);
        self.told.insert(puid.clone());
        self.changes.names.push((card.user_name.clone(), puid.clone()));
        if self.contacts.get(&puid) != Some(&contact) {
            self.changes.contacts.insert(puid.clone(), contact.clone());
            self.contacts.insert(puid.clone(), contact);
        }
        Some(puid)
    }

    /// A member is the contact that the account knows, where it knows them: a group tells names only.
    fn member(&mut self, card: &Card) -> Option<Member> {
        let puid = self.matcher.get(&card.user_name)?.clone();
        let display_name = card.display_name.clone();
        if let Some(contact) = self.contacts.get(&puid).filter(|c| c.present && c.user_name == card.user_name) {
            return Some(Member { contact: contact.clone(), display_name });
        }
        let before = self.strangers.get(&puid).or_else(|| self.contacts.get(&puid));
        let contact = renewed(before, card, &puid, Told::Part, self.at);
        self.changes.names.push((card.user_name.clone(), puid.clone()));
        self.strangers.insert(puid, contact.clone());
        Some(Member { contact, display_name })
    }
}

/// A contact after a card was told. A new user name alone is no change that anybody would call one.
fn renewed(before: Option<&Contact>, card: &Card, puid: &Puid, told: Told, at: Timestamp) -> Contact {
    let mut contact = Contact::of(card, puid.clone(), at);
    contact.member_count = contact.member_count.max(u32::try_from(card.members.len()).unwrap_or(u32::MAX));
    let Some(before) = before else { return contact };
    contact.insert_time = before.insert_time;
    // WeChat tells these now and then only; what recognises a person is not forgotten.
    contact.uin = contact.uin.or(before.uin);
    contact.alias = contact.alias.or_else(|| before.alias.clone());
    contact.picture_seq = contact.picture_seq.or(before.picture_seq);
    if told == Told::Part {
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
    contact.update_time = if same_but_for_the_name(&contact, before) { before.update_time } else { at };
    contact
}

fn same_but_for_the_name(one: &Contact, other: &Contact) -> bool {
    Contact { user_name: other.user_name.clone(), ..one.clone() } == *other
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
