//! Reading the contacts: all of them after a login, single ones when a message tells of them.

use std::sync::Arc;

use domain::{
    contact::{Card, Contact, ContactKind, Member},
    puid::Puid,
    session::{Progress, Session},
};
use futures_util::future::join;
use store::Names;
use tokio::{sync::mpsc, task::JoinSet};
use wechat::{Channel, Error};

use super::{
    Halt, Phase, Task,
    book::{Book, Changes},
    names::kind_by_name,
    online::{KeptKeys, Online, bytes_of},
};
use crate::backoff::Backoff;

/// How often the contacts are read before a session goes on without.
const ATTEMPTS: u32 = 5;
/// How often WeChat is asked about somebody unknown, while their message waits.
const ASKED: u32 = 3;
/// Pages read ahead.
const AHEAD: usize = 2;

/// What the beginning of a login has told already.
#[derive(Default)]
pub(super) struct Found {
    /// The account's own user name in this login.
    pub user_name: String,
    /// The account itself, where it is told anew.
    pub user: Option<Card>,
    pub recent: Vec<Card>,
    pub mentioned: Vec<String>,
}

/// What a batch tells of contacts.
#[derive(Default)]
pub(super) struct News {
    /// User names that messages bear and that nobody is known to have.
    pub unknown: Vec<String>,
    /// Whom WeChat is asked about.
    pub ask: Vec<String>,
    /// People who have changed.
    pub changed: Vec<Card>,
    /// Groups that have changed; they are asked about as well.
    pub groups: Vec<Card>,
    pub deleted: Vec<String>,
}

impl News {
    pub fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.ask.is_empty() && self.changed.is_empty() && self.deleted.is_empty()
    }
}

/// The book as it grows, and the writes that are under way meanwhile.
struct Reading {
    book: Book,
    /// Nobody was known before, so nobody has to be recognised and every page can be written as it comes.
    fresh: bool,
    people: Vec<Card>,
    groups: Vec<Card>,
    names: Names,
    writes: JoinSet<()>,
}

