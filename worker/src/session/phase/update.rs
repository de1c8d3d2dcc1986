//! Updates the contacts while the session is online: gathers them beside the loop on connections of its own, so that
//! messages go on, and writes them in the loop, so that nothing else changes the contact book meanwhile. Messages wait for
//! the writing alone.

use std::sync::Arc;

use channel::{Channel, Credentials, Error};
use domain::{
    contact::{Contact, Peer},
    job::JobState,
    session::{Progress, Session},
};
use store::{List, Part};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
};

use crate::session::{
    Context, Halt,
    contacts::{self, Gathered, LoginSnapshot, gather},
    inbound::Inbound,
    inbox::{ClaimedJob, Inbox},
    ledger::Ledger,
};

/// How often the contacts are read.
const ATTEMPTS: u32 = 3;

/// What the task of an update brings.
type Read = Result<Result<Gathered, Error>, Halt>;

/// A running update.
pub(super) struct Update {
    pub(super) claimed: ClaimedJob,
    /// Contacts before.
    before: Progress,
    /// Contacts read so far.
    read: mpsc::Receiver<u32>,
    /// The one task. It ends with this value.
    gathering: JoinSet<Read>,
}

/// How an update has proceeded.
pub(super) enum Proceeded {
    /// Contacts were read: how many so far.
    Read(u32),
    /// Boxed, since a session that waits holds memory for it.
    Gathered(Box<Result<Read, JoinError>>),
}

impl Update {
    /// Waits until the update proceeds. May be cancelled.
    pub(super) async fn next(&mut self) -> Proceeded {
        tokio::select! {
            biased;
            Some(read) = self.read.recv() => Proceeded::Read(read),
            Some(gathered) = self.gathering.join_next() => Proceeded::Gathered(Box::new(gathered)),
            // The task's result is taken once, and ends the update.
            else => std::future::pending().await,
        }
    }
}

/// Starts an update. A job that is running already goes on. One that a sync has overtaken ends as that has ended.
pub(super) async fn start(
    context: &Context,
    inbox: &mut Inbox,
    inbound: &mut Inbound,
    running: &mut Option<Box<Update>>,
    credentials: Credentials,
    claimed: ClaimedJob,
) -> Result<(), Halt> {
    if running.as_ref().is_some_and(|running| running.claimed.job.id == claimed.job.id) {
        inbox.delete(claimed.receipt).await;
        return Ok(());
    }
    if running.is_some() {
        return inbox.fail(claimed, "another update is running").await;
    }
    let row = context.ledger.ask(store::Store::session).await?;
    if let Some(row) = row.filter(|row| row.update_job(context.ledger.app()) != claimed.job.id) {
        // A sync has ended since the request: that of the login, or this job's own before a crash.
        return match row.sync_error {
            Some(why) => inbox.fail(claimed, why).await,
            None => inbox.finish(claimed, JobState::Sent { message_id: None }).await,
        };
    }
    let mut before = Progress::default();
    let change = context.ledger.change_session(|row| {
        before = row.contacts;
        row.contacts.done = 0;
        row.updating = true;
    });
    change.await?;
    inbound.names.note_changes();
    let (progress, read) = mpsc::channel(1);
    let mut gathering = JoinSet::new();
    gathering.spawn(gather_again(Arc::clone(&context.channel), context.ledger.clone(), credentials, progress));
    *running = Some(Box::new(Update { claimed, before, read, gathering }));
    Ok(())
}

