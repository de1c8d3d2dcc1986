//! Whose a user name is. The ledger knows all of a login's names; a session remembers the few it has met last.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use domain::{contact::ContactKind, puid::Puid};
use wechat::{Batch, Channel, Incoming};

use super::{Halt, Task, online::Online, sync::News};

/// Names remembered: about 4 KB.
const REMEMBERED: usize = 64;

/// A user name's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    pub puid: Puid,
    /// What it is; of a person, only whether it is an official account matters and is kept.
    pub kind: ContactKind,
}

/// The names met last, the latest first.
#[derive(Debug, Default)]
pub(super) struct NameCache(VecDeque<(u64, Who)>);

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl NameCache {
    fn get(&mut self, name: &str) -> Option<Who> {
        let wanted = hash(name);
        let at = self.0.iter().position(|(hash, _)| *hash == wanted)?;
        let entry = self.0.remove(at)?;
        let who = entry.1.clone();
        self.0.push_front(entry);
        Some(who)
    }

    fn insert(&mut self, name: &str, who: Who) {
        let hash = hash(name);
        self.0.retain(|(other, _)| *other != hash);
        self.0.truncate(REMEMBERED - 1);
        self.0.push_front((hash, who));
    }

    /// What changed may be something else now.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// What a name alone tells: groups are `@@…`.
pub(super) fn kind_by_name(name: &str) -> ContactKind {
    if name.starts_with("@@") { ContactKind::Group } else { ContactKind::Stranger }
}

impl<C: Channel> Task<C> {
    /// Whose the names of the messages are; writes to the book what the batch tells of it, and who was unknown.
    pub(super) async fn resolve(
        &self,
        online: &mut Online<C>,
        batch: &Batch<C::Cursor>,
        fresh: &[&Incoming],
    ) -> Result<HashMap<String, Who>, Halt> {
        let mut found = HashMap::new();
        // A name with the chat it was met in: a member is looked up with its group.
        let mut missing: Vec<(&str, &str)> = Vec::new();
        for message in fresh {
            for name in [Some(&message.chat), message.sender.as_ref()].into_iter().flatten() {
                if found.contains_key(name) || missing.iter().any(|(other, _)| other == name) {
                    continue;
                }
                match online.names.get(name) {
                    Some(who) => drop(found.insert(name.clone(), who)),
                    None => missing.push((name, &message.chat)),
                }
            }
        }
        let told = !batch.changed.is_empty() || !batch.deleted.is_empty() || !batch.mentioned.is_empty();
        if missing.is_empty() && !told {
            return Ok(found);
        }
        let store = &self.shared.relay.store;
        let mut names = self.ledger(|| store.names(&self.app)).await?;
        let mut news = News::default();
        let mut ask = HashSet::new();
        for (name, chat) in &missing {
            if names.get(name).is_none() {
                news.unknown.push((*name).to_owned());
                ask.insert(if kind_by_name(chat) == ContactKind::Group { *chat } else { *name });
            }
        }
        for card in &batch.changed {
            match card.kind {
                ContactKind::Group => drop(ask.insert(&card.user_name)),
                _ => news.changed.push(card.clone()),
            }
        }
        ask.extend(batch.mentioned.iter().map(String::as_str).filter(|name| names.get(name).is_none()));
        news.ask = ask.into_iter().map(str::to_owned).collect();
        news.ask.sort_unstable();
        news.groups = batch.changed.iter().filter(|card| card.kind == ContactKind::Group).cloned().collect();
        news.deleted.clone_from(&batch.deleted);
        if !news.is_empty() {
            Box::pin(self.learn(online, news, &mut names)).await?;
            online.names.clear();
        }
        for (name, _) in missing {
            let Some(puid) = names.get(name) else { continue };
            let kind = self.kind_of(name, &puid, fresh).await?;
            let who = Who { puid, kind };
            online.names.insert(name, who.clone());
            found.insert(name.to_owned(), who);
        }
        Ok(found)
    }

    /// What a name is. Of a member who has never written outside a group nobody needs to know.
    async fn kind_of(&self, name: &str, puid: &Puid, fresh: &[&Incoming]) -> Result<ContactKind, Halt> {
        let is_chat = fresh.iter().any(|message| message.chat == name);
        if !is_chat || kind_by_name(name) == ContactKind::Group {
            return Ok(kind_by_name(name));
        }
        let contact = self.ledger(|| self.shared.relay.store.contact(&self.app, puid)).await?;
        Ok(contact.map_or(ContactKind::Stranger, |contact| contact.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_met_last_are_remembered() {
        let mut cache = NameCache::default();
        let who = |n: usize| Who { puid: Puid::new(n.to_string()), kind: ContactKind::Stranger };
        for n in 0..REMEMBERED {
            cache.insert(&format!("@{n}"), who(n));
        }
        assert_eq!(cache.get("@0"), Some(who(0)));
        cache.insert("@new", who(999));
        assert_eq!(cache.get("@0"), Some(who(0)));
        assert_eq!(cache.get("@1"), None);
        assert_eq!(cache.0.len(), REMEMBERED);
    }
}
