//! Resolves the peers of messages to puids. The ledger holds all names of a login; a session remembers a few.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use channel::{Batch, Connection, Incoming};
use domain::{
    contact::{ContactKind, Peer},
    puid::Puid,
};

use store::Names;

use super::{
    changes::{self, ContactChanges},
    write::current,
};
use crate::session::{Context, Halt, ledger::Ledger};

/// Peers remembered: about 4 KB.
const REMEMBERED: usize = 64;

/// A peer that the contact book has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) struct ResolvedPeer {
    pub puid: Puid,
    /// The contact's kind. A person who is only a message's author stays a stranger: nothing depends on more.
    pub kind: ContactKind,
}

/// The peers resolved last, the latest first.
#[derive(Debug, Default)]
pub(in crate::session) struct NameCache {
    peers: VecDeque<(u64, ResolvedPeer)>,
    /// The contacts that have changed, while an update of the contacts runs.
    changed: Option<HashSet<String>>,
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl NameCache {
    fn get(&mut self, name: &str) -> Option<ResolvedPeer> {
        let wanted = hash(name);
        let at = self.peers.iter().position(|(hash, _)| *hash == wanted)?;
        let entry = self.peers.remove(at)?;
        let peer = entry.1.clone();
        self.peers.push_front(entry);
        Some(peer)
    }

    fn insert(&mut self, name: &str, peer: ResolvedPeer) {
        let hash = hash(name);
        self.peers.retain(|(other, _)| *other != hash);
        self.peers.truncate(REMEMBERED - 1);
        self.peers.push_front((hash, peer));
    }

    /// Forgets every peer, since any contact may have changed.
    pub(in crate::session) fn clear(&mut self) {
        self.peers.clear();
    }

    /// Begins to note which contacts change.
    pub(in crate::session) fn note_changes(&mut self) {
        self.changed = Some(HashSet::new());
    }

    /// The user names of the contacts that have changed since [`Self::note_changes`].
    pub(in crate::session) fn take_changes(&mut self) -> HashSet<String> {
        self.changed.take().unwrap_or_default()
    }
}

/// The puids of the messages' peers, by the channel's id. Writes the contact changes of the batch to the book first.
pub(in crate::session) async fn resolve(
    context: &Context,
    connection: &mut dyn Connection,
    cache: &mut NameCache,
    batch: &Batch,
    messages: &[&Incoming],
) -> Result<HashMap<String, ResolvedPeer>, Halt> {
    let mut resolved = HashMap::new();
    // A peer with the chat it was met in: a member is described with its group.
    let mut missing: Vec<(&Peer, &Peer)> = Vec::new();
    for message in messages {
        for peer in [Some(&message.chat), message.sender.as_ref()].into_iter().flatten() {
            if resolved.contains_key(&peer.id) || missing.iter().any(|(other, _)| other.id == peer.id) {
                continue;
            }
            match cache.get(&peer.id) {
                Some(found) => drop(resolved.insert(peer.id.clone(), found)),
                None => missing.push((peer, &message.chat)),
            }
        }
    }
    let has_changes = !batch.changed.is_empty() || !batch.deleted.is_empty() || !batch.mentioned.is_empty();
    if missing.is_empty() && !has_changes {
        return Ok(resolved);
    }
    let ledger = &context.ledger;
    let wanted = || {
        let missing = missing.iter().map(|(peer, _)| peer.id.as_str());
        missing.chain(batch.mentioned.iter().map(|peer| peer.id.as_str()))
    };
    let mut names = read_names(ledger, wanted()).await?;
    let mut changes = changes_in(batch, &missing, |id| names.get(id).is_some());
    if !changes.is_empty() {
        let (head, derived) = current(ledger).await?;
        if derived {
            names = read_names(ledger, wanted()).await?;
            changes = changes_in(batch, &missing, |id| names.get(id).is_some());
        }
        let reported = Box::pin(changes::apply(context, connection, &head, changes, names)).await?;
        cache.clear();
        if let Some(noted) = &mut cache.changed {
            noted.extend(reported);
        }
        names = read_names(ledger, wanted()).await?;
    }
    for (peer, _) in missing {
        let Some(puid) = names.get(&peer.id) else { continue };
        let is_chat = messages.iter().any(|message| message.chat.id == peer.id);
        let kind = if is_chat { chat_kind(ledger, peer, &puid).await? } else { peer.kind };
        let found = ResolvedPeer { puid, kind };
        cache.insert(&peer.id, found.clone());
        resolved.insert(peer.id.clone(), found);
    }
    Ok(resolved)
}

async fn read_names<'a>(ledger: &Ledger, user_names: impl Iterator<Item = &'a str>) -> Result<Names, Halt> {
    let rows = Names::default().unread(user_names, []);
    ledger.ask(|store, app| store.names(app, &rows)).await
}

/// What a batch tells about contacts, besides the peers that are missing.
fn changes_in(batch: &Batch, missing: &[(&Peer, &Peer)], is_known: impl Fn(&str) -> bool) -> ContactChanges {
    let mut changes = ContactChanges::default();
    let mut undescribed: HashSet<&Peer> = HashSet::new();
    for (peer, chat) in missing {
        if !is_known(&peer.id) {
            changes.unknown.push((*peer).clone());
            undescribed.insert(if chat.is_group() { chat } else { peer });
        }
    }
    let changed_groups: Vec<Peer> = batch.changed.iter().map(channel::Card::peer).filter(Peer::is_group).collect();
    undescribed.extend(&changed_groups);
    undescribed.extend(batch.mentioned.iter().filter(|peer| !is_known(&peer.id)));
    changes.undescribed = undescribed.into_iter().cloned().collect();
    changes.undescribed.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    let cards = batch.changed.iter().cloned();
    (changes.groups, changes.people) = cards.partition(|card| card.peer().is_group());
    changes.deleted.clone_from(&batch.deleted);
    changes
}

/// A chat's kind. The channel knows groups; the contact book knows official accounts.
async fn chat_kind(ledger: &Ledger, chat: &Peer, puid: &Puid) -> Result<ContactKind, Halt> {
    if chat.is_group() {
        return Ok(ContactKind::Group);
    }
    let contact = ledger.ask(|store, app| store.contact(app, puid)).await?;
    Ok(contact.map_or(chat.kind, |contact| contact.kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_resolved_last_are_remembered() {
        let mut cache = NameCache::default();
        let peer = |n: usize| ResolvedPeer { puid: Puid::new(n.to_string()), kind: ContactKind::Stranger };
        for n in 0..REMEMBERED {
            cache.insert(&format!("@{n}"), peer(n));
        }
        assert_eq!(cache.get("@0"), Some(peer(0)));
        cache.insert("@new", peer(999));
        assert_eq!(cache.get("@0"), Some(peer(0)));
        assert_eq!(cache.get("@1"), None);
        assert_eq!(cache.peers.len(), REMEMBERED);
    }
}
