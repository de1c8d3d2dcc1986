//! Everything that reached an account, in order. webwxsync can read it again from any position, so a request
//! with an old sync key receives everything after that position.

use serde_json::{Map, Value};

use crate::contact_ref::ContactRef;
use crate::record::Pushed;

/// One item of a webwxsync response.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Message(Box<Message>),
    /// A changed contact. Its data are read when the entry is read.
    Changed(ContactRef),
    Removed(ContactRef),
}

/// A message before user names are known. The session that reads it fills them in.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) from: ContactRef,
    pub(crate) to: ContactRef,
    /// The author of a group message.
    pub(crate) member: Option<ContactRef>,
    pub(crate) msg_type: u32,
    /// `Content`, escaped for the wire, without the author prefix of a group message.
    pub(crate) content: String,
    /// Fields that override those of the message.
    pub(crate) fields: Map<String, Value>,
    /// The chats that a message of type 51 lists.
    pub(crate) chats: Vec<ContactRef>,
    /// The sender of a friend request, for `RecommendInfo.UserName`.
    pub(crate) petitioner: Option<ContactRef>,
    /// The bytes that the media endpoints return for this message.
    pub(crate) media: Vec<u8>,
    /// The whole entry, if it is not made of the other fields. See [`crate::Push::raw`].
    pub(crate) raw: Vec<u8>,
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
