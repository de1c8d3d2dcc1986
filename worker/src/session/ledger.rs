//! An app's part of the ledger. Every request is repeated until the ledger answers or the session stops.

use std::{future::Future, sync::Arc, time::Duration};

use boot::Relay;
use channel::Credentials;
use domain::{
    id::AppId,
    secret::Sealed,
    session::{EndReason, Session as SessionRow, SessionState},
};
use jiff::Timestamp;
use store::{Lease, Store, StoreError};
use tokio::{
    sync::{SemaphorePermit, watch},
    time::sleep,
};

use super::Halt;
use crate::{backoff::Backoff, context::WorkerContext};

/// Why the ledger did not do what it was asked. Asking again does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejected {
    /// Another writer was first.
    Conflict,
    /// The ledger never accepts such a request.
    Refused,
}

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Ledger {
    worker: Arc<WorkerContext>,
    app: AppId,
    lease: Arc<Lease>,
    stopping: watch::Receiver<bool>,
}

impl Ledger {
    pub(super) fn new(
        worker: Arc<WorkerContext>,
        app: AppId,
        lease: Arc<Lease>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { worker, app, lease, stopping }
    }

    pub(super) fn app(&self) -> &AppId {
        &self.app
    }

    pub(super) fn shard(&self) -> u16 {
        self.lease.shard
    }

    pub(super) fn relay(&self) -> &Relay {
        &self.worker.relay
    }

    pub(super) fn now(&self) -> Timestamp {
        self.worker.relay.now()
    }

    /// Waits for its turn to summarise a block. Turns go round, so that a long log does not hold up another app's.
    pub(super) async fn summary_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.worker.summaries.acquire().await.ok()
    }

    /// Repeats a request until it is answered. A conflict means that another worker has written, and stops the session.
    pub(super) async fn ask<'a, T, F>(&'a self, request: impl Fn(&'a Store, &'a AppId) -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let answer = self.ask_unless_conflict(request).await?;
        answer.ok_or_else(|| {
            tracing::warn!("another worker has written; stopping");
            Halt::Stopped
        })
    }

    /// [`Self::ask`] for a caller that handles a conflict itself: `None`.
    pub(super) async fn ask_unless_conflict<'a, T, F>(
        &'a self,
        request: impl Fn(&'a Store, &'a AppId) -> F,
    ) -> Result<Option<T>, Halt>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        match self.try_ask(request).await? {
            Ok(answer) => Ok(Some(answer)),
            Err(Rejected::Conflict) => Ok(None),
            Err(Rejected::Refused) => Err(Halt::Unreadable),
        }
    }

    /// [`Self::ask`] for a caller that handles a conflict and a refusal itself.
    pub(super) async fn try_ask<'a, T, F>(
        &'a self,
        request: impl Fn(&'a Store, &'a AppId) -> F,
    ) -> Result<Result<T, Rejected>, Halt>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = self.worker.backoff();
        loop {
            // Boxed, so that an idle session does not hold memory for it.
            match Box::pin(request(&self.worker.relay.store, &self.app)).await {
                Ok(answer) => return Ok(Ok(answer)),
                Err(StoreError::Conflict) => return Ok(Err(Rejected::Conflict)),
                Err(StoreError::Unavailable(error)) => {
                    if backoff.failures() == 0 {
                        tracing::warn!(error = %domain::error::chain(&*error), "ledger unavailable; retrying");
                    }
                    self.pause(self.next_pause(&mut backoff)).await?;
                }
                Err(StoreError::Refused(error)) => {
                    tracing::error!(error = %domain::error::chain(&*error), "ledger refused a request");
                    return Ok(Err(Rejected::Refused));
                }
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(error = %domain::error::chain(&error), "ledger row unreadable");
                    return Err(Halt::Unreadable);
                }
            }
        }
    }

    pub(super) fn backoff(&self) -> Backoff {
        self.worker.backoff()
    }

    /// The pause after another failure.
    pub(super) fn next_pause(&self, backoff: &mut Backoff) -> Duration {
        backoff.failed(self.worker.jitter())
    }

    /// Waits, unless the session stops.
    pub(super) async fn pause(&self, pause: Duration) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Halt::Stopped),
            () = sleep(pause) => Ok(()),
        }
    }

    /// Returns once the session has to stop.
    pub(super) async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // The sender is dropped only after the session's task.
        drop(stopping.wait_for(|stop| *stop).await);
    }

    /// Runs `work`, and abandons it when the session has to stop.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Halt::Stopped),
            done = work => Ok(done),
        }
    }

    /// Deletes a completed command from the shard's queue.
    pub(super) async fn delete_command(&self, receipt: &str) {
        self.worker.delete_command(self.lease.shard, receipt).await;
    }

    /// Whether this worker still holds the shard's lease.
    pub(super) async fn owns_lease(&self) -> Result<bool, Halt> {
        let lease = self.ask(|store, _| store.lease(self.lease.shard)).await?;
        Ok(lease.is_some_and(|lease| lease.epoch == self.lease.epoch && lease.owner == self.lease.owner))
    }

    /// Changes the session's row. A worker with a newer lease stops this session.
    pub(super) async fn change_session(&self, edit: impl FnOnce(&mut SessionRow)) -> Result<(), Halt> {
        let row = self.ask(store::Store::session).await?;
        let mut row = row.unwrap_or_else(|| SessionRow::offline(self.now()));
        let before = row.state;
        edit(&mut row);
        if row.state != before {
            row.since = self.now();
            tracing::info!(session.state = row.state.as_str(), "session state changed");
        }
        let row = &row;
        self.ask(move |store, app| store.put_session(app, row, &self.lease)).await
    }

    /// Writes that no account is logged in any more, and why.
    pub(super) async fn end_session(&self, reason: EndReason, credentials: Option<Sealed>) -> Result<(), Halt> {
        self.change_session(|row| {
            row.state = SessionState::Offline;
            row.ending = Some(reason);
            row.credentials = credentials;
            row.last_error = None;
            row.updating = false;
        })
        .await
    }

    /// Writes changed credentials, without a retry: older ones open the session as well.
    pub(super) async fn save_credentials(&self, credentials: &Credentials) -> Result<(), StoreError> {
        let store = &self.worker.relay.store;
        let Some(mut row) = store.session(&self.app).await? else { return Ok(()) };
        row.credentials = Some(self.seal(credentials));
        store.put_session(&self.app, &row, &self.lease).await
    }

    pub(super) fn seal(&self, credentials: &Credentials) -> Sealed {
        SessionRow::seal_credentials(&self.app, credentials, &self.worker.relay.sealer)
    }

    /// The credentials of a session's row; `None` where there are none, or none that this key opens.
    pub(super) fn unseal(&self, row: &SessionRow) -> Option<Credentials> {
        row.open_credentials(&self.app, &self.worker.relay.sealer)?.ok()
    }
}
