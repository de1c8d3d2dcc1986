//! Outbound: texts and media, in order and paced as a person would write.

use boot::metrics;
use channel::{Connection, Error, Sent};
use domain::{
    contact::Contact,
    delivery::Delivery,
    id::Seq,
    media::MediaState,
    message::{Content, Direction, Message},
    puid::Puid,
};
use tokio::time::Instant;

use super::{
    Context, Halt,
    inbound::Inbound,
    inbox::{ClaimedJob, Inbox},
    transfer::Failure,
    upload::{Order, Ready, Upload},
    whole,
};
use crate::{backoff::Backoff, pace::Bucket};

/// How often a call that sends is attempted.
const ATTEMPTS: u32 = 5;

/// When an account may send next.
pub(super) struct Outbound {
    pace: Bucket,
    failures: Backoff,
    /// No command is executed before this time.
    pub(super) not_before: Option<Instant>,
    /// The media of the job in hand; boxed, because few sessions send any.
    upload: Option<Box<Upload>>,
}

/// What became of a job.
pub(super) enum Outcome {
    /// Sent, failed, or kept for another attempt.
    Handled,
    /// The network has ended the session.
    LoggedOut { code: i64 },
}

impl Outbound {
    pub(super) fn new(context: &Context) -> Self {
        let (pace, failures) = (Bucket::new(context.worker.config.pace), context.worker.backoff());
        Self { pace, failures, not_before: None, upload: None }
    }

    pub(super) fn has_upload(&self) -> bool {
        self.upload.is_some()
    }

    /// Whether the media of the job in hand are still being uploaded.
    pub(super) fn is_uploading(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.outcome().is_none())
    }

    /// Waits while the media of the job in hand are uploaded. May be cancelled: the upload goes on.
    pub(super) async fn uploaded(&mut self) -> Result<(), Halt> {
        match &mut self.upload {
            Some(upload) => upload.ended().await,
            None => Ok(()),
        }
    }

    /// The job to execute now: the kept one, else the next command's. `None` where none waits, its job has ended, or
    /// pacing does not allow it yet.
    pub(super) async fn next_job(&mut self, inbox: &mut Inbox) -> Result<Option<ClaimedJob>, Halt> {
        self.not_before = None;
        if let Some(kept) = inbox.take_kept() {
            return Ok(Some(kept));
        }
        // A job is claimed only when it may be executed: if the worker ends before, it does not count as attempted.
        self.not_before = self.pace.next_turn(Instant::now());
        if self.not_before.is_some() {
            return Ok(None);
        }
        let Some(command) = inbox.pop() else { return Ok(None) };
        let claimed = inbox.claim(command).await?;
        self.failures.succeeded();
        Ok(claimed)
    }

    /// Sends a text to a contact, and ends the job.
    pub(super) async fn send_text(
        &mut self,
        context: &Context,
        connection: &mut dyn Connection,
        inbound: &mut Inbound,
        inbox: &mut Inbox,
        claimed: ClaimedJob,
        (to, text): (Puid, String),
    ) -> Result<Outcome, Halt> {
        if let Err(turn) = self.pace.take(Instant::now()) {
            self.not_before = Some(turn);
            inbox.keep(claimed);
            return Ok(Outcome::Handled);
        }
        let Some(contact) = contact(context, &to).await? else {
            inbox.fail(claimed, NO_CONTACT).await?;
            return Ok(Outcome::Handled);
        };
        match connection.send_text(&contact.peer(), &text, &claimed.job.id).await {
            Ok(sent) => {
                let sending = (&contact, Content::Text { text }, None);
                record_sent(context, inbound, inbox, claimed, sending, sent).await?;
                Ok(Outcome::Handled)
            }
            Err(error) => self.failed(context, inbox, claimed, &error).await,
        }
    }

    /// Sends media to a contact once they are uploaded, and ends the job.
    pub(super) async fn send_media(
        &mut self,
        context: &Context,
        connection: &mut dyn Connection,
        inbound: &mut Inbound,
        inbox: &mut Inbox,
        mut claimed: ClaimedJob,
        to: &Puid,
    ) -> Result<Outcome, Halt> {
        let upload = self.upload.take().filter(|upload| upload.job == claimed.job.id);
        let Some(upload) = upload else {
            match contact(context, to).await?.and_then(|to| Order::of(&claimed.job.id, &claimed.job.command, to)) {
                Some(order) => {
                    inbox.release(&mut claimed).await;
                    self.upload = Some(Box::new(Upload::start(context, connection.credentials(), order)));
                    inbox.keep(claimed);
                }
                None => inbox.fail(claimed, NO_CONTACT).await?,
            }
            return Ok(Outcome::Handled);
        };
        let Ready { to, uploaded, content, size } = match upload.outcome() {
            None => {
                self.upload = Some(upload);
                inbox.keep(claimed);
                return Ok(Outcome::Handled);
            }
            Some(Ok(ready)) => ready,
            Some(Err(failure)) => {
                inbox.fail(claimed, failure.to_string()).await?;
                let Failure::LoggedOut { code } = failure else { return Ok(Outcome::Handled) };
                return Ok(Outcome::LoggedOut { code: *code });
            }
        };
        if let Err(turn) = self.pace.take(Instant::now()) {
            self.not_before = Some(turn);
            self.upload = Some(upload);
            inbox.keep(claimed);
            return Ok(Outcome::Handled);
        }
        match connection.send_media(&to.peer(), uploaded, &claimed.job.id).await {
            Ok(sent) => {
                let sending = (to, content.clone(), Some(*size));
                record_sent(context, inbound, inbox, claimed, sending, sent).await?;
                Ok(Outcome::Handled)
            }
            Err(error) => {
                let outcome = self.failed(context, inbox, claimed, &error).await?;
                // Another attempt sends what is uploaded already.
                self.upload = inbox.keeps_a_job().then_some(upload);
                Ok(outcome)
            }
        }
    }

    /// After a call that failed: the error decides what becomes of the job.
    pub(super) async fn failed(
        &mut self,
        context: &Context,
        inbox: &mut Inbox,
        claimed: ClaimedJob,
        error: &Error,
    ) -> Result<Outcome, Halt> {
        if let Error::LoggedOut { code } = *error {
            inbox.fail(claimed, "the session has ended").await?;
            return Ok(Outcome::LoggedOut { code });
        }
        self.retry_or_fail(context, inbox, claimed, error).await.map(|()| Outcome::Handled)
    }

    /// Keeps a job that was not executed, as far as is known, for another attempt; or ends it. The error decides.
    async fn retry_or_fail(
        &mut self,
        context: &Context,
        inbox: &mut Inbox,
        mut claimed: ClaimedJob,
        error: &Error,
    ) -> Result<(), Halt> {
        let pause = context.ledger.next_pause(&mut self.failures);
        let pause = match error {
            Error::RateLimited { after } => pause.max(*after * self.failures.failures()),
            Error::Transient { sent, .. } => {
                claimed.uncertain |= sent;
                pause
            }
            Error::Unconfirmed { .. } => {
                claimed.uncertain = true;
                return inbox.fail(claimed, error.to_string()).await;
            }
            Error::LoggedOut { .. } | Error::Refused { .. } | Error::Protocol { .. } => {
                return inbox.fail(claimed, error.to_string()).await;
            }
        };
        // A job in hand is uploaded meanwhile, and only one can be kept.
        if self.failures.failures() >= ATTEMPTS || inbox.keeps_a_job() {
            return inbox.fail(claimed, error.to_string()).await;
        }
        tracing::info!(%error, job.id = %claimed.job.id, "send attempt failed; retrying");
        self.not_before = Some(Instant::now() + pause);
        inbox.keep(claimed);
        Ok(())
    }
}