/// Reads all contacts of a session from the channel, and again after a passing failure.
async fn gather_again(
    channel: Arc<dyn Channel>,
    ledger: Ledger,
    credentials: Credentials,
    progress: mpsc::Sender<u32>,
) -> Result<Result<Gathered, Error>, Halt> {
    let unlisted = groups_and_official_accounts(&ledger).await?;
    let mut backoff = ledger.backoff();
    loop {
        let mut read = 0;
        let gathered = async {
            let mut connection = channel.connect(&credentials).await?;
            let mut page = |people: &[channel::Card]| {
                read += u32::try_from(people.len()).unwrap_or(u32::MAX);
                // Progress that nobody has taken yet is replaced by the next.
                let _ = progress.try_send(read);
            };
            let mut gathered = gather(&*channel, &mut *connection, &LoginSnapshot::default(), &mut page).await?;
            gathered.describe_unlisted(&mut *connection, &unlisted).await?;
            Ok(gathered)
        };
        match gathered.await {
            Err(error @ (Error::Transient { .. } | Error::RateLimited { .. })) if backoff.failures() + 1 < ATTEMPTS => {
                tracing::warn!(%error, "contact sync failed; retrying");
                let pause = ledger.next_pause(&mut backoff);
                ledger.pause(if let Error::RateLimited { after } = error { after } else { pause }).await?;
            }
            result => return Ok(result),
        }
    }
}

/// The account's groups and official accounts: the channel lists saved ones only.
async fn groups_and_official_accounts(ledger: &Ledger) -> Result<Vec<Peer>, Halt> {
    let head = ledger.ask(store::Store::book).await?;
    if let Some(lists) = &head.lists {
        let parts: Vec<&Part> =
            [List::Groups, List::OfficialAccounts].iter().flat_map(|list| lists.parts(*list)).collect();
        let read = ledger.ask(|store, app| store.list_parts(app, parts.iter().copied())).await?;
        if read.len() == parts.len() {
            return Ok(read.values().flatten().map(Contact::peer).collect());
        }
    }
    // An earlier version has written the contacts, or they change just now.
    let contacts = ledger.ask(store::Store::contacts).await?;
    let listed = |contact: &&Contact| matches!(List::of(contact), Some(List::Groups | List::OfficialAccounts));
    Ok(contacts.iter().filter(listed).map(Contact::peer).collect())
}

/// Shows the progress of an update, or writes what it has gathered and ends it. Whether the contacts were read anew.
pub(super) async fn proceed(
    context: &Context,
    inbox: &mut Inbox,
    inbound: &mut Inbound,
    running: &mut Option<Box<Update>>,
    proceeded: Proceeded,
) -> Result<bool, Halt> {
    let ledger = &context.ledger;
    let gathered = match proceeded {
        Proceeded::Read(read) => {
            let show = |row: &mut Session| {
                row.contacts = Progress { done: read, total: row.contacts.total.max(read) };
            };
            return ledger.change_session(show).await.map(|()| false);
        }
        Proceeded::Gathered(gathered) => gathered,
    };
    let Some(update) = running.take() else { return Ok(false) };
    let Update { claimed, before, .. } = *update;
    let newer = inbound.names.take_changes();
    let gathered = match *gathered {
        Ok(gathered) => gathered?,
        Err(error) => Err(Error::Protocol { reason: format!("the task ended: {error}") }),
    };
    match gathered {
        Ok(gathered) => {
            let total = Box::pin(contacts::update(context, gathered, &newer)).await?;
            inbound.names.clear();
            let at = ledger.now();
            ledger.change_session(|row| row.sync_succeeded(total, at)).await?;
            tracing::info!(contacts.total = total, "contact sync finished");
            inbox.finish(claimed, JobState::Sent { message_id: None }).await.map(|()| true)
        }
        Err(error) => {
            tracing::warn!(%error, "contact sync failed; the contacts stay as they were");
            let why = format!("the contacts could not be read: {error}");
            ledger.change_session(|row| row.contacts = before).await?;
            record_failure(ledger, &why).await?;
            inbox.fail(claimed, why).await.map(|()| false)
        }
    }
}

/// Writes that a contact sync has ended without success. The job ends after that: a request that comes in between joins it,
/// and one that comes later creates another.
pub(super) async fn record_failure(ledger: &Ledger, why: &str) -> Result<(), Halt> {
    ledger.change_session(|row| row.sync_failed(why)).await
}
