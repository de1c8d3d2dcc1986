//! Reads the part of the contact book that a change concerns.

use std::collections::{HashMap, HashSet};

use domain::{
    contact::{Card, Peer},
    matching::new_puids,
    puid::Puid,
};
use futures_util::future::try_join;
use store::Names;

use super::book::Book;
use crate::session::{Halt, ledger::Ledger};

/// What the channel has reported about contacts.
#[derive(Default)]
pub(super) struct Reported {
    /// Also peers that the channel did not describe, as bare cards.
    pub people: Vec<Card>,
    pub groups: Vec<Card>,
    pub deleted: Vec<Peer>,
}

impl Reported {
    fn cards(&self) -> impl Iterator<Item = &Card> {
        self.people.iter().chain(&self.groups)
    }

    /// The user names of contacts, without those of members.
    pub(super) fn user_names(&self) -> impl Iterator<Item = &str> {
        let deleted = self.deleted.iter().map(|peer| peer.id.as_str());
        self.cards().map(|card| card.user_name.as_str()).chain(deleted)
    }

    fn members(&self) -> impl Iterator<Item = &Card> {
        self.groups.iter().flat_map(|group| &group.members)
    }
}

/// The part of the book that a change concerns. Every user name of the change has its puid.
pub(super) struct Few {
    pub book: Book,
    /// The user names that are new in this login, with their puids.
    pub new: Vec<(String, Puid)>,
}

/// Reads what a change concerns: its contacts, and the members of its groups. A user name that is new in this login gets a
/// new puid, unless it may belong to a departed contact: then `None`, since only the whole book can tell. `names` grows by
/// what is read of it.
pub(super) async fn read_few(ledger: &Ledger, reported: &Reported, names: &mut Names) -> Result<Option<Few>, Halt> {
    read_names(ledger, names, reported.user_names()).await?;
    let puids = |cards: &[Card]| cards.iter().filter_map(|card| names.get(&card.user_name)).collect::<HashSet<Puid>>();
    let groups = puids(&reported.groups);
    let concerned: HashSet<Puid> = reported.user_names().filter_map(|name| names.get(name)).collect();
    let (members, mut contacts) = try_join(
        ledger.ask(|store, app| store.members_of(app, &groups)),
        ledger.ask(|store, app| store.contacts_of(app, &concerned)),
    )
    .await?;
    // A member's user name is in the group's row, unless the member has just joined.
    let in_rows: HashMap<String, Puid> = members
        .iter()
        .flat_map(|(_, members)| members)
        .map(|member| (member.contact.user_name.clone(), member.contact.puid.clone()))
        .collect();
    let joined: Vec<&str> = reported.members().map(|card| card.user_name.as_str()).collect();
    let joined: HashSet<&str> = joined.into_iter().filter(|name| !in_rows.contains_key(*name)).collect();
    read_names(ledger, names, joined.iter().copied()).await?;
    let unread: HashSet<Puid> =
        joined.iter().filter_map(|name| names.get(name)).filter(|puid| !contacts.contains_key(puid)).collect();
    contacts.extend(ledger.ask(|store, app| store.contacts_of(app, &unread)).await?);

    let known = |name: &str| in_rows.get(name).cloned().or_else(|| names.get(name));
    let is_new = |card: &&Card| known(&card.user_name).is_none();
    let new: Vec<&Card> = reported.cards().chain(reported.members()).filter(is_new).collect();
    if !new.is_empty() {
        let departed = ledger.ask(store::Store::departed).await?;
        let members = |card: &Card| card.members.iter().filter_map(|card| known(&card.user_name)).collect::<Vec<_>>();
        if new.iter().any(|card| departed.may_match(card, &members(card))) {
            return Ok(None);
        }
    }
    let mut book = Book::new(contacts.into_values().collect(), members, ledger.now());
    for name in reported.user_names().chain(reported.members().map(|card| card.user_name.as_str())) {
        if let Some(puid) = known(name) {
            book.assign(name, puid);
        }
    }
    let new: Vec<String> = new.iter().map(|card| card.user_name.clone()).collect();
    let new = new_names(ledger, &mut book, names, new).await?;
    Ok(Some(Few { book, new }))
}

async fn read_names<'a>(
    ledger: &Ledger,
    names: &mut Names,
    user_names: impl IntoIterator<Item = &'a str>,
) -> Result<(), Halt> {
    let unread = names.unread(user_names, []);
    names.extend(ledger.ask(|store, app| store.names(app, &unread)).await?);
    Ok(())
}

/// Gives each user name the first puid that nobody has or had.
async fn new_names(
    ledger: &Ledger,
    book: &mut Book,
    names: &mut Names,
    user_names: Vec<String>,
) -> Result<Vec<(String, Puid)>, Halt> {
    let candidates: Vec<Puid> = user_names.iter().filter_map(|name| new_puids(name).next()).collect();
    let unread = names.unread([], &candidates);
    names.extend(ledger.ask(|store, app| store.names(app, &unread)).await?);
    let mut new = Vec::with_capacity(user_names.len());
    for name in user_names {
        if book.puid(&name).is_some() {
            continue;
        }
        for puid in new_puids(&name) {
            let unread = names.unread([], [&puid]);
            names.extend(ledger.ask(|store, app| store.names(app, &unread)).await?);
            if !names.is_taken(&puid) {
                names.take(&puid);
                book.assign(&name, puid.clone());
                new.push((name, puid));
                break;
            }
        }
    }
    Ok(new)
}
