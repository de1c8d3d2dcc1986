//! Gathers all contacts from the channel: the contact list page by page, and full cards of its groups.

use std::collections::HashSet;

use channel::{Channel, Connection, Error};
use domain::contact::{Card, Peer};
use futures_util::future::join;
use tokio::sync::mpsc;

/// Pages of the contact list read ahead.
const PAGES_AHEAD: usize = 2;

/// What the beginning of a login has told about contacts.
#[derive(Default)]
pub(in crate::session) struct LoginSnapshot {
    /// The account's own user name in this login.
    pub user_name: String,
    /// The account's own card, if this is a new login.
    pub user: Option<Card>,
    pub recent: Vec<Card>,
    /// Groups that no list may contain.
    pub mentioned: Vec<Peer>,
}

/// All contacts as the channel describes them, each once.
#[derive(Default)]
pub(in crate::session) struct Gathered {
    /// Every user name that a card was seen for.
    seen: HashSet<String>,
    pub people: Vec<Card>,
    /// With their members. Official accounts and strangers among recent chats are here, too.
    pub groups: Vec<Card>,
}

/// Reads all contacts. `page` sees the people of each page as they come.
pub(in crate::session) async fn gather(
    channel: &dyn Channel,
    connection: &mut dyn Connection,
    snapshot: &LoginSnapshot,
    page: &mut (dyn FnMut(&[Card]) + Send),
) -> Result<Gathered, Error> {
    let (pages, received) = mpsc::channel(PAGES_AHEAD);
    // A second connection lists, so that groups are described meanwhile.
    let mut second = channel.connect(&connection.credentials()).await?;
    let mut gathered = Gathered::default();
    let (listed, described) =
        join(list(&mut *second, pages), gathered.fill(connection, snapshot, received, page)).await;
    listed.and(described).map(|()| gathered)
}

/// Reads the contact list page by page.
async fn list(connection: &mut dyn Connection, pages: mpsc::Sender<Vec<Card>>) -> Result<(), Error> {
    let mut from = 0;
    loop {
        let page = connection.contacts(from).await?;
        if pages.send(page.cards).await.is_err() {
            // The receiver has failed, and reports why.
            return Ok(());
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

impl Gathered {
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.people.len() + self.groups.len()).unwrap_or(u32::MAX)
    }

    /// Adds the cards of those peers that no list contained. A peer that the channel does not know any more stays away.
    pub(in crate::session) async fn describe_unlisted(
        &mut self,
        connection: &mut dyn Connection,
        peers: &[Peer],
    ) -> Result<(), Error> {
        let unlisted: Vec<Peer> = peers.iter().filter(|peer| !self.seen.contains(&peer.id)).cloned().collect();
        if !unlisted.is_empty() {
            self.groups.extend(connection.describe(&unlisted).await?);
        }
        Ok(())
    }

    /// Takes the pages as they come, and has groups described while the next page is on its way.
    async fn fill(
        &mut self,
        connection: &mut dyn Connection,
        snapshot: &LoginSnapshot,
        mut pages: mpsc::Receiver<Vec<Card>>,
        page: &mut (dyn FnMut(&[Card]) + Send),
    ) -> Result<(), Error> {
        let mut undescribed: Vec<Peer> = snapshot.mentioned.clone();
        let mut new_groups = self.partition_cards(snapshot.user.clone(), page);
        let recent_groups = snapshot.recent.iter().filter(|card| card.peer().is_group());
        new_groups.extend(self.partition_cards(recent_groups.cloned(), page));
        let mut open = true;
        loop {
            undescribed.extend(new_groups.iter().map(Card::peer));
            self.groups.append(&mut new_groups);
            if !open && undescribed.is_empty() {
                break;
            }
            let peers = std::mem::take(&mut undescribed);
            let describe = async { if peers.is_empty() { Ok(Vec::new()) } else { connection.describe(&peers).await } };
            let (received, described) = join(pages.recv(), describe).await;
            for card in described? {
                // A described card replaces the listed one.
                self.groups.retain(|group| group.user_name != card.user_name);
                self.seen.insert(card.user_name.clone());
                self.groups.push(card);
            }
            match received {
                Some(cards) => new_groups = self.partition_cards(cards, page),
                None => open = false,
            }
        }
        // Recent chats with contacts that no list has: official accounts and strangers.
        let rest = self.partition_cards(snapshot.recent.iter().cloned(), page);
        self.groups.extend(rest);
        Ok(())
    }

    /// Keeps the people among cards that are new, and returns the groups.
    fn partition_cards(
        &mut self,
        cards: impl IntoIterator<Item = Card>,
        page: &mut (dyn FnMut(&[Card]) + Send),
    ) -> Vec<Card> {
        let new = cards.into_iter().filter(|card| self.seen.insert(card.user_name.clone()));
        let (groups, mut people): (Vec<Card>, Vec<Card>) = new.partition(|card| card.peer().is_group());
        page(&people);
        self.people.append(&mut people);
        groups
    }
}
