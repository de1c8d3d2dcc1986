//! Contact changes that come with a batch of messages.

use std::collections::HashSet;

use channel::{Connection, Error};
use domain::contact::{Card, Peer};
use store::Names;

use super::{
    book::Book,
    few::{Few, Reported, read_few},
    read_book,
    write::write_changes,
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

/// Writes changes to the contact book, whose state is `head`, and gives every new peer a puid: the user names of the
/// contacts that were reported. `names` is what was read of the name table.
pub(super) async fn apply(
    context: &Context,
    connection: &mut dyn Connection,
    head: &store::Book,
    changes: ContactChanges,
    mut names: Names,
) -> Result<HashSet<String>, Halt> {
    let ledger = &context.ledger;
    let described = describe(ledger, connection, &changes.undescribed).await?;
    let reported = reported(described, changes);
    if let Some(Few { mut book, new }) = read_few(ledger, &reported, &mut names).await? {
        change(&mut book, &reported);
        write_changes(ledger, head, book.take_changes(), names, &new).await?;
    } else {
        let _permit = context.worker.books.acquire().await;
        let (contacts, members) = read_book(ledger).await?;
        let mut book = Book::new(contacts, members, ledger.now());
        book.keep_present();
        change(&mut book, &reported);
        let changes = book.take_changes();
        let new = changes.names.clone();
        write_changes(ledger, head, changes, names, &new).await?;
    }
    Ok(reported.user_names().map(str::to_owned).collect())
}

/// What the channel has told and described.
fn reported(described: Vec<Card>, changes: ContactChanges) -> Reported {
    let (mut groups, mut people): (Vec<Card>, Vec<Card>) =
        described.into_iter().partition(|card| card.peer().is_group());
    let is_described = |card: &Card| groups.iter().any(|group| group.user_name == card.user_name);
    let rest: Vec<Card> = changes.groups.into_iter().filter(|card| !is_described(card)).collect();
    groups.extend(rest);
    people.extend(changes.people);
    // What the channel does not describe: its messages are kept under a puid made from its id.
    let members = groups.iter().flat_map(|group| &group.members);
    let told: HashSet<&str> = people.iter().chain(&groups).chain(members).map(|card| card.user_name.as_str()).collect();
    let peers = changes.unknown.iter().chain(&changes.undescribed).filter(|peer| !told.contains(peer.id.as_str()));
    let bare: Vec<Card> = peers.map(|peer| Card::bare(peer.id.as_str(), peer.kind)).collect();
    people.extend(bare);
    Reported { people, groups, deleted: changes.deleted }
}

fn change(book: &mut Book, reported: &Reported) {
    book.partial(&reported.people);
    book.groups(&reported.groups);
    for peer in &reported.deleted {
        book.remove(&peer.id);
    }
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
