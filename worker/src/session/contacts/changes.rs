//! Contact changes that come with a batch of messages.

use channel::{Connection, Error};
use domain::contact::{Card, Peer};
use store::Names;

use super::{
    book::{Book, Changes},
    read_book,
};
use crate::session::{Context, Halt, ledger::Ledger};

/// How often the channel is asked about an unknown peer while its message waits.
const ATTEMPTS: u32 = 3;

/// What a batch tells about contacts.
#[derive(Default)]
pub(super) struct ContactChanges {
    /// Peers of messages that the name table does not have.
    pub unknown: Vec<Peer>,
    /// Peers that the channel has to describe.
    pub undescribed: Vec<Peer>,
    /// People that have changed.
    pub people: Vec<Card>,
    /// Groups that have changed; they are described as well.
    pub groups: Vec<Card>,
    pub deleted: Vec<Peer>,
}

impl ContactChanges {
    pub(super) fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.undescribed.is_empty() && self.people.is_empty() && self.deleted.is_empty()
    }
}

/// Writes changes to the contact book, and gives every new peer a puid. `names` grows with it.
pub(super) async fn apply(
    context: &Context,
    connection: &mut dyn Connection,
    changes: ContactChanges,
    names: &mut Names,
) -> Result<(), Halt> {
    let _permit = context.worker.books.acquire().await;
    let ledger = &context.ledger;
    let described = describe(ledger, connection, &changes.undescribed).await?;
    let (contacts, members) = read_book(ledger).await?;
    let mut book = Book::new(contacts, members, ledger.now());
    book.keep_present();
    let (mut groups, mut people): (Vec<Card>, Vec<Card>) =
        described.into_iter().partition(|card| card.peer().is_group());
    let is_described = |card: &Card| groups.iter().any(|group| group.user_name == card.user_name);
    let rest: Vec<Card> = changes.groups.into_iter().filter(|card| !is_described(card)).collect();
    groups.extend(rest);
    people.extend(changes.people);
    book.partial(&people);
    book.groups(&groups);
    for peer in changes.unknown.iter().chain(&changes.undescribed) {
        // The channel does not describe it: its messages are kept under a puid made from its id.
        if book.puid(&peer.id).is_none() {
            book.partial(&[Card::bare(peer.id.as_str(), peer.kind)]);
        }
    }
    for peer in &changes.deleted {
        book.remove(&peer.id);
    }
    write(ledger, book.take_changes(), names).await
}

async fn write(ledger: &Ledger, changes: Changes, names: &mut Names) -> Result<(), Halt> {
    let mut grown = false;
    for (name, puid) in &changes.names {
        if names.get(name).as_ref() != Some(puid) {
            names.insert(name, puid);
            grown = true;
        }
    }
    let (contacts, members): (Vec<_>, Vec<_>) =
        (changes.contacts.into_values().collect(), changes.members.into_iter().collect());
    if !contacts.is_empty() {
        ledger.ask(|store, app| store.put_contacts(app, &contacts)).await?;
    }
    if !members.is_empty() {
        ledger.ask(|store, app| store.put_members(app, &members)).await?;
    }
    if grown {
        let names = &*names;
        ledger.ask(move |store, app| store.put_names(app, names)).await?;
    }
    if !contacts.is_empty() || !members.is_empty() {
        ledger.ask(store::Store::bump_book_version).await?;
    }
    Ok(())
}

/// The channel's cards of peers; none where it does not answer. A message waits for it, so there are few attempts.
async fn describe(ledger: &Ledger, connection: &mut dyn Connection, peers: &[Peer]) -> Result<Vec<Card>, Halt> {
    if peers.is_empty() {
        return Ok(Vec::new());
    }
    let mut backoff = ledger.backoff();
    loop {
        match connection.describe(peers).await {
            Ok(cards) => return Ok(cards),
            Err(Error::Transient { .. }) if backoff.failures() + 1 < ATTEMPTS => {
                ledger.pause(ledger.next_pause(&mut backoff)).await?;
            }
            Err(error) => {
                tracing::warn!(%error, contacts.count = peers.len(), "unknown contacts not described");
                return Ok(Vec::new());
            }
        }
    }
}
