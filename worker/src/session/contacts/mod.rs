//! The contact book: what changes in it, and reading and writing it.
//!
//! Contact and member rows are the truth; lists, name table and departed keys are derived from them ([`write`]). A change
//! that the channel reports reads and writes only what it concerns ([`changes`]); a sync goes through the whole book
//! ([`full_sync`]).

mod book;
mod changes;
mod few;
mod full_sync;
mod gather;
mod names;
mod write;

use domain::{
    contact::{Contact, Member},
    puid::Puid,
};
use futures_util::future::join;

pub(super) use self::{
    book::Book,
    full_sync::{full_sync, update},
    gather::{Gathered, LoginSnapshot, gather},
    names::{NameCache, ResolvedPeer, resolve},
    write::write_contact,
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
