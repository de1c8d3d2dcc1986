//! Contact sync: reads all contacts after a login.

use std::collections::HashSet;

use channel::{Connection, Error};
use domain::{
    contact::{Card, Peer},
    puid::Puid,
    session::Progress,
};
use futures_util::future::join;
use store::Names;
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    book::{Book, Changes},
    read_book,
};
use crate::session::{Context, Halt, ledger::Ledger};

/// Pages of the contact list read ahead.
const PAGES_AHEAD: usize = 2;

/// What the beginning of a login has told about contacts.
#[derive(Default)]
pub(in crate::session) struct LoginSnapshot {
    /// The account's own user name in this login.
    pub user_name: String,
    /// The account's own card, if this is a new login.
    pub user: Option<Card>,
    pub recent: Vec<Card>,
    pub mentioned: Vec<Peer>,
}

/// The book as it grows during a sync.
struct Sync<'a> {
    ledger: &'a Ledger,
    book: Book,
    /// The book was empty, so there is nothing to match and each page can be written at once.
    is_first: bool,
    /// Every user name that a card was seen for.
    seen: HashSet<String>,
    people: Vec<Card>,
    groups: Vec<Card>,
    names: Names,
    /// Writes in progress.
    writes: JoinSet<Result<(), Halt>>,
}

/// Reads all contacts from the channel and writes what has changed: the number of contacts.
pub(in crate::session) async fn full_sync(
    context: &Context,
    connection: &mut dyn Connection,
    owner: &Puid,
    snapshot: &LoginSnapshot,
) -> Result<Result<u32, Error>, Halt> {
    let _permit = context.worker.books.acquire().await;
    let ledger = &context.ledger;
    let (contacts, members) = read_book(ledger).await?;
    let book = Book::owned(contacts, members, ledger.now(), owner, &snapshot.user_name);
    let mut sync = Sync {
        ledger,
        is_first: book.is_empty(),
        book,
        seen: HashSet::new(),
        people: Vec::new(),
        groups: Vec::new(),
        names: Names::default(),
        writes: JoinSet::new(),
    };
    let (pages, mut received) = mpsc::channel(PAGES_AHEAD);
    // A second connection lists, so that groups are described meanwhile.
    let mut second = match context.channel.connect(&connection.credentials()).await {
        Ok(second) => second,
        Err(error) => return Ok(Err(error)),
    };
    let (listed, gathered) = join(list(&mut *second, pages), sync.gather(connection, snapshot, &mut received)).await;
    if let Err(error) = listed.and(gathered) {
        return Ok(Err(error));
    }
    let total = u32::try_from(sync.people.len() + sync.groups.len()).unwrap_or(u32::MAX);
    ledger.change_session(|row| row.contacts = Progress { done: 0, total }).await?;
    sync.finish().await?;
    Ok(Ok(total))
}

/// Reads the contact list page by page.
async fn list(connection: &mut dyn Connection, pages: mpsc::Sender<Vec<Card>>) -> Result<(), Error> {
    let mut from = 0;
    loop {
        let page = connection.contacts(from).await?;
        if pages.send(page.cards).await.is_err() {
            // The receiver has failed, and reports why.
            return Ok(());
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

impl Sync<'_> {
    /// Takes the pages as they come, and has groups described while the next page is on its way.
    async fn gather(
        &mut self,
        connection: &mut dyn Connection,
        snapshot: &LoginSnapshot,
        pages: &mut mpsc::Receiver<Vec<Card>>,
    ) -> Result<(), Error> {
        let mut undescribed: Vec<Peer> = snapshot.mentioned.clone();
        let mut new_groups = self.partition_cards(snapshot.user.clone());
        let recent_groups = snapshot.recent.iter().filter(|card| card.peer().is_group());
        new_groups.extend(self.partition_cards(recent_groups.cloned()));
        let mut open = true;
        loop {
            undescribed.extend(new_groups.iter().map(Card::peer));
            self.groups.append(&mut new_groups);
            if !open && undescribed.is_empty() {
                break;
            }
            let peers = std::mem::take(&mut undescribed);
            let describe = async { if peers.is_empty() { Ok(Vec::new()) } else { connection.describe(&peers).await } };
            let (page, described) = join(pages.recv(), describe).await;
            for card in described? {
                // A described card replaces the listed one.
                self.groups.retain(|group| group.user_name != card.user_name);
                self.seen.insert(card.user_name.clone());
                self.groups.push(card);
            }
            match page {
                Some(cards) => new_groups = self.partition_cards(cards),
                None => open = false,
            }
        }
        // Recent chats with contacts that no list has: official accounts and strangers.
        let rest = self.partition_cards(snapshot.recent.iter().cloned());
        self.groups.extend(rest);
        Ok(())
    }

    /// Keeps the people among cards that are new, and returns the groups.
    fn partition_cards(&mut self, cards: impl IntoIterator<Item = Card>) -> Vec<Card> {
        let new = cards.into_iter().filter(|card| self.seen.insert(card.user_name.clone()));
        let (groups, mut people): (Vec<Card>, Vec<Card>) = new.partition(|card| card.peer().is_group());
        if self.is_first {
            self.book.full(&people);
            self.start_writing();
        }
        self.people.append(&mut people);
        groups
    }

    /// Matches what is left, and writes it.
    async fn finish(mut self) -> Result<(), Halt> {
        if !self.is_first {
            self.book.full(&self.people);
        }
        self.book.groups(&self.groups);
        self.book.remove_unseen();
        self.start_writing();
        let names = &self.names;
        self.ledger.ask(move |store, app| store.put_names(app, names)).await?;
        while let Some(written) = self.writes.join_next().await {
            written.unwrap_or(Ok(()))?;
        }
        self.ledger.ask(store::Store::bump_book_version).await
    }

    /// Starts to write what has changed in the book.
    fn start_writing(&mut self) {
        let Changes { contacts, members, names } = self.book.take_changes();
        for (name, puid) in &names {
            self.names.insert(name, puid);
        }
        let (contacts, members): (Vec<_>, Vec<_>) = (contacts.into_values().collect(), members.into_iter().collect());
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
}
