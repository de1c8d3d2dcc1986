//! Pictures of contacts: downloaded one at a time and slowly, beside everything else that a session does.
//!
//! After a contact sync all pictures are looked at that are not stored yet. A change of a contact brings its picture alone.
//! What is stored is in the rows `AVATARS`; the session's row says whether something may be left, so that a session that
//! starts reads them only then.

mod download;
mod missing;

use std::future::pending;

use channel::{Card, Credentials, Peer};
use domain::puid::Puid;
use store::Names;
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    task::JoinSet,
};
use tracing::Instrument;

use self::download::Downloader;
use super::{Context, Halt};

/// A picture to download.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) puid: Puid,
    pub(super) peer: Peer,
    pub(super) picture_seq: Option<u64>,
    /// The group that the person was met in, who is no contact.
    pub(super) group: Option<Peer>,
}

/// The pictures of changed contacts, whose cards were written to the contact book before.
pub(super) async fn changed(context: &Context, cards: &[Card]) -> Result<Vec<Wanted>, Halt> {
    let cards: Vec<&Card> = cards.iter().filter(|card| card.picture_seq.is_some()).collect();
    if cards.is_empty() || context.worker.config.avatar_every.is_none() {
        return Ok(Vec::new());
    }
    let rows = Names::default().unread(cards.iter().map(|card| card.user_name.as_str()), []);
    let names = context.ledger.ask(|store, app| store.names(app, &rows)).await?;
    let wanted = |card: &&Card| {
        let puid = names.get(&card.user_name)?;
        Some(Wanted { puid, peer: card.peer(), picture_seq: card.picture_seq, group: None })
    };
    Ok(cards.iter().filter_map(wanted).collect())
}

/// How the downloads have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Every picture is stored, or known to be missing.
    Complete,
    /// Some are left for the next time.
    Incomplete,
}

/// Which pictures to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Those of all contacts.
    All,
    /// Those that are [added](Avatars::add).
    Added,
}

/// The downloads of pictures of a session; only while there are some. Dropping it ends them.
pub(super) struct Avatars {
    added: UnboundedSender<Wanted>,
    task: JoinSet<Result<Ended, Halt>>,
}

impl Avatars {
    /// Starts to download pictures. `None` where the configuration wants none.
    pub(super) fn start(context: &Context, credentials: Credentials, extent: Extent) -> Option<Box<Self>> {
        let every = context.worker.config.avatar_every?;
        let (added, received) = mpsc::unbounded_channel();
        let mut task = JoinSet::new();
        let downloader = Downloader::new(context.clone(), credentials, every, received);
        task.spawn(downloader.run(extent).in_current_span());
        Some(Box::new(Self { added, task }))
    }

    /// Adds a picture that has changed; returns it if the downloads have just ended.
    pub(super) fn add(&self, wanted: Wanted) -> Result<(), Wanted> {
        self.added.send(wanted).map_err(|error| error.0)
    }

    /// Waits for the end. May be cancelled.
    pub(super) async fn ended(&mut self) -> Result<Ended, Halt> {
        match self.task.join_next().await {
            Some(ended) => ended.unwrap_or_else(|error| {
                tracing::error!(%error, "downloads of pictures ended");
                Ok(Ended::Incomplete)
            }),
            // It has ended, and the caller drops it.
            None => pending().await,
        }
    }
}
