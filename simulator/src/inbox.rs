//! The log of what reached an account, in order. webwxsync reads it from any position again, so an
//! old synckey is answered with everything after it.

use serde_json::{Map, Value};

use crate::contact_ref::ContactRef;
use crate::record::Pushed;

/// One thing that webwxsync tells.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Message(Box<Message>),
    /// The contact as it is when it is read.
    Changed(ContactRef),
    Removed(ContactRef),
}

/// A message before user names: those are put in for the session that reads it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) from: ContactRef,
    pub(crate) to: ContactRef,
    /// Who wrote it, in a group.
    pub(crate) member: Option<ContactRef>,
    pub(crate) msg_type: u32,
    /// Escaped for the wire, without the group's prefix.
    pub(crate) content: String,
    /// Laid over the message's fields.
    pub(crate) fields: Map<String, Value>,
    /// The chats that a message of type 51 lists.
    pub(crate) chats: Vec<ContactRef>,
    /// Who asks to be a friend: `RecommendInfo.UserName`.
    pub(crate) petitioner: Option<ContactRef>,
    /// What the media endpoints answer for it.
    pub(crate) media: Vec<u8>,
    /// Seconds since 1970.
    pub(crate) create_time: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    entries: Vec<Entry>,
    pub(crate) pushed: Vec<Pushed>,
}

impl Inbox {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn append(&mut self, entry: Entry, at: u64) {
        if let Entry::Message(message) = &entry {
            self.pushed.push(Pushed { msg_id: message.id, at });
        }
        self.entries.push(entry);
    }

    /// At most `limit` entries after the first `position`.
    pub(crate) fn after(&self, position: usize, limit: usize) -> &[Entry] {
        let start = position.min(self.entries.len());
        let end = start.saturating_add(limit).min(self.entries.len());
        &self.entries[start..end]
    }

    pub(crate) fn message(&self, id: u64) -> Option<&Message> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Message(message) if message.id == id => Some(&**message),
            _ => None,
        })
    }
}
