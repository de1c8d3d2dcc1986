//! Messages to and from the account.

use serde_json::Map;

use super::{ControlError, World};
use crate::clock;
use crate::contact_ref::ContactRef;
use crate::inbox::Message;
use crate::push::{From, Kind, Push, ticket};
use crate::record::{Pushed, Sent};
use crate::spec::Uin;
use crate::state::SimulatorState;
use crate::upload::Upload;
use crate::wire::{media, text};

impl World {
    /// Pushes a text. Returns WeChat's message id.
    pub fn push_text(&self, uin: Uin, from: From, text: impl Into<String>) -> Result<u64, ControlError> {
        self.push(uin, &Push::text(from, text))
    }

    /// Pushes a message of any kind. Returns WeChat's message id. Without an active client the message stays
    /// in the account's inbox.
    pub fn push(&self, uin: Uin, push: &Push) -> Result<u64, ControlError> {
        self.change(|state| {
            let route = resolve_route(state, uin, &push.from)?;
            deliver(state, uin, push, route)
        })
    }

    /// Pushes all messages. If one of them is invalid, none is pushed.
    pub fn push_all(&self, all: &[(Uin, Push)]) -> Result<Vec<u64>, ControlError> {
        self.change(|state| {
            let routes: Result<Vec<Route>, _> =
                all.iter().map(|(uin, push)| resolve_route(state, *uin, &push.from)).collect();
            all.iter().zip(routes?).map(|((uin, push), route)| deliver(state, *uin, push, route)).collect()
        })
    }

    /// The messages that were pushed to the account, in order.
    pub fn pushed(&self, uin: Uin) -> Vec<Pushed> {
        self.lock().accounts.get(&uin).map_or_else(Vec::new, |account| account.inbox.pushed.clone())
    }

    /// A file that a client uploaded, by its `MediaId`.
    pub fn upload(&self, media_id: &str) -> Option<Upload> {
        self.lock().uploads.get(media_id).cloned()
    }

    /// The messages that the account's clients have sent, in order.
    pub fn sent(&self, uin: Uin) -> Vec<Sent> {
        self.lock().accounts.get(&uin).map_or_else(Vec::new, |account| account.sent.clone())
    }
}

/// The sender and the recipient of a pushed message.
#[derive(Clone, Copy)]
struct Route {
    from: ContactRef,
    to: ContactRef,
    /// The author, in a group.
    member: Option<ContactRef>,
}

impl Route {
    fn to_account(from: ContactRef) -> Self {
        Self { from, to: ContactRef::Myself, member: None }
    }
}

fn resolve_route(state: &SimulatorState, uin: Uin, from: &From) -> Result<Route, ControlError> {
    let book = &state.accounts.get(&uin).ok_or(ControlError::NoAccount(uin))?.book;
    let unknown = |name: &str| ControlError::NoContact(name.into());
    Ok(match from {
        From::Friend(name) => Route::to_account(book.friend(name).ok_or_else(|| unknown(name))?),
        From::OfficialAccount(name) => Route::to_account(book.official_account(name).ok_or_else(|| unknown(name))?),
        From::Special(name) => Route::to_account(ContactRef::special(name).ok_or_else(|| unknown(name))?),
        From::Group { group, member } => {
            let index = book.group_by_name(group).ok_or_else(|| unknown(group))?;
            // A system message of a group has no author.
            let member = match member.as_str() {
                "" => None,
                name => Some(book.member(index, name).ok_or_else(|| unknown(name))?),
            };
            Route { member, ..Route::to_account(ContactRef::Group(index)) }
        }
        From::Phone { to } => {
            Route { from: ContactRef::Myself, to: book.find(to).ok_or_else(|| unknown(to))?, member: None }
        }
    })
}

/// Appends a message to the inbox.
fn deliver(state: &mut SimulatorState, uin: Uin, push: &Push, route: Route) -> Result<u64, ControlError> {
    let id = state.next_message_id();
    let media = match &push.kind {
        Some(kind) if push.media.is_empty() => media::placeholder(kind, id),
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
            Some(account.book.add_friend_request(person.clone(), ticket(id)))
        }
        _ => None,
    };
    let from = if petitioner.is_some() { ContactRef::Special("fmessage") } else { route.from };
    let message = Message {
        id,
        from,
        to: route.to,
        member: route.member,
        msg_type,
        content,
        fields,
        chats: Vec::new(),
        petitioner,
        media,
        raw: push.raw.clone(),
        create_time: clock::unix_seconds(),
    };
    state.append_message(uin, message);
    Ok(id)
}
