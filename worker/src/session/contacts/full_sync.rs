//! Contact sync: reads all contacts after a login, or again during it.

use std::collections::HashSet;

use channel::{Connection, Error};
use domain::{
    contact::{Card, ContactKind},
    puid::Puid,
    session::Progress,
};
use futures_util::future::try_join;
use store::Names;
use tokio::task::JoinSet;

use super::{
    book::{Book, Changes},
    gather::{Gathered, LoginSnapshot, gather},
    read_book,
    write::{Derived, all_names, complete, current},
};
use crate::session::{Context, Halt, ledger::Ledger};

/// The book as it grows during the sync of a login.
struct Sync<'a> {
    ledger: &'a Ledger,
    book: Book,
    names: Names,
    /// Writes in progress.
    writes: JoinSet<Result<(), Halt>>,
}

/// Reads all contacts from the channel after a login and writes what has changed: the number of contacts. Every user name
/// may be new.
pub(in crate::session) async fn full_sync(
    context: &Context,
    connection: &mut dyn Connection,
    owner: &Puid,
    snapshot: &LoginSnapshot,
) -> Result<Result<u32, Error>, Halt> {
    let _permit = context.worker.books.acquire().await;
    let ledger = &context.ledger;
    let ((contacts, members), head) = try_join(read_book(ledger), ledger.ask(store::Store::book)).await?;
    ledger.ask(|store, app| store.begin_book(app, &head)).await?;
    let book = Book::owned(contacts, members, ledger.now(), owner, &snapshot.user_name);
    // With an empty book there is nothing to match, and each page can be written at once.
    let is_first = book.is_empty();
    let mut sync = Sync { ledger, book, names: Names::of_new_login(), writes: JoinSet::new() };
    let mut page = |people: &[Card]| {
        if is_first {
            sync.book.full(people);
            sync.start_writing();
        }
    };
    let gathered = match gather(&*context.channel, connection, snapshot, &mut page).await {
        Ok(gathered) => gathered,
        Err(error) => return Ok(Err(error)),
    };
    let total = gathered.count();
    ledger.change_session(|row| row.contacts = Progress { done: 0, total }).await?;
    if !is_first {
        sync.book.full(&gathered.people);
    }
    sync.book.groups(&gathered.groups);
    sync.book.remove_unseen(|_| true);
    sync.finish(&head).await?;
    Ok(Ok(total))
}

impl Sync<'_> {
    /// Starts to write what has changed in the book.
    fn start_writing(&mut self) {
        let Changes { contacts, members, names } = self.book.take_changes();
        for (name, puid) in &names {
            self.names.insert(name, puid);
        }
        let contacts: Vec<_> = contacts.into_values().map(|(_, after)| after).collect();
        let members: Vec<_> = members.into_iter().collect();
        if !contacts.is_empty() {
            let ledger = self.ledger.clone();
            let write = async move { ledger.ask(|store, app| store.put_contacts(app, &contacts)).await };
            self.writes.spawn(write);
        }
        if !members.is_empty() {
            let ledger = self.ledger.clone();
            let write = async move { ledger.ask(|store, app| store.put_members(app, &members)).await };
            self.writes.spawn(write);
        }
    }

    /// Writes what is left, and what is derived from it.
    async fn finish(mut self, head: &store::Book) -> Result<(), Halt> {
        self.start_writing();
        let derived = Derived::of(&self.book, head.lists.clone().unwrap_or_default(), self.names)?;
        while let Some(written) = self.writes.join_next().await {
            written.unwrap_or(Ok(()))?;
        }
        complete(self.ledger, head, &[], &[], &derived).await.map(drop)
    }
}

/// Writes what has changed since the last sync of the same login: the number of contacts. Contacts that have changed while
/// `gathered` was read, `newer`, stay as they are.
pub(in crate::session) async fn update(
    context: &Context,
    mut gathered: Gathered,
    newer: &HashSet<String>,
) -> Result<u32, Halt> {
    let _permit = context.worker.books.acquire().await;
    let ledger = &context.ledger;
    let (head, _) = current(ledger).await?;
    let ((contacts, members), mut names) = try_join(read_book(ledger), all_names(ledger)).await?;
    let mut book = Book::new(contacts, members, ledger.now());
    book.keep_present();
    gathered.people.retain(|card| !newer.contains(&card.user_name));
    gathered.groups.retain(|card| !newer.contains(&card.user_name));
    book.full(&gathered.people);
    book.groups(&gathered.groups);
    for user_name in newer {
        book.mark_seen(user_name);
    }
    // Strangers are in no listing.
    book.remove_unseen(|kind| kind != ContactKind::Stranger);
    let Changes { contacts, members, names: reported } = book.take_changes();
    for (name, puid) in &reported {
        if names.get(name).as_ref() != Some(puid) {
            names.insert(name, puid);
        }
    }
    if contacts.is_empty() && members.is_empty() && !names.is_changed() {
        return Ok(gathered.count());
    }
    let contacts: Vec<_> = contacts.into_values().map(|(_, after)| after).collect();
    let members: Vec<_> = members.into_iter().collect();
    let derived = Derived::of(&book, head.lists.clone().unwrap_or_default(), names)?;
    ledger.ask(|store, app| store.begin_book(app, &head)).await?;
    complete(ledger, &head, &contacts, &members, &derived).await?;
    Ok(gathered.count())
}
