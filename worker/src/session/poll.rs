//! The loop of a session that is online.

use std::{future::pending, sync::Arc};

use boot::metrics;
use domain::error::chain;
use domain::session::{EndReason, Session};
use tokio::time::{Instant, sleep_until};
use wechat::{Channel, Error};

use super::{
    Halt, Phase, Task,
    online::{KeptKeys, Online, bytes_of, hash_of},
};
use crate::session::Order;

/// Failures in a row after which the session's row tells of them.
const TELLING: u32 = 3;
/// Commands carried out in a row before messages are looked for.
const TURNS: u32 = 8;

/// What ended a wait.
enum Event {
    Order(Order),
    /// A command's turn has come.
    Turn,
    Polled(Result<bool, Error>),
}

impl<C: Channel> Task<C> {
    /// Polls, and carries out commands in between, until the session ends.
    pub(super) async fn online(&mut self, mut online: Box<Online<C>>) -> Result<Phase<C>, Halt> {
        Box::pin(self.reconcile(&mut online)).await?;
        let outcome = self.poll(&mut online).await;
        match outcome {
            Err(Halt::Stopped) => Box::pin(self.keep_keys(&mut online)).await,
            Err(Halt::Gone) => self.close(&mut online.keys).await,
            _ => {}
        }
        outcome
    }

    async fn poll(&mut self, online: &mut Online<C>) -> Result<Phase<C>, Halt> {
        loop {
            let ended = match self.next_event(online).await? {
                Event::Order(order) => {
                    self.waiting.push_back(order);
                    self.take_in()?;
                    None
                }
                Event::Turn => Box::pin(self.take_turn(online)).await?,
                Event::Polled(Ok(false)) => {
                    self.well(online).await?;
                    Box::pin(self.reconcile_in_time(online)).await?;
                    None
                }
                Event::Polled(Ok(true)) => Box::pin(self.collect_what_was_told(online)).await?,
                Event::Polled(Err(error)) => Box::pin(self.ill(online, error)).await?,
            };
            if let Some(phase) = ended {
                return Ok(phase);
            }
        }
    }

