//! Carrying out commands while online: texts out, in order and in a person's rhythm, and logging out.

use boot::metrics;
use domain::{
    delivery::Delivery,
    id::Seq,
    job::Command,
    message::{Content, Direction, Message},
    puid::Puid,
    session::EndReason,
};
use store::Checkpoint;
use tokio::time::Instant;
use wechat::{Channel, Error, Sent};

use super::{Halt, Phase, Task, names::kind_by_name, online::Online, orders::Claimed};

/// How often a text is tried.
const ATTEMPTS: u32 = 5;

impl<C: Channel> Task<C> {
    /// Carries out the command whose turn it is. One that must be tried again stays in hand; messages are polled for
    /// meanwhile.
    pub(super) async fn work_off(&mut self, online: &mut Online<C>) -> Result<Option<Phase<C>>, Halt> {
        online.send_after = None;
        let claimed = if let Some(claimed) = self.in_hand.take() {
            claimed
        } else {
            // Claimed only when its turn has come: if the worker ends before, nobody takes it for one that was tried.
            online.send_after = online.pace.next_turn(Instant::now());
            if online.send_after.is_some() {
                return Ok(None);
            }
            let Some(order) = self.waiting.pop_front() else { return Ok(None) };
            let Some(claimed) = self.claim(order).await? else { return Ok(None) };
            online.sends.succeeded();
            claimed
        };
        match &claimed.job.command {
            Command::Login => self.refuse(claimed).await.map(|()| None),
            Command::Logout => self.log_out(online, claimed).await.map(Some),
            Command::SendText { to, text } => {
                let (to, text) = (to.clone(), text.clone());
                self.send_text(online, claimed, to, text).await
            }
        }
    }

    async fn log_out(&mut self, online: &mut Online<C>, claimed: Claimed) -> Result<Phase<C>, Halt> {
        self.close(&mut online.keys).await;
        self.end(EndReason::LoggedOut, None).await?;
        self.refuse(claimed).await?;
        Ok(Phase::Offline)
    }

    async fn send_text(
        &mut self,
        online: &mut Online<C>,
        claimed: Claimed,
        to: Puid,
        text: String,
    ) -> Result<Option<Phase<C>>, Halt> {
        if let Err(turn) = online.pace.take(Instant::now()) {
            online.send_after = Some(turn);
            self.in_hand = Some(claimed);
            return Ok(None);
        }
        let contact = self.ledger(|| self.shared.relay.store.contact(&self.app, &to)).await?;
        let Some(contact) = contact.filter(|contact| contact.present) else {
            self.fail(claimed, "there is no such contact").await?;
            return Ok(None);
        };
        let client_id = claimed.job.client_id();
        match self.shared.channel.send_text(&mut online.keys, &contact.user_name, &text, &client_id).await {
            Ok(sent) => self.note_sent(online, claimed, to, &contact.user_name, text, &sent).await.map(|()| None),
            Err(Error::LoggedOut { code }) => {
                self.fail(claimed, "the session has ended").await?;
                self.ended(online, code).await.map(Some)
            }
            Err(error) => self.try_again(online, claimed, &error).await.map(|()| None),
        }
    }

    /// A text did not go out, as far as is known. The error says whether to try again, and when.
    async fn try_again(&mut self, online: &mut Online<C>, mut claimed: Claimed, error: &Error) -> Result<(), Halt> {
        let pause = online.sends.failed(self.shared.jitter());
        let pause = match error {
            Error::RateLimited { after } => pause.max(*after * online.sends.failures()),
            Error::Transient { sent, .. } => {
                claimed.may_be_sent |= sent;
                pause
            }
            Error::LoggedOut { .. } | Error::Refused { .. } | Error::Protocol { .. } => {
                return self.fail(claimed, error.to_string()).await;
            }
        };
        if online.sends.failures() >= ATTEMPTS {
            return self.fail(claimed, error.to_string()).await;
        }
        tracing::info!(%error, job.id = %claimed.job.id, "a text is tried again");
        online.send_after = Some(Instant::now() + pause);
        self.in_hand = Some(claimed);
        Ok(())
    }

    /// Puts what was sent into the log, and ends the job with it.
    async fn note_sent(
        &mut self,
        online: &mut Online<C>,
        claimed: Claimed,
        to: Puid,
        user_name: &str,
        text: String,
        sent: &Sent,
    ) -> Result<(), Halt> {
        let now = self.shared.relay.now();
        let is_group = kind_by_name(user_name) == domain::contact::ContactKind::Group;
        let (receiver, receiver_group) = if is_group { (None, Some(to.clone())) } else { (Some(to.clone()), None) };
        let mut message = Message {
            seq: Seq::START,
            id: sent.id,
            direction: Direction::Out,
            chat: to,
            send_user: Some(online.owner.clone()),
            send_group: None,
            maps: None,
            receiver,
            receiver_group,
            owner: online.owner.clone(),
            is_at: is_group.then_some(false),
            create_time: now,
            receive_time: now,
            update_time: now,
            content: Content::Text { text },
            delivery: Delivery::Unwanted,
        };
        // The cursor rides here as well: a log that ends with many sent messages is no longer to read back.
        let cursor = Checkpoint {
            login_number: online.login_number,
            cursor: serde_json::to_string(&online.cursor).expect("a cursor is plain data"),
        };
        online.log.append_sent(self, &mut message, &cursor, &claimed.job).await?;
        metrics::MESSAGES_OUT.add(1);
        let job = &claimed.job;
        tracing::info!(
            job.id = %job.id,
            delivery.id = job.delivery_id(),
            request.id = job.request_id(),
            log.seq = message.seq.get(),
            message.id = message.id,
            "a text was sent"
        );
        self.forget(claimed.receipt).await;
        Ok(())
    }

    /// Lets a command that could not be carried out wait for its turn again.
    pub(super) fn put_back(&mut self) {
        if let Some(claimed) = self.in_hand.take() {
            self.waiting.push_front(super::Order { job: claimed.job.id, receipt: claimed.receipt });
        }
    }
}
