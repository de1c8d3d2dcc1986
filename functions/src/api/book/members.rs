//! The members of a group, with the contacts among them.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use domain::{
    contact::{Contact, ContactKind, Member},
    puid::Puid,
};

use crate::api::{auth::Caller, error::ApiError, state::AppState};

/// The members of a group.
#[derive(Debug)]
pub(crate) struct Members {
    /// Of the book that they were read from.
    pub(super) version: u64,
    pub list: Arc<Vec<Member>>,
    /// The friends among the members whose contacts were read: a friend's own contact is newer than the copy in the
    /// group, and has more fields.
    friends: HashMap<Puid, Contact>,
    read: HashSet<Puid>,
}

impl Members {
    /// The member's contact, if it is a friend or the account itself.
    pub(crate) fn friend(&self, member: &Member) -> Option<&Contact> {
        self.friends.get(&member.contact.puid)
    }

    pub(super) fn contacts(&self) -> usize {
        self.list.len() + self.friends.len()
    }
}

impl AppState {
    /// The members of a group, with the friends among those in `range`; `None` for an unknown group.
    pub(crate) async fn members(
        &self,
        caller: &Caller,
        group: &Puid,
        range: Range<usize>,
    ) -> Result<Option<Arc<Members>>, ApiError> {
        let (store, app, version) = (&self.relay.store, &caller.app.id, caller.book.version);
        let cached = self.books.of(app);
        let before = cached.members(group, version);
        let mut members = match &before {
            Some(members) => Members {
                version,
                list: Arc::clone(&members.list),
                friends: members.friends.clone(),
                read: members.read.clone(),
            },
            None => match store.group(app, group).await? {
                Some((_, members)) => {
                    Members { version, list: Arc::new(members), friends: HashMap::new(), read: HashSet::new() }
                }
                None => return Ok(None),
            },
        };
        let puids = |range: Range<usize>| {
            let members = members.list.iter().skip(range.start).take(range.len());
            members
                .map(|member| &member.contact.puid)
                .filter(|puid| !was_read(before.as_ref(), puid))
                .cloned()
                .collect()
        };
        let mut unread: HashSet<Puid> = puids(range);
        if let (Some(before), true) = (&before, unread.is_empty()) {
            return Ok(Some(Arc::clone(before)));
        }
        if before.is_some() {
            // The second page that is missing: the next ones will be wanted as well.
            unread = puids(0..usize::MAX);
        }
        let contacts = store.contacts_of(app, &unread).await?;
        let is_friend =
            |contact: &Contact| contact.present && matches!(contact.kind, ContactKind::Friend | ContactKind::Myself);
        members.friends.extend(contacts.into_iter().filter(|(_, contact)| is_friend(contact)));
        members.read.extend(unread);
        let members = Arc::new(members);
        cached.keep_members(group.clone(), Arc::clone(&members));
        self.books.evict(app);
        Ok(Some(members))
    }
}

fn was_read(members: Option<&Arc<Members>>, puid: &Puid) -> bool {
    members.is_some_and(|members| members.read.contains(puid))
}
