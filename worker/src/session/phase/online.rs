//! Logged in: polls for messages, and executes commands in between.

use std::{
    future::pending,
    hash::{DefaultHasher, Hash, Hasher},
};

use boot::metrics;
use channel::{Connection, Credentials, Error};
use domain::{
    job::Command,
    session::{EndReason, Session as SessionRow},
};
use tokio::time::{Instant, sleep_until};

use super::{
    Phase,
    end::close,
    update::{self, Proceeded, Update},
};
use crate::{
    backoff::Backoff,
    session::{
        Context, Halt,
        actions::act,
        avatars::{Avatars, Ended, Extent, Wanted},
        contacts::{LoginSnapshot, full_sync},
        inbound::Inbound,
        inbox::{ClaimedJob, Inbox},
        outbound::{Outbound, Outcome},
    },
};

/// Failed polls in a row after which the session's row shows the error.
const SHOWN_AFTER: u32 = 3;
/// Commands executed in a row before messages are fetched.
const COMMANDS_IN_A_ROW: u32 = 8;
/// How often the contacts are read before the session continues without them.
const SYNC_ATTEMPTS: u32 = 5;

/// A session that is online. It is held tens of thousands of times: no contacts, no buffers.
pub(in crate::session) struct Online {
    connection: Box<dyn Connection>,
    inbound: Inbound,
    outbound: Outbound,
    polls: Backoff,
    /// No poll before this time.
    poll_after: Option<Instant>,
    /// Whether the session's row shows an error.
    shows_error: bool,
    /// Commands executed since the last poll.
    commands: u32,
    saved: SavedCredentials,
    /// Whether the session's row says that pictures of contacts may be left.
    avatars_left: bool,
    avatars: Option<Box<Avatars>>,
    /// The update of the contacts that is running.
    update: Option<Box<Update>>,
}

/// Which credentials the ledger holds.
struct SavedCredentials {
    hash: u64,
    at: Instant,
}

impl SavedCredentials {
    fn new(credentials: &Credentials) -> Self {
        Self { hash: Self::hash(credentials), at: Instant::now() }
    }

    fn hash(credentials: &Credentials) -> u64 {
        let mut hasher = DefaultHasher::new();
        credentials.hash(&mut hasher);
        hasher.finish()
    }
}

/// What ended a wait.
enum Event {
    CommandsReceived,
    /// A command may be executed.
    Turn,
    Polled(Result<bool, Error>),
    /// The downloads of pictures of contacts have ended.
    AvatarsEnded(Ended),
    /// The running update has proceeded.
    Update(Proceeded),
}

