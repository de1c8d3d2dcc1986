//! Contact books, cached in the process. Authentication reads the book's state along with the app, so a request whose
//! contacts are cached needs no further read. A function that has none of a list reads the page alone; the second page that
//! it lacks makes it read the whole list.

mod cache;
mod members;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
};

use domain::{
    contact::Contact,
    id::AppId,
    page::{Page, PageRequest},
    puid::Puid,
};
use store::{List, Lists, Part, Place};

pub use self::cache::BookCache;
use self::cache::CachedBook;
use crate::api::{auth::Caller, error::ApiError, state::AppState};

/// How often lists that change while they are read are read again, before the contacts themselves are.
const ATTEMPTS: usize = 3;

/// A part of a list, in order.
type Run = Arc<Vec<Contact>>;

/// Consecutive parts of a list.
struct Listing {
    /// Contacts in the whole list.
    count: u64,
    /// Contacts before the first run.
    skipped: u64,
    runs: Vec<Run>,
}

impl AppState {
    /// A page of a list.
    pub(crate) async fn page_of(
        &self,
        caller: &Caller,
        list: List,
        request: PageRequest,
    ) -> Result<Page<Contact>, ApiError> {
        let end = request.offset().saturating_add(u64::from(request.size));
        let Listing { count, skipped, runs } = self.listing(caller, list, request.offset()..end).await?;
        let before = usize::try_from(request.offset().saturating_sub(skipped)).unwrap_or(usize::MAX);
        let rows = runs.iter().flat_map(|run| run.iter()).skip(before).take(request.size as usize);
        Ok(Page { count, rows: rows.cloned().collect() })
    }

    /// A page of the contacts in a list that match.
    pub(crate) async fn page_of_matching(
        &self,
        caller: &Caller,
        list: List,
        request: PageRequest,
        matches: impl Fn(&Contact) -> bool,
    ) -> Result<Page<Contact>, ApiError> {
        let Listing { runs, .. } = self.listing(caller, list, 0..u64::MAX).await?;
        let (mut count, mut rows) = (0, Vec::new());
        for contact in runs.iter().flat_map(|run| run.iter()).filter(|contact| matches(contact)) {
            if count >= request.offset() && rows.len() < request.size as usize {
                rows.push(contact.clone());
            }
            count += 1;
        }
        Ok(Page { count, rows })
    }

    /// The contact of a list with this puid. Its row alone is read, unless the list is cached.
    pub(crate) async fn contact_of(
        &self,
        caller: &Caller,
        list: List,
        puid: &Puid,
    ) -> Result<Option<Contact>, ApiError> {
        let cached = self.books.of(&caller.app.id);
        let parts: Vec<&Part> = caller.book.lists.iter().flat_map(|lists| lists.parts(list)).collect();
        if let Some(runs) = cached.runs(&parts).filter(|runs| !runs.is_empty()) {
            return Ok(runs.iter().flat_map(|run| run.iter()).find(|contact| contact.puid == *puid).cloned());
        }
        let mut found = self.relay.store.contacts_of(&caller.app.id, [puid]).await?;
        Ok(found.remove(puid).filter(|contact| List::of(contact) == Some(list)))
    }

    /// The parts of a list that have the contacts in `range`.
    async fn listing(&self, caller: &Caller, list: List, range: Range<u64>) -> Result<Listing, ApiError> {
        let (app, cached) = (&caller.app.id, self.books.of(&caller.app.id));
        let mut head = caller.book.clone();
        for _ in 0..ATTEMPTS {
            let Some(lists) = &head.lists else { break };
            if let Some(listing) = self.listing_of(app, &cached, lists, list, &range).await? {
                return Ok(listing);
            }
            // The lists have changed since.
            let caller = self.relay.store.caller(app).await?;
            head = caller.ok_or(ApiError::NotFound("app"))?.book;
        }
        let whole = self.whole(app, &cached, head.version).await?;
        let run = whole.get(&list).cloned().unwrap_or_default();
        Ok(Listing { count: run.len() as u64, skipped: 0, runs: vec![run] })
    }

    /// `None` if the rows are not as `lists` describes them.
    async fn listing_of(
        &self,
        app: &AppId,
        cached: &CachedBook,
        lists: &Lists,
        list: List,
        range: &Range<u64>,
    ) -> Result<Option<Listing>, ApiError> {
        let (mut begin, mut skipped, mut wanted) = (0, 0, Vec::new());
        for part in lists.parts(list) {
            let end = begin + u64::from(part.count);
            if end <= range.start {
                skipped = end;
            } else if begin < range.end {
                wanted.push(part);
            }
            begin = end;
        }
        if !cached.has(&wanted) {
            let _loading = cached.loading().await;
            let parts = lists.parts(list);
            let missing =
                cached.missing(if parts.iter().any(|part| cached.has(&[part])) { parts } else { &[] }, &wanted);
            let read = self.relay.store.list_parts(app, &missing).await?;
            cached.keep(lists, read);
            self.books.evict(app);
        }
        let runs = cached.runs(&wanted);
        Ok(runs.map(|runs| Listing { count: lists.count(list), skipped, runs }))
    }

    /// Every list of a book whose lists were not written.
    async fn whole(&self, app: &AppId, cached: &CachedBook, version: u64) -> Result<Whole, ApiError> {
        let _loading = cached.loading().await;
        if let Some(whole) = cached.whole(version) {
            return Ok(whole);
        }
        let mut contacts = self.relay.store.contacts(app).await?;
        contacts.sort_by_cached_key(Place::of);
        let mut whole: BTreeMap<List, Vec<Contact>> = BTreeMap::new();
        for contact in contacts {
            if let Some(list) = List::of(&contact) {
                whole.entry(list).or_default().push(contact);
            }
        }
        let whole: Whole = Arc::new(whole.into_iter().map(|(list, contacts)| (list, Arc::new(contacts))).collect());
        cached.keep_whole(version, Arc::clone(&whole));
        self.books.evict(app);
        Ok(whole)
    }
}

/// The lists of a book, each in one piece.
type Whole = Arc<HashMap<List, Run>>;

/// Parts of lists in memory.
type Parts = HashMap<Part, Run>;
