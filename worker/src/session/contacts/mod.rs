//! The contact book: what changes in it, and reading and writing it.

mod book;
mod changes;
mod full_sync;
mod names;

use domain::{
    contact::{Contact, Member},
    puid::Puid,
};
use futures_util::future::join;

pub(super) use self::{
    book::Book,
    full_sync::{LoginSnapshot, full_sync},
    names::{NameCache, ResolvedPeer, resolve},
};
use super::{Halt, ledger::Ledger};

type Contacts = (Vec<Contact>, Vec<(Puid, Vec<Member>)>);

/// All contacts and members of an app.
async fn read_book(ledger: &Ledger) -> Result<Contacts, Halt> {
    let contacts = ledger.ask(store::Store::contacts);
    let members = ledger.ask(store::Store::all_members);
    let (contacts, members) = join(contacts, members).await;
    Ok((contacts?, members?))
}