/// What goes on beside polls and commands: downloads, pictures of contacts, an update of the contacts. May be cancelled; all
/// of it continues with the next call.
async fn beside(
    context: &Context,
    credentials: Credentials,
    inbound: &mut Inbound,
    avatars: &mut Option<Box<Avatars>>,
    update: &mut Option<Box<Update>>,
) -> Result<Event, Halt> {
    let downloads = async {
        inbound.run_downloads(context, credentials).await?;
        pending().await
    };
    let avatars = async {
        match avatars {
            Some(avatars) => avatars.ended().await.map(Event::AvatarsEnded),
            None => pending().await,
        }
    };
    let update = async {
        match update {
            Some(update) => update.next().await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        proceeded = update => Ok(Event::Update(proceeded)),
        halted = downloads => halted,
        ended = avatars => ended,
    }
}

impl Online {
    pub(super) fn new(context: &Context, connection: Box<dyn Connection>, inbound: Inbound) -> Self {
        let saved = SavedCredentials::new(&connection.credentials());
        Self {
            connection,
            inbound,
            outbound: Outbound::new(context),
            polls: context.ledger.backoff(),
            poll_after: None,
            shows_error: false,
            commands: 0,
            saved,
            avatars_left: false,
            avatars: None,
            update: None,
        }
    }

    /// Takes over what the row says of before a restart: an error that it shows, and pictures of contacts that are left.
    pub(super) fn resume(&mut self, row: &SessionRow) {
        self.shows_error = row.last_error.is_some();
        self.avatars_left = row.avatars_left;
    }

    /// Reads all contacts before the first poll: without them the senders of messages would count as strangers.
    pub(super) async fn sync_contacts(mut self, context: &Context, snapshot: LoginSnapshot) -> Result<Phase, Halt> {
        let ledger = &context.ledger;
        let mut backoff = ledger.backoff();
        loop {
            // A sync may be abandoned anywhere; it starts anew then.
            let sync = Box::pin(full_sync(context, &mut *self.connection, self.inbound.owner(), &snapshot));
            let error = match ledger.unless_stopped(sync).await?? {
                Ok(total) => {
                    self.synced(context, total).await?;
                    break;
                }
                Err(Error::LoggedOut { code }) => return self.ended(context, None, code).await,
                Err(error) => error,
            };
            let pause = ledger.next_pause(&mut backoff);
            if backoff.failures() >= SYNC_ATTEMPTS {
                tracing::error!(%error, "contact sync failed; continuing without it");
                let why = format!("the contacts could not be read: {error}");
                update::record_failure(&context.ledger, &why).await?;
                self.show_error(context, &why).await?;
                break;
            }
            tracing::warn!(%error, "contact sync failed; retrying");
            ledger.pause(if let Error::RateLimited { after } = error { after } else { pause }).await?;
        }
        Ok(Phase::Online(Box::new(self)))
    }

    async fn synced(&mut self, context: &Context, total: u32) -> Result<(), Halt> {
        let ledger = &context.ledger;
        let (credentials, at) = (self.connection.credentials(), ledger.now());
        let sealed = ledger.seal(&credentials);
        ledger
            .change_session(|row| {
                row.sync_succeeded(total, at);
                row.credentials = Some(sealed);
            })
            .await?;
        self.avatars_left = true;
        self.saved = SavedCredentials::new(&credentials);
        tracing::info!(contacts.total = total, "contact sync finished");
        Ok(())
    }

    /// Polls and executes commands until the session ends.
    pub(super) async fn run(mut self: Box<Self>, context: &Context, inbox: &mut Inbox) -> Result<Phase, Halt> {
        Box::pin(self.inbound.reconcile(context)).await?;
        if self.avatars_left {
            self.avatars = Avatars::start(context, self.connection.credentials(), Extent::All);
        }
        let outcome = self.run_until_ended(context, inbox).await;
        if let Some(update) = self.update.take() {
            // Another worker begins it anew; without a session it fails.
            inbox.requeue(update.claimed);
        }
        match outcome {
            Err(Halt::Stopped) => Box::pin(self.save_credentials(context)).await,
            Err(Halt::AppDeleted) => Box::pin(close(&mut *self.connection)).await,
            _ => {}
        }
        outcome
    }

    async fn run_until_ended(&mut self, context: &Context, inbox: &mut Inbox) -> Result<Phase, Halt> {
        loop {
            let event = self.next_event(context, inbox).await?;
            // Boxed once, so that a session that waits does not hold memory for the rest.
            if let Some(phase) = Box::pin(self.handle(context, inbox, event)).await? {
                return Ok(phase);
            }
        }
    }

    async fn next_event(&mut self, context: &Context, inbox: &mut Inbox) -> Result<Event, Halt> {
        let (has_work, poll_after) = (inbox.has_work(), self.poll_after);
        let Self { connection, inbound, outbound, avatars, update, .. } = self;
        let not_before = outbound.not_before.filter(|at| *at > Instant::now());
        let turn = async {
            if outbound.has_upload() {
                Box::pin(outbound.uploaded()).await?;
            }
            match (has_work, not_before) {
                (false, _) => pending().await,
                (true, None) => {}
                (true, Some(at)) => sleep_until(at).await,
            }
            Ok(Event::Turn)
        };
        let cursor = inbound.cursor.clone();
        // Boxed, and only while there is something: most sessions wait for polls and commands alone.
        let is_busy = inbound.has_downloads() || avatars.is_some() || update.is_some();
        let beside = is_busy.then(|| Box::pin(beside(context, connection.credentials(), inbound, avatars, update)));
        let beside = async {
            match beside {
                Some(beside) => beside.await,
                None => pending().await,
            }
        };
        let poll = async {
            if let Some(at) = poll_after {
                sleep_until(at).await;
            }
            connection.wait(&cursor).await
        };
        tokio::select! {
            biased;
            () = context.ledger.stopped() => Err(Halt::Stopped),
            received = inbox.receive() => received.map(|()| Event::CommandsReceived),
            event = beside => event,
            turn = turn => turn,
            polled = poll => Ok(Event::Polled(polled)),
        }
    }

    async fn handle(&mut self, context: &Context, inbox: &mut Inbox, event: Event) -> Result<Option<Phase>, Halt> {
        match event {
            Event::CommandsReceived => self.act_during_upload(context, inbox).await,
            Event::Turn => self.take_turn(context, inbox).await,
            Event::Polled(Ok(false)) => {
                self.poll_succeeded(context).await?;
                self.inbound.reconcile_if_due(context).await?;
                Ok(None)
            }
            Event::AvatarsEnded(ended) => self.avatars_ended(context, ended).await.map(|()| None),
            Event::Polled(Ok(true)) => self.fetch_after_poll(context, inbox).await,
            Event::Polled(Err(error)) => self.poll_failed(context, inbox, error).await,
            Event::Update(proceeded) => {
                if update::proceed(context, inbox, &mut self.inbound, &mut self.update, proceeded).await? {
                    self.avatars_left = true;
                    // It replaces one that looks for the pictures of few contacts.
                    self.avatars = Avatars::start(context, self.connection.credentials(), Extent::All);
                }
                Ok(None)
            }
        }
    }

    /// Executes a command. After many in a row it fetches messages first.
    async fn take_turn(&mut self, context: &Context, inbox: &mut Inbox) -> Result<Option<Phase>, Halt> {
        self.commands += 1;
        if self.commands >= COMMANDS_IN_A_ROW {
            self.commands = 0;
            if let Some(phase) = self.fetch(context, inbox).await? {
                return Ok(Some(phase));
            }
        }
        match self.outbound.next_job(inbox).await? {
            Some(claimed) => match self.execute(context, inbox, claimed).await? {
                None => self.act_during_upload(context, inbox).await,
                phase => Ok(phase),
            },
            None => Ok(None),
        }
    }

    /// Executes the commands that send no message while the media of a job are uploaded; those that do wait.
    async fn act_during_upload(&mut self, context: &Context, inbox: &mut Inbox) -> Result<Option<Phase>, Halt> {
        while self.outbound.is_uploading()
            && let Some(command) = inbox.pop_action().await?
        {
            if let Some(claimed) = inbox.claim(command).await?
                && let Some(phase) = self.execute(context, inbox, claimed).await?
            {
                return Ok(Some(phase));
            }
        }
        Ok(None)
    }

    async fn execute(
        &mut self,
        context: &Context,
        inbox: &mut Inbox,
        claimed: ClaimedJob,
    ) -> Result<Option<Phase>, Halt> {
        let Self { connection, inbound, outbound, update, .. } = self;
        let connection = &mut **connection;
        let outcome = match claimed.job.command.clone() {
            Command::Login => return inbox.refuse(claimed).await.map(|()| None),
            Command::Logout => {
                close(connection).await;
                context.ledger.end_session(EndReason::LoggedOut, None).await?;
                inbox.refuse(claimed).await?;
                inbox.unclaim();
                return Ok(Some(Phase::Offline));
            }
            Command::Update => {
                let credentials = connection.credentials();
                let starting = update::start(context, inbox, inbound, update, credentials, claimed);
                return starting.await.map(|()| None);
            }
            Command::SendText { to, text } => {
                outbound.send_text(context, connection, inbound, inbox, claimed, (to, text)).await?
            }
            Command::SendMedia { to, .. } => {
                outbound.send_media(context, connection, inbound, inbox, claimed, &to).await?
            }
            Command::Recall { .. } | Command::AcceptFriend { .. } | Command::SetRemark { .. } => {
                act(context, connection, outbound, inbox, claimed).await?
            }
        };
        match outcome {
            Outcome::Handled => Ok(None),
            Outcome::LoggedOut { code } => self.ended(context, Some(inbox), code).await.map(Some),
        }
    }

    /// Fetches after a poll has announced messages.
    async fn fetch_after_poll(&mut self, context: &Context, inbox: &mut Inbox) -> Result<Option<Phase>, Halt> {
        self.commands = 0;
        let before = self.inbound.cursor.clone();
        let phase = self.fetch(context, inbox).await?;
        if self.inbound.cursor == before && self.poll_after.is_none() {
            // There was nothing. WeChat does that; a pause keeps the loop from spinning.
            self.poll_after = Some(Instant::now() + context.worker.config.retry);
        }
        Ok(phase)
    }

    /// Fetches until nothing more is waiting.
    async fn fetch(&mut self, context: &Context, inbox: &mut Inbox) -> Result<Option<Phase>, Halt> {
        let ledger = &context.ledger;
        loop {
            // A fetch may be abandoned: nothing of it is written, and the cursor stays.
            let fetched = ledger.unless_stopped(self.connection.fetch(&self.inbound.cursor)).await?;
            let batch = match fetched {
                Ok(batch) => batch,
                Err(error) => return self.poll_failed(context, inbox, error).await,
            };
            let more = batch.more && batch.cursor != self.inbound.cursor;
            let pictures = self.inbound.store_batch(context, &mut *self.connection, batch).await?;
            self.pictures_changed(context, pictures).await?;
            self.poll_succeeded(context).await?;
            self.inbound.reconcile_if_due(context).await?;
            if self.saved.at.elapsed() >= context.worker.config.save_credentials_every {
                self.save_credentials(context).await;
            }
            if !more {
                return Ok(None);
            }
        }
    }

    /// Has the pictures of changed contacts downloaded.
    async fn pictures_changed(&mut self, context: &Context, pictures: Vec<Wanted>) -> Result<(), Halt> {
        if !pictures.is_empty() && !std::mem::replace(&mut self.avatars_left, true) {
            context.ledger.change_session(|row| row.avatars_left = true).await?;
        }
        for mut picture in pictures {
            loop {
                if self.avatars.is_none() {
                    self.avatars = Avatars::start(context, self.connection.credentials(), Extent::Added);
                }
                let running = self.avatars.as_ref();
                match running.map_or(Ok(()), |running| running.add(picture)) {
                    Ok(()) => break,
                    Err(refused) => picture = refused,
                }
                // They have just ended; only the ledger has still to be told.
                if let Some(mut ended) = self.avatars.take() {
                    ended.ended().await?;
                }
            }
        }
        Ok(())
    }

    /// Notes in the session's row that no pictures of contacts are left.
    async fn avatars_ended(&mut self, context: &Context, ended: Ended) -> Result<(), Halt> {
        self.avatars = None;
        if ended == Ended::Complete && std::mem::take(&mut self.avatars_left) {
            context.ledger.change_session(|row| row.avatars_left = false).await?;
        }
        Ok(())
    }

    /// Resets the pauses, and removes the error from the session's row.
    async fn poll_succeeded(&mut self, context: &Context) -> Result<(), Halt> {
        self.polls.succeeded();
        self.poll_after = None;
        if std::mem::take(&mut self.shows_error) {
            context.ledger.change_session(|row| row.last_error = None).await?;
        }
        Ok(())
    }

    /// Decides by the error: ends the session, or pauses.
    async fn poll_failed(&mut self, context: &Context, inbox: &mut Inbox, error: Error) -> Result<Option<Phase>, Halt> {
        if let Error::LoggedOut { code } = error {
            return self.ended(context, Some(inbox), code).await.map(Some);
        }
        let mut pause = context.ledger.next_pause(&mut self.polls);
        if let Error::RateLimited { after } = error {
            // WeChat lifts its limit only after a pause that grows each time.
            pause = pause.max(after * self.polls.failures());
        }
        self.poll_after = Some(Instant::now() + pause);
        if self.polls.failures() == 1 {
            tracing::warn!(%error, "poll failed");
        }
        if self.polls.failures() == SHOWN_AFTER {
            self.show_error(context, &error.to_string()).await?;
        }
        Ok(None)
    }

    /// Shows an error in the session's row.
    async fn show_error(&mut self, context: &Context, error: &str) -> Result<(), Halt> {
        self.shows_error = true;
        context.ledger.change_session(|row| row.last_error = Some(error.to_owned())).await
    }

    /// Writes that WeChat has ended the session. A push login follows.
    async fn ended(&self, context: &Context, inbox: Option<&mut Inbox>, code: i64) -> Result<Phase, Halt> {
        metrics::SESSIONS_ENDED.add(1);
        tracing::info!(code, "session ended by WeChat");
        let credentials = self.connection.credentials();
        let sealed = context.ledger.seal(&credentials);
        context.ledger.end_session(EndReason::EndedByWeChat { code }, Some(sealed)).await?;
        if let Some(inbox) = inbox {
            inbox.unclaim();
        }
        Ok(Phase::PushLogin { ended: credentials, code })
    }

    /// Writes the credentials if they have changed. A failure is not retried: older ones open the session as well.
    async fn save_credentials(&mut self, context: &Context) {
        let credentials = self.connection.credentials();
        self.saved.at = Instant::now();
        let hash = SavedCredentials::hash(&credentials);
        if hash == self.saved.hash {
            return;
        }
        match context.ledger.save_credentials(&credentials).await {
            Ok(()) => self.saved.hash = hash,
            Err(error) => {
                tracing::warn!(error = %domain::error::chain(&error), "changed credentials not written");
            }
        }
    }
}
