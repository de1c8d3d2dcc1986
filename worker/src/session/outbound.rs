//! Outbound: texts, in order and paced as a person would write.

use boot::metrics;
use channel::{Connection, Error, Sent};
use domain::{
    contact::Contact,
    delivery::Delivery,
    id::Seq,
    message::{Content, Direction, Message},
    puid::Puid,
};
use tokio::time::Instant;

use super::{
    Context, Halt,
    inbound::Inbound,
    inbox::{ClaimedJob, Inbox},
};
use crate::{backoff::Backoff, pace::Bucket};

/// How often a text is attempted.
const ATTEMPTS: u32 = 5;

/// When an account may send next.
pub(super) struct Outbound {
    pace: Bucket,
    failures: Backoff,
    /// No command is executed before this time.
    pub(super) not_before: Option<Instant>,
}

/// What became of a text.
pub(super) enum Outcome {
    /// Sent, failed, or kept for another attempt.
    Handled,
    /// The network has ended the session.
    LoggedOut { code: i64 },
}

impl Outbound {
    pub(super) fn new(context: &Context) -> Self {
        Self { pace: Bucket::new(context.worker.config.pace), failures: context.worker.backoff(), not_before: None }
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
        let contact = context.ledger.ask(|store, app| store.contact(app, &to)).await?;
        let Some(contact) = contact.filter(|contact| contact.present) else {
            inbox.fail(claimed, "there is no such contact").await?;
            return Ok(Outcome::Handled);
        };
        match connection.send_text(&contact.peer(), &text, &claimed.job.id).await {
            Ok(sent) => record_sent(context, inbound, inbox, claimed, &contact, text, sent).await?,
            Err(Error::LoggedOut { code }) => {
                inbox.fail(claimed, "the session has ended").await?;
                return Ok(Outcome::LoggedOut { code });
            }
            Err(error) => self.retry_or_fail(context, inbox, claimed, &error).await?,
        }
        Ok(Outcome::Handled)
    }

    /// Keeps the job of a text that was not sent, as far as is known, for another attempt; or ends it. The error decides.
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
        if self.failures.failures() >= ATTEMPTS {
            return inbox.fail(claimed, error.to_string()).await;
        }
        tracing::info!(%error, job.id = %claimed.job.id, "send attempt failed; retrying");
        self.not_before = Some(Instant::now() + pause);
        inbox.keep(claimed);
        Ok(())
    }
}

/// Appends a sent text to the log and ends its job.
async fn record_sent(
    context: &Context,
    inbound: &mut Inbound,
    inbox: &Inbox,
    claimed: ClaimedJob,
    to: &Contact,
    text: String,
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
        content: Content::Text { text },
        media: None,
        whole: None,
        refer: None,
        delivery: Delivery::Unwanted,
    };
    // The checkpoint is stored here as well, so that a restart finds one without reading back over many sent messages.
    let checkpoint = inbound.checkpoint();
    inbound.log.append_sent(&mut message, &checkpoint, &claimed.job).await?;
    metrics::MESSAGES_OUT.add(1);
    let job = &claimed.job;
    tracing::info!(
        %job.id,
        delivery.id = job.delivery_id(),
        request.id = job.request_id(),
        log.seq = message.seq.get(),
        message.id = message.id,
        "text sent"
    );
    inbox.delete(claimed.receipt).await;
    Ok(())
}
