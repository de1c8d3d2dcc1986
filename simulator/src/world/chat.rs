//! What is written to the account and by it.

use serde_json::Map;

use super::{ControlError, World};
use crate::clock;
use crate::contact_ref::ContactRef;
use crate::inbox::Message;
use crate::push::{From, Kind, Push, ticket};
use crate::record::{Pushed, Sent};
use crate::spec::Uin;
use crate::state::State;
use crate::upload::Upload;
use crate::wire::{media, text};

impl World {
    /// Pushes a text; returns WeChat's message id.
    pub fn push_text(&self, uin: Uin, from: From, text: impl Into<String>) -> Result<u64, ControlError> {
        self.push(uin, &Push::text(from, text))
    }

    /// Pushes a message of any kind; returns WeChat's message id. It waits in the account's inbox
    /// if no client is there.
    pub fn push(&self, uin: Uin, push: &Push) -> Result<u64, ControlError> {
        self.change(|state| {
            let route = route(state, uin, &push.from)?;
            deliver(state, uin, push, route)
        })
    }

    /// Pushes many at once; if one of them cannot be, none is.
    pub fn push_all(&self, all: &[(Uin, Push)]) -> Result<Vec<u64>, ControlError> {
        self.change(|state| {
            let routes: Result<Vec<Route>, _> = all.iter().map(|(uin, push)| route(state, *uin, &push.from)).collect();
            all.iter().zip(routes?).map(|((uin, push), route)| deliver(state, *uin, push, route)).collect()
        })
    }

    /// What was pushed to the account, in order.
    pub fn pushed(&self, uin: Uin) -> Vec<Pushed> {
        self.lock().accounts.get(&uin).map_or_else(Vec::new, |account| account.inbox.pushed.clone())
    }

    /// A file that a client uploaded, by its `MediaId`.
    pub fn upload(&self, media_id: &str) -> Option<Upload> {
        self.lock().uploads.get(media_id).cloned()
    }

    /// What the account's clients have sent, in order.
    pub fn sent(&self, uin: Uin) -> Vec<Sent> {
        self.lock().accounts.get(&uin).map_or_else(Vec::new, |account| account.sent.clone())
    }
}

/// From whom, to whom, and who wrote it in a group.
type Route = (ContactRef, ContactRef, Option<ContactRef>);

fn route(state: &State, uin: Uin, from: &From) -> Result<Route, ControlError> {
    let book = &state.accounts.get(&uin).ok_or(ControlError::NoAccount(uin))?.book;
    let unknown = |name: &str| ControlError::NoContact(name.into());
    Ok(match from {
        From::Friend(name) => (book.friend(name).ok_or_else(|| unknown(name))?, ContactRef::Myself, None),
        From::OfficialAccount(name) => {
            (book.official_account(name).ok_or_else(|| unknown(name))?, ContactRef::Myself, None)
        }
        From::Special(name) => (ContactRef::special(name).ok_or_else(|| unknown(name))?, ContactRef::Myself, None),
        From::Group { group, member } => {
            let index = book.group_called(group).ok_or_else(|| unknown(group))?;
            // A system message of a group has no sender.
            let writer = match member.as_str() {
                "" => None,
                name => Some(book.member(index, name).ok_or_else(|| unknown(name))?),
            };
            (ContactRef::Group(index), ContactRef::Myself, writer)
        }
        From::Phone { to } => (ContactRef::Myself, book.find(to).ok_or_else(|| unknown(to))?, None),
    })
}

/// Puts a message into the inbox.
fn deliver(state: &mut State, uin: Uin, push: &Push, (from, to, member): Route) -> Result<u64, ControlError> {
    let id = state.next_message_id();
    let media = match &push.kind {
        Some(kind) if push.media.is_empty() => media::made_up(kind, id),
        _ => push.media.clone(),
    };
    let (mut fields, msg_type, content) = match &push.kind {
        Some(kind) => (kind.fields(id, media.len()), kind.msg_type(), kind.content(id, media.len())),
        None => (Map::new(), 1, text::message(&push.text)),
    };
    fields.extend(push.fields.clone());
    let petitioner = match &push.kind {
        Some(Kind::FriendRequest { person, .. }) => {
            let account = state.accounts.get_mut(&uin).ok_or(ControlError::NoAccount(uin))?;
            Some(account.book.add_petitioner(person.clone(), ticket(id)))
        }
        _ => None,
    };
    let from = if petitioner.is_some() { ContactRef::Special("fmessage") } else { from };
    let message = Message {
        id,
        from,
        to,
        member,
        msg_type,
        content,
        fields,
        chats: Vec::new(),
        petitioner,
        media,
        create_time: clock::unix_seconds(),
    };
    state.append_message(uin, message);
    Ok(id)
}