/// Why a job fails whose contact does not exist any more.
pub(super) const NO_CONTACT: &str = "there is no such contact";

/// A contact that can be written to.
pub(super) async fn contact(context: &Context, puid: &Puid) -> Result<Option<Contact>, Halt> {
    let contact = context.ledger.ask(|store, app| store.contact(app, puid)).await?;
    Ok(contact.filter(|contact| contact.present))
}

/// Appends a sent message to the log and ends its job. `size` is that of its media, in bytes.
async fn record_sent(
    context: &Context,
    inbound: &mut Inbound,
    inbox: &Inbox,
    claimed: ClaimedJob,
    (to, body, size): (&Contact, Content, Option<u64>),
    sent: Sent,
) -> Result<(), Halt> {
    let now = context.ledger.now();
    let (chat, owner, is_group) = (to.puid.clone(), inbound.owner().clone(), to.peer().is_group());
    let (receiver, receiver_group) = if is_group { (None, Some(chat.clone())) } else { (Some(chat.clone()), None) };
    let mut message = Message {
        seq: Seq::START,
        id: sent.id,
        direction: Direction::Out,
        chat,
        send_user: Some(owner.clone()),
        send_group: None,
        maps: None,
        receiver,
        receiver_group,
        owner,
        is_at: is_group.then_some(false),
        create_time: now,
        receive_time: now,
        update_time: now,
        content: body,
        media: size.map(|size| MediaState::Stored { size }),
        whole: None,
        refer: None,
        delivery: Delivery::Unwanted,
    };
    whole::fit(&context.ledger, &mut message).await?;
    // The checkpoint is stored here as well, so that a restart finds one without reading back over many sent messages.
    let checkpoint = inbound.checkpoint();
    inbound.log.append_sent(&mut message, &checkpoint, &claimed.job).await?;
    metrics::MESSAGES_OUT.add(1);
    if let Some(size) = size {
        metrics::MEDIA_OUT.add(1);
        metrics::MEDIA_OUT_BYTES.add(size);
    }
    let job = &claimed.job;
    tracing::info!(
        %job.id,
        delivery.id = job.delivery_id(),
        request.id = job.request_id(),
        log.seq = message.seq.get(),
        message.id = message.id,
        message.kind = message.content.kind().as_str(),
        "message sent"
    );
    inbox.delete(claimed.receipt).await;
    Ok(())
}
