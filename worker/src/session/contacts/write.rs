//! Writes changes of the contact book with what is derived from it: lists, name table, departed keys.

use std::collections::HashMap;

use domain::{contact::Contact, departed::DepartedKeys, puid::Puid};
use futures_util::future::try_join5;
use store::{ListChanges, Lists, NameRows, Names};

use super::{
    book::{Book, Changes},
    read_book,
};
use crate::session::{Halt, ledger::Ledger};

/// The state of the book, current: what is derived from the rows is derived anew if a crash or an earlier version has left
/// it behind them; whether that was so.
pub(super) async fn current(ledger: &Ledger) -> Result<(store::Book, bool), Halt> {
    let head = ledger.ask(store::Store::book).await?;
    if head.is_current() { Ok((head, false)) } else { Ok((derive_all(ledger, &head).await?, true)) }
}

/// Derives everything from the rows.
async fn derive_all(ledger: &Ledger, head: &store::Book) -> Result<store::Book, Halt> {
    let (contacts, members) = read_book(ledger).await?;
    tracing::info!(contacts.count = contacts.len(), "lists and name table derived from the contacts");
    let book = Book::new(contacts, members, ledger.now());
    let mut names = Names::of_new_login();
    for (name, puid) in book.names() {
        names.insert(name, puid);
    }
    let derived = Derived::of(&book, head.lists.clone().unwrap_or_default(), names)?;
    ledger.ask(|store, app| store.begin_book(app, head)).await?;
    complete(ledger, head, &[], &[], &derived).await
}

/// What is derived from the rows and has changed.
pub(super) struct Derived {
    lists: Lists,
    changed: ListChanges,
    names: Names,
    departed: Option<DepartedKeys>,
}

impl Derived {
    /// From a whole book. `lists` are those before; `names` has the user names.
    pub(super) fn of(book: &Book, mut lists: Lists, mut names: Names) -> Result<Self, Halt> {
        let changed = lists.replace(book.contacts()).map_err(|error| unreadable(&error))?;
        for puid in book.puids() {
            names.take(puid);
        }
        Ok(Self { lists, changed, names, departed: Some(book.departed()) })
    }
}

fn unreadable(error: &store::StoreError) -> Halt {
    tracing::error!(error = %domain::error::chain(error), "contacts cannot be written");
    Halt::Unreadable
}

/// Writes a contact that has changed from `before` to `after` without a report of the channel.
pub(in crate::session) async fn write_contact(ledger: &Ledger, before: Contact, after: Contact) -> Result<(), Halt> {
    let (head, _) = current(ledger).await?;
    let contacts = HashMap::from([(after.puid.clone(), (Some(before), after))]);
    write_changes(ledger, &head, Changes { contacts, ..Changes::default() }, Names::default(), &[]).await
}

/// Writes changes of some contacts. `new` are the user names that the name table lacks.
pub(super) async fn write_changes(
    ledger: &Ledger,
    head: &store::Book,
    changes: Changes,
    mut names: Names,
    new: &[(String, Puid)],
) -> Result<(), Halt> {
    let (contacts, members): (Vec<_>, Vec<_>) =
        (changes.contacts.into_values().collect(), changes.members.into_iter().collect());
    let unread = names.unread(new.iter().map(|(name, _)| name.as_str()), new.iter().map(|(_, puid)| puid));
    names.extend(ledger.ask(|store, app| store.names(app, &unread)).await?);
    for (name, puid) in new {
        if names.get(name).as_ref() != Some(puid) {
            names.insert(name, puid);
        }
    }
    if contacts.is_empty() && members.is_empty() && !names.is_changed() {
        return Ok(());
    }
    let lists = head.lists.clone().unwrap_or_default();
    let departed = departed_with(ledger, &contacts).await?;
    let parts = lists.parts_of(&contacts);
    let read = ledger.ask(|store, app| store.list_parts(app, &parts)).await?;
    // Without the parts as `BOOK` describes them the lists cannot be changed, and are derived anew.
    let is_consistent = read.len() == parts.len();
    let derived = if is_consistent { changed_lists(lists, &contacts, read)? } else { (lists, ListChanges::default()) };
    let derived = Derived { lists: derived.0, changed: derived.1, names, departed };
    let contacts: Vec<Contact> = contacts.into_iter().map(|(_, after)| after).collect();
    ledger.ask(|store, app| store.begin_book(app, head)).await?;
    let written = complete(ledger, head, &contacts, &members, &derived).await?;
    if is_consistent { Ok(()) } else { derive_all(ledger, &written).await.map(drop) }
}

fn changed_lists(
    mut lists: Lists,
    contacts: &[(Option<Contact>, Contact)],
    read: HashMap<store::Part, Vec<Contact>>,
) -> Result<(Lists, ListChanges), Halt> {
    let changed = lists.change(contacts, read).map_err(|error| unreadable(&error))?;
    Ok((lists, changed))
}

/// The departed keys with those of contacts that depart; `None` where none does.
async fn departed_with(ledger: &Ledger, contacts: &[(Option<Contact>, Contact)]) -> Result<Option<DepartedKeys>, Halt> {
    let departing: Vec<&Contact> = contacts.iter().map(|(_, after)| after).filter(|after| !after.present).collect();
    if departing.is_empty() {
        return Ok(None);
    }
    let puids: Vec<&Puid> = departing.iter().map(|contact| &contact.puid).collect();
    let mut departed = ledger.ask(store::Store::departed).await?;
    let members = ledger.ask(|store, app| store.members_of(app, puids.iter().copied())).await?;
    departed.extend(departing, members.iter().map(|(_, members)| members.as_slice()));
    Ok(Some(departed))
}

/// Writes the rows of a change that has begun, and completes it.
pub(super) async fn complete(
    ledger: &Ledger,
    head: &store::Book,
    contacts: &[Contact],
    members: &[(Puid, Vec<domain::contact::Member>)],
    derived: &Derived,
) -> Result<store::Book, Halt> {
    let departed = async {
        match &derived.departed {
            Some(departed) => ledger.ask(|store, app| store.put_departed(app, departed)).await,
            None => Ok(()),
        }
    };
    try_join5(
        ledger.ask(|store, app| store.put_contacts(app, contacts)),
        ledger.ask(|store, app| store.put_members(app, members)),
        ledger.ask(|store, app| store.put_list_parts(app, &derived.changed)),
        ledger.ask(|store, app| store.put_names(app, &derived.names)),
        departed,
    )
    .await?;
    let written = ledger.ask(|store, app| store.finish_book(app, head, derived.lists.clone())).await?;
    ledger.ask(|store, app| store.delete_list_parts(app, &derived.changed)).await?;
    Ok(written)
}

/// The whole name table.
pub(super) async fn all_names(ledger: &Ledger) -> Result<Names, Halt> {
    let rows = NameRows::all();
    ledger.ask(|store, app| store.names(app, &rows)).await
}