impl<C: Channel> Task<C> {
    /// Reads all contacts, and then goes online. Messages wait for it: without the book their senders would be taken
    /// for strangers.
    pub(super) async fn read_book(&mut self, mut online: Box<Online<C>>, found: Found) -> Result<Phase<C>, Halt> {
        let mut backoff = Backoff::new(self.shared.config.retry);
        loop {
            let mut stopping = self.stopping.clone();
            // Reading may be given up anywhere: it is begun anew then.
            let read = tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return Err(Halt::Stopped),
                read = Box::pin(self.read_all(&mut online, &found)) => read?,
            };
            let error = match read {
                Ok(()) => return Ok(Phase::Online(online)),
                Err(Error::LoggedOut { code }) => return self.ended(&online, code).await,
                Err(error) => error,
            };
            let pause = backoff.failed(self.shared.jitter());
            if backoff.failures() >= ATTEMPTS {
                tracing::error!(%error, "the contacts cannot be read; going on without");
                self.tell(&mut online, &format!("the contacts could not be read: {error}")).await?;
                return Ok(Phase::Online(online));
            }
            tracing::warn!(%error, "the contacts were not read; trying again");
            self.rest(if let Error::RateLimited { after } = error { after } else { pause }).await?;
        }
    }

    async fn ledger_book(&self) -> Result<(Vec<Contact>, Vec<(Puid, Vec<Member>)>), Halt> {
        let store = &self.shared.relay.store;
        let (contacts, members) =
            join(self.ledger(|| store.contacts(&self.app)), self.ledger(|| store.all_members(&self.app))).await;
        Ok((contacts?, members?))
    }

    async fn read_all(&self, online: &mut Online<C>, found: &Found) -> Result<Result<(), Error>, Halt> {
        let _room = self.shared.books.acquire().await;
        let (contacts, members) = self.ledger_book().await?;
        let now = self.shared.relay.now();
        let book = Book::owned(contacts, members, now, &online.owner, &found.user_name);
        let mut reading = Reading {
            fresh: book.is_empty(),
            book,
            people: Vec::new(),
            groups: Vec::new(),
            names: Names::default(),
            writes: JoinSet::new(),
        };
        let (sender, mut pages) = mpsc::channel(AHEAD);
        let keys = online.keys.clone();
        let (listed, read) = join(self.list(keys, sender), self.gather(online, found, &mut pages, &mut reading)).await;
        if let Err(error) = listed.and(read) {
            return Ok(Err(error));
        }
        let total = u32::try_from(reading.people.len() + reading.groups.len()).unwrap_or(u32::MAX);
        self.change(|session| session.contacts = Progress { done: 0, total }).await?;
        self.write_book(reading).await?;
        let keys = Session::seal_credentials(&self.app, &bytes_of::<C>(&online.keys), &self.shared.relay.sealer);
        self.change(|session| {
            session.contacts = Progress { done: total, total };
            session.last_sync = Some(now);
            session.credentials = Some(keys);
        })
        .await?;
        online.kept = KeptKeys::of::<C>(&online.keys);
        tracing::info!(contacts.total = total, "the contacts are read");
        Ok(Ok(()))
    }

    /// Reads the contact list, page by page.
    async fn list(&self, mut keys: C::Session, pages: mpsc::Sender<Vec<Card>>) -> Result<(), Error> {
        let mut from = 0;
        loop {
            let page = self.shared.channel.contacts(&mut keys, from).await?;
            if pages.send(page.cards).await.is_err() {
                // Whoever gathers them has failed, and says so.
                return Ok(());
            }
            match page.next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    }

    /// Takes the pages as they come, and asks about groups while the next page is on its way.
    async fn gather(
        &self,
        online: &mut Online<C>,
        found: &Found,
        pages: &mut mpsc::Receiver<Vec<Card>>,
        reading: &mut Reading,
    ) -> Result<(), Error> {
        let mut seen = std::collections::HashSet::new();
        let mut bare = Vec::new();
        let mut ask = found.mentioned.clone();
        self.sort(reading, &mut seen, &mut bare, found.user.clone());
        let recent_groups = found.recent.iter().filter(|card| card.kind == ContactKind::Group);
        self.sort(reading, &mut seen, &mut bare, recent_groups.cloned());
        let mut open = true;
        loop {
            ask.extend(bare.iter().map(|group: &Card| group.user_name.clone()));
            reading.groups.append(&mut bare);
            if !open && ask.is_empty() {
                break;
            }
            let asked = std::mem::take(&mut ask);
            let describe = async {
                if asked.is_empty() {
                    Ok(Vec::new())
                } else {
                    self.shared.channel.describe(&mut online.keys, &asked).await
                }
            };
            let (page, described) = join(pages.recv(), describe).await;
            for card in described? {
                // What a group is called when listed counts for little beside what it says of itself.
                reading.groups.retain(|group| group.user_name != card.user_name);
                seen.insert(card.user_name.clone());
                reading.groups.push(card);
            }
            match page {
                Some(cards) => self.sort(reading, &mut seen, &mut bare, cards),
                None => open = false,
            }
        }
        // Recent chats with people who are in no list: official accounts, strangers.
        self.sort(reading, &mut seen, &mut bare, found.recent.iter().cloned());
        Ok(())
    }

    /// Puts cards that are new where they belong.
    fn sort(
        &self,
        reading: &mut Reading,
        seen: &mut std::collections::HashSet<String>,
        groups: &mut Vec<Card>,
        cards: impl IntoIterator<Item = Card>,
    ) {
        let mut people = Vec::new();
        for card in cards.into_iter().filter(|card| seen.insert(card.user_name.clone())) {
            if card.kind == ContactKind::Group { groups.push(card) } else { people.push(card) }
        }
        if reading.fresh {
            reading.book.full(&people);
            self.write(reading);
        }
        reading.people.append(&mut people);
    }

    async fn write_book(&self, mut reading: Reading) -> Result<(), Halt> {
        if !reading.fresh {
            reading.book.full(&reading.people);
        }
        reading.book.groups(&reading.groups);
        reading.book.rest_is_gone();
        self.write(&mut reading);
        let store = &self.shared.relay.store;
        self.ledger(|| store.put_names(&self.app, &reading.names)).await?;
        while reading.writes.join_next().await.is_some() {}
        self.ledger(|| store.bump_book_version(&self.app)).await
    }

    /// Begins to write what has changed.
    fn write(&self, reading: &mut Reading) {
        let Changes { contacts, members, names } = reading.book.take_changes();
        for (name, puid) in &names {
            reading.names.insert(name, puid);
        }
        let (contacts, members): (Vec<_>, Vec<_>) = (contacts.into_values().collect(), members.into_iter().collect());
        if !contacts.is_empty() {
            let (shared, app) = (Arc::clone(&self.shared), self.app.clone());
            reading.writes.spawn(async move {
                shared.insist(|| shared.relay.store.put_contacts(&app, &contacts)).await;
            });
        }
        if !members.is_empty() {
            let (shared, app) = (Arc::clone(&self.shared), self.app.clone());
            reading.writes.spawn(async move {
                shared.insist(|| shared.relay.store.put_members(&app, &members)).await;
            });
        }
    }

    /// Writes what a batch tells of contacts, and gives every name in it a puid. `names` grows with it.
    pub(super) async fn learn(&self, online: &mut Online<C>, news: News, names: &mut Names) -> Result<(), Halt> {
        let _room = self.shared.books.acquire().await;
        let described = self.ask_about(online, &news.ask).await?;
        let (contacts, members) = self.ledger_book().await?;
        let mut book = Book::new(contacts, members, self.shared.relay.now());
        book.keep_present();
        let (mut groups, mut people): (Vec<Card>, Vec<Card>) =
            described.into_iter().partition(|card| card.kind == ContactKind::Group);
        let undescribed = news.groups.into_iter().filter(|told| groups.iter().all(|g| g.user_name != told.user_name));
        let undescribed: Vec<Card> = undescribed.collect();
        groups.extend(undescribed);
        people.extend(news.changed);
        book.part(&people);
        book.groups(&groups);
        for name in news.unknown.iter().chain(&news.ask) {
            // Nobody knows who it is; its messages are kept under a puid made from the name.
            if book.puid(name).is_none() {
                let card = Card::bare(name.as_str(), kind_by_name(name));
                book.part(std::slice::from_ref(&card));
            }
        }
        for name in &news.deleted {
            book.gone(name);
        }
        self.write_changes(book.take_changes(), names).await
    }

    async fn write_changes(&self, changes: Changes, names: &mut Names) -> Result<(), Halt> {
        let store = &self.shared.relay.store;
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
            self.ledger(|| store.put_contacts(&self.app, &contacts)).await?;
        }
        if !members.is_empty() {
            self.ledger(|| store.put_members(&self.app, &members)).await?;
        }
        if grown {
            self.ledger(|| store.put_names(&self.app, names)).await?;
        }
        if !contacts.is_empty() || !members.is_empty() {
            self.ledger(|| store.bump_book_version(&self.app)).await?;
        }
        Ok(())
    }

    /// What WeChat says about somebody; nothing where it does not say. The message that brought the name up waits for
    /// it, so WeChat is not asked for long.
    async fn ask_about(&self, online: &mut Online<C>, user_names: &[String]) -> Result<Vec<Card>, Halt> {
        if user_names.is_empty() {
            return Ok(Vec::new());
        }
        let mut backoff = Backoff::new(self.shared.config.retry);
        loop {
            match self.shared.channel.describe(&mut online.keys, user_names).await {
                Ok(cards) => return Ok(cards),
                Err(Error::Transient { .. }) if backoff.failures() + 1 < ASKED => {
                    self.rest(backoff.failed(self.shared.jitter())).await?;
                }
                Err(error) => {
                    tracing::warn!(%error, contacts.count = user_names.len(), "unknown contacts stay unknown for now");
                    return Ok(Vec::new());
                }
            }
        }
    }
}
