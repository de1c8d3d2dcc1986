//! Contact books, as rows ready to be shown, kept in the process while they are current. A warm request costs the one
//! read that admits its caller: that also tells the book's version.

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

/// Apps whose books are kept at once.
const MAX_BOOKS: usize = 64;
/// Contacts that are kept at once, of all apps; a row takes about 600 bytes.
const MAX_CONTACTS: usize = 100_000;

/// An app's contacts. Every list is in the order in which its rows were first seen; the account itself comes first
/// among its friends.
#[derive(Debug, Default)]
pub struct Book {
    pub friends: Vec<Person>,
    pub groups: Vec<Group>,
    pub official_accounts: Vec<OfficialAccount>,
    /// What each contact is.
    kinds: HashMap<Puid, ContactKind>,
    /// Index into `friends`.
    friend_at: HashMap<Puid, usize>,
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
                    book.friend_at.insert(contact.puid.clone(), book.friends.len());
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

    /// What the contact is; `None` for one that is unknown or gone.
    pub fn kind(&self, puid: &str) -> Option<ContactKind> {
        self.kinds.get(&Puid::new(puid)).copied()
    }

    /// The friend's row.
    pub fn friend(&self, puid: &Puid) -> Option<&Person> {
        self.friend_at.get(puid).map(|at| &self.friends[*at])
    }
}

/// What a kept book was made of; any difference makes it an old one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Made {
    version: u64,
    owner: Option<Arc<str>>,
}

#[derive(Debug)]
struct Slot {
    made: Made,
    /// Filled by the first who asks; others wait for it.
    book: Arc<OnceCell<Arc<Book>>>,
    last_used: u64,
}

/// The books of the apps that called last.
#[derive(Debug, Default)]
pub struct Books(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    slots: HashMap<AppId, Slot>,
    uses: u64,
}

impl Books {
    /// The app's book of this version and owner, read by `read` unless it is kept.
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
        let cell = self.cell(app, Made { version, owner: owner.clone() });
        let make = async || Ok::<_, ApiError>(Arc::new(Book::of(read().await?, owner.as_ref(), times)));
        cell.get_or_try_init(make).await.cloned()
    }

    /// The cell that holds, or will hold, the app's book.
    fn cell(&self, app: &AppId, made: Made) -> Arc<OnceCell<Arc<Book>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let last_used = kept.uses;
        if let Some(slot) = kept.slots.get_mut(app).filter(|slot| slot.made == made) {
            slot.last_used = last_used;
            return Arc::clone(&slot.book);
        }
        let book = Arc::new(OnceCell::new());
        kept.slots.insert(app.clone(), Slot { made, book: Arc::clone(&book), last_used });
        kept.shrink(app);
        book
    }
}

impl Shelf {
    /// Lets go of the books that were used least recently, but never of `newest`, until the rest is within bounds.
    fn shrink(&mut self, newest: &AppId) {
        while self.slots.len() > MAX_BOOKS || self.contacts() > MAX_CONTACTS {
            let others = self.slots.iter().filter(|(app, _)| *app != newest);
            let Some(oldest) = others.min_by_key(|(_, slot)| slot.last_used).map(|(app, _)| app.clone()) else { break };
            self.slots.remove(&oldest);
        }
    }

    fn contacts(&self) -> usize {
        self.slots.values().filter_map(|slot| slot.book.get()).map(|book| book.kinds.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> AppId {
        AppId::trusted(text)
    }

    #[test]
    fn a_book_is_kept_until_its_version_changes_or_others_crowd_it_out() {
        let books = Books::default();
        let made = |version| Made { version, owner: None };
        let first = books.cell(&id("first"), made(1));
        assert!(Arc::ptr_eq(&first, &books.cell(&id("first"), made(1))));
        assert!(!Arc::ptr_eq(&first, &books.cell(&id("first"), made(2))));

        let first = books.cell(&id("first"), made(2));
        for app in 1..MAX_BOOKS {
            books.cell(&id(&format!("app{app}")), made(1));
        }
        assert!(Arc::ptr_eq(&first, &books.cell(&id("first"), made(2))), "all fit, and it is now the newest");
        books.cell(&id("one more"), made(1));
        books.cell(&id("two more"), made(1));
        assert!(Arc::ptr_eq(&first, &books.cell(&id("first"), made(2))), "others were older");
        assert_eq!(books.0.lock().unwrap().slots.len(), MAX_BOOKS);
    }

    #[test]
    fn large_books_crowd_out_earlier() {
        let books = Books::default();
        let kinds = (0..MAX_CONTACTS).map(|n| (Puid::new(n.to_string()), ContactKind::Stranger)).collect();
        let large = Arc::new(Book { kinds, ..Book::default() });
        let made = Made { version: 1, owner: None };
        books.cell(&id("small"), made.clone()).set(Arc::new(Book::default())).unwrap();
        books.cell(&id("large"), made.clone()).set(Arc::clone(&large)).unwrap();
        books.cell(&id("large too"), made.clone()).set(large).unwrap();
        books.cell(&id("newest"), made).set(Arc::new(Book::default())).unwrap();
        let shelf = books.0.lock().unwrap();
        let mut kept: Vec<_> = shelf.slots.keys().map(AppId::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["large too", "newest"]);
    }
}
