//! The sessions of a leased shard, and which commands they get.

use std::{any::Any, collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use boot::metrics;
use domain::{error::chain, id::AppId, job::Job};
use futures_util::{FutureExt, StreamExt, stream};
use queue::{CommandEnvelope, Received};
use store::Lease;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
    time::sleep,
};
use tracing::Instrument;

use super::commands::CommandQueue;
use crate::{
    context::WorkerContext,
    monitor::{SessionCount, SessionPhase},
    session::{self, Halt, PendingCommand, Session},
};

/// Rows read at once when a shard is acquired.
const READS_AT_ONCE: usize = 16;
/// How long a session that panicked waits before it starts again.
const RESTART_AFTER: Duration = Duration::from_secs(30);

/// What the end of a session means for the lease.
#[derive(PartialEq, Eq)]
enum LeaseState {
    Held,
    Lost,
}

type Ended = (AppId, Result<Halt, Box<dyn Any + Send>>);

/// Starts the sessions of a shard, and routes commands to them.
pub(super) struct CommandRouter {
    worker: Arc<WorkerContext>,
    lease: Arc<Lease>,
    stopping: watch::Receiver<bool>,
    sessions: HashMap<AppId, mpsc::UnboundedSender<PendingCommand>>,
    /// Apps that were logged in once and have no running session; they are counted.
    offline: HashMap<AppId, SessionCount>,
    tasks: JoinSet<Ended>,
}

impl CommandRouter {
    pub(super) fn new(worker: Arc<WorkerContext>, lease: Lease, stopping: watch::Receiver<bool>) -> Self {
        Self {
            worker,
            lease: Arc::new(lease),
            stopping,
            sessions: HashMap::new(),
            offline: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Runs until it is dropped, or until a session finds that the lease is lost.
    pub(super) async fn run(&mut self, commands: &mut CommandQueue) {
        self.start_sessions().await;
        self.route_open_jobs().await;
        let worker = Arc::clone(&self.worker);
        let mut backoff = worker.backoff();
        loop {
            let received = tokio::select! {
                received = commands.receive() => received,
                Some(ended) = self.tasks.join_next() => {
                    if self.session_ended(ended) == LeaseState::Lost {
                        return;
                    }
                    continue;
                }
            };
            match received {
                Ok(messages) => {
                    backoff.succeeded();
                    for message in messages {
                        self.route_message(message).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "command queue unavailable; retrying");
                    sleep(backoff.failed(worker.jitter())).await;
                }
            }
        }
    }

    /// Waits until every session has stopped, after they were asked to.
    pub(super) async fn close(mut self) {
        self.sessions.clear();
        while self.tasks.join_next().await.is_some() {}
    }

    /// Starts every session that has something to resume.
    async fn start_sessions(&mut self) {
        let worker = Arc::clone(&self.worker);
        let store = &worker.relay.store;
        let shard = self.lease.shard;
        let apps = worker.ask_ledger(|| store.app_ids(shard)).await.unwrap_or_default();
        let rows = stream::iter(apps).map(|app| async {
            let row = worker.ask_ledger(|| store.session(&app)).await.flatten();
            (app, row)
        });
        let mut rows = std::pin::pin!(rows.buffer_unordered(READS_AT_ONCE));
        while let Some((app, row)) = rows.next().await {
            match row {
                Some(row) if session::is_resumable(&row) => self.start(app, Duration::ZERO),
                Some(_) => drop(self.offline.insert(app, SessionCount::new(&worker.counts, SessionPhase::Offline))),
                None => {}
            }
        }
    }

    /// Routes the jobs that are open in the ledger, since the queue may have lost them. They run in the order in which
    /// they were created; the index has another order once a sweep has moved what is overdue.
    async fn route_open_jobs(&mut self) {
        let worker = Arc::clone(&self.worker);
        let (store, shard) = (&worker.relay.store, self.lease.shard);
        let open = worker.ask_ledger(|| store.open_jobs(shard)).await.unwrap_or_default();
        let jobs = stream::iter(open).map(|open| {
            let worker = Arc::clone(&worker);
            async move { worker.ask_ledger(|| worker.relay.store.job(&open.app, &open.id)).await.flatten() }
        });
        let mut jobs: Vec<Job> = jobs.buffer_unordered(READS_AT_ONCE).filter_map(std::future::ready).collect().await;
        jobs.sort_by_key(|job| job.created);
        for job in jobs {
            self.route(&job.app, PendingCommand { job: job.id, receipt: None });
        }
    }

    async fn route_message(&mut self, message: Received) {
        if let Some(sent) = message.sent {
            metrics::QUEUE_AGE.record_of("commands", self.worker.relay.since(sent).as_secs_f64());
        }
        match serde_json::from_str::<CommandEnvelope>(&message.body) {
            Ok(envelope) => {
                let command = PendingCommand { job: envelope.job, receipt: Some(message.receipt) };
                self.route(&envelope.app, command);
            }
            Err(error) => {
                tracing::error!(%error, "unreadable command dropped");
                self.worker.delete_command(self.lease.shard, &message.receipt).await;
            }
        }
    }

    fn route(&mut self, app: &AppId, command: PendingCommand) {
        if !self.sessions.contains_key(app) {
            self.start(app.clone(), Duration::ZERO);
        }
        let sent = self.sessions.get(app).map(|session| session.send(command));
        if let Some(Err(mpsc::error::SendError(command))) = sent {
            // The queue delivers the command again, or the sweep does.
            tracing::debug!(app.id = %app, job.id = %command.job, "session has just ended; command comes again");
        }
    }

    fn start(&mut self, app: AppId, delay: Duration) {
        self.offline.remove(&app);
        let (sender, commands) = mpsc::unbounded_channel();
        self.sessions.insert(app.clone(), sender);
        let (lease, stopping) = (Arc::clone(&self.lease), self.stopping.clone());
        let session = Session::new(Arc::clone(&self.worker), app.clone(), lease, commands, stopping);
        let span = tracing::info_span!(parent: None, "session", app.id = %app);
        let run = async move {
            sleep(delay).await;
            let outcome = AssertUnwindSafe(session.run()).catch_unwind().await;
            (app, outcome)
        };
        self.tasks.spawn(run.instrument(span));
    }

    /// Removes a session that has ended. One that stops before it is asked to has met a write of another worker.
    fn session_ended(&mut self, ended: Result<Ended, JoinError>) -> LeaseState {
        let Ok((app, outcome)) = ended else { return LeaseState::Held };
        self.sessions.remove(&app);
        match outcome {
            Ok(Halt::Stopped) => return LeaseState::Lost,
            Ok(Halt::AppDeleted) => tracing::info!(app.id = %app, "session ended; its app was deleted"),
            Ok(Halt::Unreadable) => {
                tracing::error!(app.id = %app, "session ended by an unreadable row; restarting it");
                self.start(app, RESTART_AFTER);
            }
            Err(panic) => {
                let message = panic_message(&*panic);
                tracing::error!(app.id = %app, panic.message = message, "session panicked; restarting it");
                self.start(app, RESTART_AFTER);
            }
        }
        LeaseState::Held
    }
}

/// The text of a panic, where it has one.
fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("?")
}
