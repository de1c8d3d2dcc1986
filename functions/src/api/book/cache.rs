//! What is kept in memory of contact books.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{contact::Contact, id::AppId, puid::Puid};
use store::{Lists, Part};

use super::{Parts, Run, Whole, members::Members};

/// Cached books.
const MAX_BOOKS: usize = 64;
/// Contacts in all cached books. A contact takes about 600 bytes.
const MAX_CONTACTS: usize = 100_000;

/// The books that were used most recently.
#[derive(Debug, Default)]
pub struct BookCache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    entries: HashMap<AppId, Entry>,
    uses: u64,
}

#[derive(Debug, Default)]
struct Entry {
    book: Arc<CachedBook>,
    last_used: u64,
}

/// What is kept of a book.
#[derive(Debug, Default)]
pub(super) struct CachedBook {
    content: Mutex<Content>,
    /// Held while a request reads what is missing, so that others that miss it do not read it, too.
    loading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Content {
    parts: Parts,
    /// Of a book without lists, with its version.
    whole: Option<(u64, Whole)>,
    /// By group.
    members: HashMap<Puid, Arc<Members>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BookCache {
    pub(super) fn of(&self, app: &AppId) -> Arc<CachedBook> {
        let mut cached = lock(&self.0);
        cached.uses += 1;
        let last_used = cached.uses;
        let entry = cached.entries.entry(app.clone()).or_default();
        entry.last_used = last_used;
        Arc::clone(&entry.book)
    }

    /// Evicts the books that were used least recently, except that of `newest`, until the limits are met.
    pub(super) fn evict(&self, newest: &AppId) {
        let mut cached = lock(&self.0);
        while cached.entries.len() > MAX_BOOKS || cached.contacts() > MAX_CONTACTS {
            let others = cached.entries.iter().filter(|(app, _)| *app != newest);
            let Some(oldest) = others.min_by_key(|(_, entry)| entry.last_used).map(|(app, _)| app.clone()) else {
                break;
            };
            cached.entries.remove(&oldest);
        }
    }
}

impl Entries {
    fn contacts(&self) -> usize {
        self.entries.values().map(|entry| entry.book.contacts()).sum()
    }
}

impl CachedBook {
    pub(super) async fn loading(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.loading.lock().await
    }

    pub(super) fn has(&self, parts: &[&Part]) -> bool {
        let content = lock(&self.content);
        parts.iter().all(|part| content.parts.contains_key(part))
    }

    /// Those of two groups of parts that are not cached.
    pub(super) fn missing(&self, parts: &[Part], others: &[&Part]) -> Vec<Part> {
        let content = lock(&self.content);
        let all: HashSet<&Part> = parts.iter().chain(others.iter().copied()).collect();
        all.into_iter().filter(|part| !content.parts.contains_key(part)).cloned().collect()
    }

    /// The contacts of parts; `None` unless all are cached.
    pub(super) fn runs(&self, parts: &[&Part]) -> Option<Vec<Run>> {
        let content = lock(&self.content);
        parts.iter().map(|part| content.parts.get(part).cloned()).collect()
    }

    /// Keeps parts that were read, and drops those that `lists` no longer has.
    pub(super) fn keep(&self, lists: &Lists, read: HashMap<Part, Vec<Contact>>) {
        let mut content = lock(&self.content);
        let valid: HashSet<&Part> = lists.all_parts().collect();
        content.parts.retain(|part, _| valid.contains(part));
        content.parts.extend(read.into_iter().map(|(part, contacts)| (part, Arc::new(contacts))));
        content.whole = None;
    }

    pub(super) fn whole(&self, version: u64) -> Option<Whole> {
        let content = lock(&self.content);
        content.whole.as_ref().filter(|(cached, _)| *cached == version).map(|(_, whole)| Arc::clone(whole))
    }

    pub(super) fn keep_whole(&self, version: u64, whole: Whole) {
        let mut content = lock(&self.content);
        content.parts.clear();
        content.whole = Some((version, whole));
    }

    pub(super) fn members(&self, group: &Puid, version: u64) -> Option<Arc<Members>> {
        let content = lock(&self.content);
        content.members.get(group).filter(|members| members.version == version).cloned()
    }

    /// Keeps the members of a group, and drops those of other groups that are out of date.
    pub(super) fn keep_members(&self, group: Puid, members: Arc<Members>) {
        let mut content = lock(&self.content);
        content.members.retain(|_, other| other.version == members.version);
        content.members.insert(group, members);
    }

    fn contacts(&self) -> usize {
        let content = lock(&self.content);
        let parts: usize = content.parts.values().map(|run| run.len()).sum();
        let whole: usize = content.whole.iter().flat_map(|(_, whole)| whole.values()).map(|run| run.len()).sum();
        let members: usize = content.members.values().map(|members| members.contacts()).sum();
        parts + whole + members
    }
}

#[cfg(test)]
mod tests {
    use domain::contact::ContactKind;
    use store::List;
    use testing::contact;

    use super::*;

    fn id(text: &str) -> AppId {
        AppId::trusted(text)
    }

    fn apps(books: &BookCache) -> Vec<String> {
        let cached = lock(&books.0);
        let mut apps: Vec<_> = cached.entries.keys().map(ToString::to_string).collect();
        apps.sort_unstable();
        apps
    }

    #[test]
    fn a_book_is_cached_until_others_were_used_more_recently() {
        let books = BookCache::default();
        let first = books.of(&id("first"));
        for app in 1..MAX_BOOKS {
            books.of(&id(&format!("app{app}")));
        }
        assert!(Arc::ptr_eq(&first, &books.of(&id("first"))), "all fit, and it is the newest now");
        for app in ["one more", "two more"] {
            books.of(&id(app));
            books.evict(&id(app));
        }
        assert!(Arc::ptr_eq(&first, &books.of(&id("first"))), "others were older");
        assert_eq!(lock(&books.0).entries.len(), MAX_BOOKS);
    }

    #[test]
    fn large_books_evict_earlier_ones() {
        let books = BookCache::default();
        let large: Whole = Arc::new(HashMap::from([(
            List::Friends,
            Arc::new(vec![contact("12ed2cd6", ContactKind::Friend, "n"); MAX_CONTACTS]),
        )]));
        books.of(&id("small"));
        for app in ["large", "large too"].map(id) {
            books.of(&app).keep_whole(1, Arc::clone(&large));
            books.evict(&app);
        }
        books.of(&id("newest"));
        assert_eq!(apps(&books), ["large too", "newest"]);
    }
}
