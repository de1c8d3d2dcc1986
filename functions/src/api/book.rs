//! Contact books as the API shows them, cached in the process. Authentication reads the book's version along with the
//! app, so a request with a cached book needs no further read.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{
    contact::{Contact, ContactKind},
    id::AppId,
    puid::Puid,
};
use tokio::sync::OnceCell;

use crate::{
    api::{
        error::ApiError,
        view::contact::{Group, OfficialAccount, Person},
    },
    times::Times,
};

/// Cached books.
const MAX_BOOKS: usize = 64;
/// Contacts in all cached books. A contact takes about 600 bytes.
const MAX_CONTACTS: usize = 100_000;

/// An app's contacts. Each list is in the order in which the contacts were first seen; the account itself is the first
/// of the friends.
#[derive(Debug, Default)]
pub struct Book {
    pub friends: Vec<Person>,
    pub groups: Vec<Group>,
    pub official_accounts: Vec<OfficialAccount>,
    /// The kind of every contact.
    kinds: HashMap<Puid, ContactKind>,
    /// Index into `friends`.
    friend_index: HashMap<Puid, usize>,
}

impl Book {
    fn of(mut contacts: Vec<Contact>, owner: Option<&Arc<str>>, times: Times<'_>) -> Self {
        contacts.retain(|contact| contact.present);
        contacts.sort_by(|a, b| {
            let order = |contact: &Contact| (contact.kind != ContactKind::Myself, contact.insert_time);
            order(a).cmp(&order(b)).then_with(|| a.puid.cmp(&b.puid))
        });
        let mut book = Self::default();
        for contact in &contacts {
            let owner = owner.cloned();
            match contact.kind {
                ContactKind::Myself | ContactKind::Friend => {
                    book.friend_index.insert(contact.puid.clone(), book.friends.len());
                    book.friends.push(Person::of(contact, true, owner, times));
                }
                ContactKind::Group => book.groups.push(Group::of(contact, owner, times)),
                ContactKind::OfficialAccount => {
                    book.official_accounts.push(OfficialAccount::of(contact, owner, times));
                }
                ContactKind::Stranger => {}
            }
            book.kinds.insert(contact.puid.clone(), contact.kind);
        }
        book
    }

    /// The contact's kind; `None` if it is unknown or gone.
    pub fn kind(&self, puid: &str) -> Option<ContactKind> {
        self.kinds.get(&Puid::new(puid)).copied()
    }

    pub fn friend(&self, puid: &Puid) -> Option<&Person> {
        self.friend_index.get(puid).map(|index| &self.friends[*index])
    }
}

/// What a book was built from. A book of another version is out of date.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    number: u64,
    owner: Option<Arc<str>>,
}

#[derive(Debug)]
struct Entry {
    version: Version,
    /// Filled by the first request; others wait for it.
    book: Arc<OnceCell<Arc<Book>>>,
    last_used: u64,
}

/// The books that were used most recently.
#[derive(Debug, Default)]
pub struct BookCache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    entries: HashMap<AppId, Entry>,
    uses: u64,
}

impl BookCache {
    /// The app's book of this version and owner; `read` reads the contacts if it is not cached.
    pub(crate) async fn get<Read>(
        &self,
        app: &AppId,
        version: u64,
        owner: Option<Arc<str>>,
        read: impl FnOnce() -> Read,
        times: Times<'_>,
    ) -> Result<Arc<Book>, ApiError>
    where
        Read: Future<Output = Result<Vec<Contact>, ApiError>>,
    {
        let cell = self.cell(app, Version { number: version, owner: owner.clone() });
        let build = async || Ok::<_, ApiError>(Arc::new(Book::of(read().await?, owner.as_ref(), times)));
        cell.get_or_try_init(build).await.cloned()
    }

    /// The cell with the app's book, empty if it is yet to be read.
    fn cell(&self, app: &AppId, version: Version) -> Arc<OnceCell<Arc<Book>>> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached.uses += 1;
        let last_used = cached.uses;
        if let Some(entry) = cached.entries.get_mut(app).filter(|entry| entry.version == version) {
            entry.last_used = last_used;
            return Arc::clone(&entry.book);
        }
        let book = Arc::new(OnceCell::new());
        cached.entries.insert(app.clone(), Entry { version, book: Arc::clone(&book), last_used });
        cached.evict(app);
        book
    }
}

impl Entries {
    /// Evicts the books that were used least recently, except `newest`, until the limits are met.
    fn evict(&mut self, newest: &AppId) {
        while self.entries.len() > MAX_BOOKS || self.contacts() > MAX_CONTACTS {
            let others = self.entries.iter().filter(|(app, _)| *app != newest);
            let Some(oldest) = others.min_by_key(|(_, entry)| entry.last_used).map(|(app, _)| app.clone()) else {
                break;
            };
            self.entries.remove(&oldest);
        }
    }

    fn contacts(&self) -> usize {
        self.entries.values().filter_map(|entry| entry.book.get()).map(|book| book.kinds.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> AppId {
        AppId::trusted(text)
    }

    #[test]
    fn a_book_is_cached_until_its_version_changes_or_it_is_evicted() {
        let books = BookCache::default();
        let version = |number| Version { number, owner: None };
        let first = books.cell(&id("first"), version(1));
        assert!(Arc::ptr_eq(&first, &books.cell(&id("first"), version(1))));
        assert!(!Arc::ptr_eq(&first, &books.cell(&id("first"), version(2))));

        let first = books.cell(&id("first"), version(2));
        for app in 1..MAX_BOOKS {
            books.cell(&id(&format!("app{app}")), version(1));
        }
        assert!(Arc::ptr_eq(&first, &books.cell(&id("first"), version(2))), "all fit, and it is the newest now");
        books.cell(&id("one more"), version(1));
        books.cell(&id("two more"), version(1));
        assert!(Arc::ptr_eq(&first, &books.cell(&id("first"), version(2))), "others were older");
        assert_eq!(books.0.lock().unwrap().entries.len(), MAX_BOOKS);
    }

    #[test]
    fn large_books_evict_earlier_ones() {
        let books = BookCache::default();
        let kinds = (0..MAX_CONTACTS).map(|n| (Puid::new(n.to_string()), ContactKind::Stranger)).collect();
        let large = Arc::new(Book { kinds, ..Book::default() });
        let version = Version { number: 1, owner: None };
        books.cell(&id("small"), version.clone()).set(Arc::new(Book::default())).unwrap();
        books.cell(&id("large"), version.clone()).set(Arc::clone(&large)).unwrap();
        books.cell(&id("large too"), version.clone()).set(large).unwrap();
        books.cell(&id("newest"), version).set(Arc::new(Book::default())).unwrap();
        let cached = books.0.lock().unwrap();
        let mut cached: Vec<_> = cached.entries.keys().map(AppId::as_str).collect();
        cached.sort_unstable();
        assert_eq!(cached, ["large too", "newest"]);
    }
}
