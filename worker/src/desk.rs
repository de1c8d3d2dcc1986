//! The sessions of a leased shard, and who of them is given which command.

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
use wechat::Channel;

use crate::{
    backoff::Backoff,
    census::{Place, Standing},
    commands::Commands,
    session::{self, Halt, Order, Shared, Task},
};

/// Sessions whose rows are read side by side when a shard is taken.
const READ_AT_ONCE: usize = 16;
/// How long a session that broke rests before it is started again.
const REST: Duration = Duration::from_secs(30);

/// What a session's end says of the lease.
#[derive(PartialEq, Eq)]
enum Verdict {
    GoOn,
    Lost,
}

type Ended = (AppId, Result<Halt, Box<dyn Any + Send>>);

/// Hands the commands of a shard to the tasks of its apps, and starts those.
pub(crate) struct Desk<C> {
    shared: Arc<Shared<C>>,
    lease: Arc<Lease>,
    stopping: watch::Receiver<bool>,
    sessions: HashMap<AppId, mpsc::UnboundedSender<Order>>,
    /// Apps without a task that were logged in once: they are counted.
    resting: HashMap<AppId, Place>,
    tasks: JoinSet<Ended>,
}

impl<C: Channel> Desk<C> {
    pub fn new(shared: Arc<Shared<C>>, lease: Lease, stopping: watch::Receiver<bool>) -> Self {
        Self {
            shared,
            lease: Arc::new(lease),
            stopping,
            sessions: HashMap::new(),
            resting: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Works until its future is dropped, or a session has found that the lease is lost.
    pub async fn work(&mut self, commands: &mut Commands) {
        self.start_sessions().await;
        self.recover_orders().await;
        let shared = Arc::clone(&self.shared);
        let mut backoff = Backoff::new(shared.config.retry);
        loop {
            let received = tokio::select! {
                received = commands.next() => received,
                Some(ended) = self.tasks.join_next() => {
                    if self.ended(ended) == Verdict::Lost {
                        return;
                    }
                    continue;
                }
            };
            match received {
                Ok(messages) => {
                    backoff.succeeded();
                    for message in messages {
                        self.hand_out(message).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "commands cannot be received");
                    sleep(backoff.failed(shared.jitter())).await;
                }
            }
        }
    }

    /// Waits until every session has stopped, once they were asked to.
    pub async fn close(mut self) {
        self.sessions.clear();
        while self.tasks.join_next().await.is_some() {}
    }

    /// A task for every app that has something to go on with.
    async fn start_sessions(&mut self) {
        let shared = Arc::clone(&self.shared);
        let store = &shared.relay.store;
        let number = self.lease.shard;
        let apps = shared.insist(|| store.app_ids(number)).await.unwrap_or_default();
        let sessions = stream::iter(apps).map(|app| async {
            let session = shared.insist(|| store.session(&app)).await.flatten();
            (app, session)
        });
        let mut sessions = std::pin::pin!(sessions.buffer_unordered(READ_AT_ONCE));
        while let Some((app, session)) = sessions.next().await {
            match session {
                Some(session) if session::goes_on(&session) => self.start(app, Duration::ZERO),
                Some(_) => drop(self.resting.insert(app, Place::new(&shared.census, Standing::Offline))),
                None => {}
            }
        }
    }

    /// The queue may have lost what the ledger still knows to be done. It is done in the order in which it was asked
    /// for; the index has another, as a sweep moves what is overdue.
    async fn recover_orders(&mut self) {
        let shared = Arc::clone(&self.shared);
        let (store, number) = (&shared.relay.store, self.lease.shard);
        let open = shared.insist(|| store.open_jobs(number)).await.unwrap_or_default();
        let jobs = stream::iter(open).map(|open| {
            let shared = Arc::clone(&shared);
            async move { shared.insist(|| shared.relay.store.job(&open.app, &open.id)).await.flatten() }
        });
        let mut jobs: Vec<Job> = jobs.buffer_unordered(READ_AT_ONCE).filter_map(std::future::ready).collect().await;
        jobs.sort_by_key(|job| job.created);
        for job in jobs {
            self.route(&job.app, Order { job: job.id, receipt: None });
        }
    }

    async fn hand_out(&mut self, message: Received) {
        if let Some(sent) = message.sent {
            metrics::QUEUE_AGE.record_of("commands", self.shared.relay.since(sent).as_secs_f64());
        }
        match serde_json::from_str::<CommandEnvelope>(&message.body) {
            Ok(envelope) => self.route(&envelope.app, Order { job: envelope.job, receipt: Some(message.receipt) }),
            Err(error) => {
                tracing::error!(%error, "a command that cannot be read is dropped");
                self.shared.forget(self.lease.shard, &message.receipt).await;
            }
        }
    }

    fn route(&mut self, app: &AppId, order: Order) {
        if !self.sessions.contains_key(app) {
            self.start(app.clone(), Duration::ZERO);
        }
        if let Some(Err(mpsc::error::SendError(order))) = self.sessions.get(app).map(|session| session.send(order)) {
            // Its end has not been noticed yet. The queue gives the command again, or the sweep does.
            tracing::debug!(app.id = %app, job.id = %order.job, "the session has just ended");
        }
    }

    fn start(&mut self, app: AppId, rest: Duration) {
        self.resting.remove(&app);
        let (sender, orders) = mpsc::unbounded_channel();
        self.sessions.insert(app.clone(), sender);
        let (lease, stopping) = (Arc::clone(&self.lease), self.stopping.clone());
        let task = Task::new(Arc::clone(&self.shared), app.clone(), lease, orders, stopping);
        let span = tracing::info_span!(parent: None, "session", app.id = %app);
        let run = async move {
            sleep(rest).await;
            let outcome = AssertUnwindSafe(task.run()).catch_unwind().await;
            (app, outcome)
        };
        self.tasks.spawn(run.instrument(span));
    }

    /// Clears up after a session. One that stops before it is asked to has found another worker's traces.
    fn ended(&mut self, ended: Result<Ended, JoinError>) -> Verdict {
        let Ok((app, outcome)) = ended else { return Verdict::GoOn };
        self.sessions.remove(&app);
        match outcome {
            Ok(Halt::Stopped) => return Verdict::Lost,
            Ok(Halt::Gone) => tracing::info!(app.id = %app, "the app is gone"),
            Ok(Halt::Unreadable) | Err(_) => {
                tracing::error!(app.id = %app, "the session's task broke; it is started again");
                self.start(app, REST);
            }
        }
        Verdict::GoOn
    }
}