    async fn next_event(&mut self, online: &mut Online<C>) -> Result<Event, Halt> {
        let shared = Arc::clone(&self.shared);
        let poll_after = online.poll_after;
        let wants_turn = self.in_hand.is_some() || !self.waiting.is_empty();
        let send_after = online.send_after.filter(|after| *after > Instant::now());
        let turn = async {
            match (wants_turn, send_after) {
                (false, _) => pending().await,
                (true, None) => {}
                (true, Some(after)) => sleep_until(after).await,
            }
        };
        let poll = async {
            if let Some(after) = poll_after {
                sleep_until(after).await;
            }
            shared.channel.wait(&mut online.keys, &online.cursor).await
        };
        tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stop| *stop) => Err(Halt::Stopped),
            order = self.incoming.recv() => order.map(Event::Order).ok_or(Halt::Stopped),
            () = turn => Ok(Event::Turn),
            polled = poll => Ok(Event::Polled(polled)),
        }
    }

    /// Carries out a command. Many of them in a row must not keep messages out.
    async fn take_turn(&mut self, online: &mut Online<C>) -> Result<Option<Phase<C>>, Halt> {
        online.turns += 1;
        if online.turns >= TURNS {
            online.turns = 0;
            if let Some(phase) = self.collect(online).await? {
                return Ok(Some(phase));
            }
        }
        self.work_off(online).await
    }

    /// Fetches after a poll has said that there is something.
    async fn collect_what_was_told(&mut self, online: &mut Online<C>) -> Result<Option<Phase<C>>, Halt> {
        online.turns = 0;
        let before = online.cursor.clone();
        let ended = self.collect(online).await?;
        if online.cursor == before && online.poll_after.is_none() {
            // There was nothing: WeChat does that, and must not be asked in a tight loop.
            online.poll_after = Some(Instant::now() + self.shared.config.retry);
        }
        Ok(ended)
    }

    /// Fetches until nothing more is waiting.
    async fn collect(&mut self, online: &mut Online<C>) -> Result<Option<Phase<C>>, Halt> {
        loop {
            let shared = Arc::clone(&self.shared);
            // A fetch may be given up: nothing of it is written, and its cursor not moved.
            let fetched = tokio::select! {
                biased;
                _ = self.stopping.wait_for(|stop| *stop) => return Err(Halt::Stopped),
                fetched = shared.channel.fetch(&mut online.keys, &online.cursor) => fetched,
            };
            let batch = match fetched {
                Ok(batch) => batch,
                Err(error) => return self.ill(online, error).await,
            };
            let more = batch.more && batch.cursor != online.cursor;
            self.take_batch(online, batch).await?;
            self.well(online).await?;
            self.reconcile_in_time(online).await?;
            if online.kept.at.elapsed() >= shared.config.keep_keys {
                self.keep_keys(online).await;
            }
            if !more {
                return Ok(None);
            }
        }
    }

    /// A poll went well: pauses are over, and the session's row no longer tells of failures.
    async fn well(&self, online: &mut Online<C>) -> Result<(), Halt> {
        online.polls.succeeded();
        online.poll_after = None;
        if std::mem::take(&mut online.troubled) {
            Box::pin(self.change(|session| session.last_error = None)).await?;
        }
        Ok(())
    }

    /// A poll failed: the error says what to do.
    async fn ill(&mut self, online: &mut Online<C>, error: Error) -> Result<Option<Phase<C>>, Halt> {
        if let Error::LoggedOut { code } = error {
            return self.ended(online, code).await.map(Some);
        }
        let mut pause = online.polls.failed(self.shared.jitter());
        if let Error::RateLimited { after } = error {
            // WeChat is patient only with those who are quiet for longer each time.
            pause = pause.max(after * online.polls.failures());
        }
        online.poll_after = Some(Instant::now() + pause);
        if online.polls.failures() == 1 {
            tracing::warn!(%error, "a poll failed");
        }
        if online.polls.failures() == TELLING {
            self.tell(online, &error.to_string()).await?;
        }
        Ok(None)
    }

    /// Lets the session's row tell of a failure.
    pub(super) async fn tell(&self, online: &mut Online<C>, what: &str) -> Result<(), Halt> {
        online.troubled = true;
        self.change(|session| session.last_error = Some(what.to_owned())).await
    }

    /// WeChat has ended the session: notes it, and asks the phone once.
    pub(super) async fn ended(&mut self, online: &Online<C>, code: i64) -> Result<Phase<C>, Halt> {
        metrics::SESSIONS_ENDED.add(1);
        tracing::info!(code, "WeChat has ended the session");
        let keys = Session::seal_credentials(&self.app, &bytes_of::<C>(&online.keys), &self.shared.relay.sealer);
        self.end(EndReason::EndedByWeChat { code }, Some(keys)).await?;
        self.put_back();
        self.begin_push(&online.keys, code).await
    }

    /// Ends the session at WeChat, as far as WeChat listens.
    pub(super) async fn close(&self, keys: &mut C::Session) {
        if let Err(error) = Box::pin(self.shared.channel.close(keys)).await {
            tracing::warn!(%error, "WeChat was not told that the session is over; its keys are dropped all the same");
        }
    }

    /// Writes the keys if they have changed. They are worth no waiting: older ones open the session as well.
    async fn keep_keys(&self, online: &mut Online<C>) {
        if hash_of::<C>(&online.keys) == online.kept.hash {
            online.kept.at = Instant::now();
            return;
        }
        let relay = &self.shared.relay;
        let written = async {
            let Some(mut session) = relay.store.session(&self.app).await? else { return Ok(()) };
            session.credentials =
                Some(Session::seal_credentials(&self.app, &bytes_of::<C>(&online.keys), &relay.sealer));
            relay.store.put_session(&self.app, &session, &self.lease).await
        };
        match Box::pin(written).await {
            Ok(()) => online.kept = KeptKeys::of::<C>(&online.keys),
            Err(error) => {
                online.kept.at = Instant::now();
                tracing::warn!(error = %chain(&error), "changed keys were not written");
            }
        }
    }
}
