//! Asking the ledger until it answers.

use std::{future::Future, time::Duration};

use domain::{
    error::chain,
    secret::Sealed,
    session::{EndReason, Session, SessionState},
};
use store::StoreError;
use tokio::time::sleep;
use wechat::Channel;

use super::{Halt, Shared, Task};
use crate::backoff::Backoff;

impl<C> Shared<C> {
    /// Asks until there is an answer. `None` where there will be none: it was logged.
    pub async fn insist<T, F>(&self, mut ask: impl FnMut() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = Backoff::new(self.config.retry);
        loop {
            match Box::pin(ask()).await {
                Ok(answer) => return Some(answer),
                Err(error @ StoreError::Unavailable(_)) => {
                    if backoff.failures() == 0 {
                        tracing::warn!(error = %chain(&error), "the ledger does not answer; asking again");
                    }
                    sleep(backoff.failed(self.jitter())).await;
                }
                Err(error) => {
                    tracing::error!(error = %chain(&error), "the ledger cannot be read");
                    return None;
                }
            }
        }
    }
}

impl<C: Channel> Task<C> {
    /// Asks until there is an answer, or the session is to stop. A conflict means that another worker has written.
    pub(super) async fn ledger<T, F>(&self, ask: impl FnMut() -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let answer = self.ledger_unless_taken(ask).await?;
        answer.ok_or_else(|| {
            tracing::warn!("another worker has written; stopping");
            Halt::Stopped
        })
    }

    /// [`Self::ledger`] where a conflict, `None`, is for the caller to understand.
    pub(super) async fn ledger_unless_taken<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<Option<T>, Halt>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = Backoff::new(self.shared.config.retry);
        loop {
            // Boxed, so that a session that is idle does not carry the room for it.
            match Box::pin(ask()).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(StoreError::Conflict) => return Ok(None),
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(error = %chain(&error), "the ledger cannot be read");
                    return Err(Halt::Unreadable);
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    if backoff.failures() == 0 {
                        tracing::warn!(error = %chain(&error), "the ledger does not answer; asking again");
                    }
                    self.rest(backoff.failed(self.shared.jitter())).await?;
                }
            }
        }
    }

    /// Waits, unless the session is to stop.
    pub(super) async fn rest(&self, pause: Duration) -> Result<(), Halt> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => Err(Halt::Stopped),
            () = sleep(pause) => Ok(()),
        }
    }

    /// Whether the lease is still ours.
    pub(super) async fn still_ours(&self) -> Result<bool, Halt> {
        let lease = self.ledger(|| self.shared.relay.store.lease(self.lease.shard)).await?;
        Ok(lease.is_some_and(|lease| lease.epoch == self.lease.epoch && lease.owner == self.lease.owner))
    }

    /// Changes the session's row; a worker with a newer lease makes it stop.
    pub(super) async fn change(&self, edit: impl FnOnce(&mut Session)) -> Result<(), Halt> {
        let relay = &self.shared.relay;
        let row = self.ledger(|| relay.store.session(&self.app)).await?;
        let mut session = row.unwrap_or_else(|| Session::offline(relay.now()));
        let before = session.state;
        edit(&mut session);
        if session.state != before {
            session.since = relay.now();
            tracing::info!(session.state = session.state.as_str(), "the session has changed");
        }
        self.ledger(|| relay.store.put_session(&self.app, &session, &self.lease)).await
    }

    /// Notes that nobody is logged in, and why.
    pub(super) async fn end(&self, ending: EndReason, keys: Option<Sealed>) -> Result<(), Halt> {
        self.change(|session| {
            session.state = SessionState::Offline;
            session.ending = Some(ending);
            session.credentials = keys;
            session.last_error = None;
        })
        .await
    }
}
