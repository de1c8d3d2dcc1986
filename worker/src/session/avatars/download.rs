//! Downloads pictures of contacts, one after the other.

use std::{collections::HashSet, time::Duration};

use boot::metrics;
use channel::{Connection, Credentials, Error};
use domain::{media::MediaPath, puid::Puid};
use futures_util::future::join;
use media::PutError;
use store::{Avatars, Store};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Interval, MissedTickBehavior, interval, timeout},
};

use super::{Ended, Extent, Wanted, missing::missing};
use crate::{
    backoff::Backoff,
    session::{
        Context, Halt,
        transfer::{Failure, unless_stalled},
    },
};

/// The largest picture, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// How often a picture is attempted.
const ATTEMPTS: u32 = 3;
/// Pictures after which the ledger learns what is stored.
const NOTED_EVERY: usize = 100;

pub(super) struct Downloader {
    context: Context,
    credentials: Credentials,
    connection: Option<Box<dyn Connection>>,
    added: UnboundedReceiver<Wanted>,
    rate: Interval,
    stored: Avatars,
    /// Entries of `stored` that the ledger does not know yet.
    unnoted: usize,
    /// Contacts whose pictures could not be downloaded.
    skipped: HashSet<Puid>,
    failures: Backoff,
}

/// The session has ended, as far as the channel tells: what is left comes with the next login.
struct LoggedOut;

impl Downloader {
    pub(super) fn new(
        context: Context,
        credentials: Credentials,
        every: Duration,
        added: UnboundedReceiver<Wanted>,
    ) -> Self {
        let mut rate = interval(every);
        rate.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let failures = context.ledger.backoff();
        Self {
            context,
            credentials,
            connection: None,
            added,
            rate,
            stored: Avatars::default(),
            unnoted: 0,
            skipped: HashSet::new(),
            failures,
        }
    }

    pub(super) async fn run(mut self, extent: Extent) -> Result<Ended, Halt> {
        self.stored = self.context.ledger.ask(Store::avatars).await?;
        let mut all = extent == Extent::All;
        loop {
            let mut wanted = Vec::new();
            while let Ok(added) = self.added.try_recv() {
                wanted.push(added);
            }
            if wanted.is_empty() && all {
                wanted = self.missing().await?;
                all = !wanted.is_empty();
            }
            if wanted.is_empty() {
                break;
            }
            if self.download_all(&wanted).await?.is_err() {
                self.note().await?;
                return Ok(Ended::Incomplete);
            }
        }
        // From here on the session starts another task for what is added.
        self.added.close();
        self.note().await?;
        let complete = self.skipped.is_empty() && self.added.try_recv().is_err();
        Ok(if complete { Ended::Complete } else { Ended::Incomplete })
    }

    /// Looks through the contact book for pictures that are not stored.
    async fn missing(&self) -> Result<Vec<Wanted>, Halt> {
        let Context { worker, ledger, .. } = &self.context;
        let _permit = worker.books.acquire().await;
        let (contacts, members) = join(ledger.ask(Store::contacts), ledger.ask(Store::all_members)).await;
        Ok(missing(&contacts?, &members?, &self.stored, &self.skipped, ledger.now()))
    }

    async fn download_all(&mut self, wanted: &[Wanted]) -> Result<Result<(), LoggedOut>, Halt> {
        for wanted in wanted {
            if self.stored.has(&wanted.puid, wanted.picture_seq, self.context.ledger.now()) {
                continue;
            }
            if self.download(wanted).await?.is_err() {
                return Ok(Err(LoggedOut));
            }
            if self.unnoted >= NOTED_EVERY {
                self.note().await?;
            }
        }
        Ok(Ok(()))
    }

    /// Downloads a picture, several times if necessary.
    async fn download(&mut self, wanted: &Wanted) -> Result<Result<(), LoggedOut>, Halt> {
        let mut attempts = 0;
        loop {
            self.rate.tick().await;
            let pause = match self.attempt(wanted).await {
                Ok(is_stored) => {
                    self.failures.succeeded();
                    self.stored.insert(&wanted.puid, wanted.picture_seq, self.context.ledger.now());
                    self.unnoted += 1;
                    metrics::AVATARS.add(u64::from(is_stored));
                    return Ok(Ok(()));
                }
                Err(Failure::LoggedOut { .. }) => return Ok(Err(LoggedOut)),
                Err(Failure::Lasting { why }) => {
                    tracing::debug!(error = why, "picture of a contact not downloaded");
                    self.skipped.insert(wanted.puid.clone());
                    return Ok(Ok(()));
                }
                Err(Failure::BucketUnavailable(_)) => Duration::ZERO,
                // A rate limit is lifted only after a pause that grows each time.
                Err(Failure::Passing { pause, .. }) if !pause.is_zero() => pause * (self.failures.failures() + 1),
                Err(Failure::Passing { why, .. }) => {
                    attempts += 1;
                    if attempts >= ATTEMPTS {
                        tracing::debug!(error = why, "picture of a contact not downloaded");
                        self.skipped.insert(wanted.puid.clone());
                        return Ok(Ok(()));
                    }
                    Duration::ZERO
                }
            };
            let ledger = &self.context.ledger;
            // Failures of one contact after the other make the pauses longer, too.
            ledger.pause(ledger.next_pause(&mut self.failures).max(pause)).await?;
        }
    }

    /// Whether the contact has a picture, which is stored then.
    async fn attempt(&mut self, wanted: &Wanted) -> Result<bool, Failure> {
        let Context { worker, channel, ledger } = &self.context;
        let idle = worker.config.media_idle;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(channel.connect(&self.credentials).await?),
        };
        let asked = connection.avatar(&wanted.peer, wanted.picture_seq, wanted.group.as_ref());
        let download = match timeout(idle, asked).await.map_err(|_| Failure::stalled(idle))? {
            Ok(Some(download)) => download,
            Ok(None) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let key = MediaPath::of_avatar(&wanted.puid).key(ledger.app());
        let bytes = unless_stalled(download.bytes, idle, |error: Error| error.into());
        match ledger.relay().media.put_stream(&key, bytes, MAX_BYTES).await {
            Ok(_) => Ok(true),
            Err(PutError::Empty) => Ok(false),
            Err(PutError::Source(failure)) => Err(failure),
            Err(PutError::TooLarge { limit }) => Err(Failure::lasting(format!("it has more than {limit} bytes"))),
            Err(PutError::Store(error)) => Err(error.into()),
        }
    }

    /// Writes what is stored to the ledger.
    async fn note(&mut self) -> Result<(), Halt> {
        if self.unnoted == 0 {
            return Ok(());
        }
        let stored = &self.stored;
        self.context.ledger.ask(|store, app| store.put_avatars(app, stored)).await?;
        self.stored.noted();
        self.unnoted = 0;
        Ok(())
    }
}
