//! The session's loop, driven by a scripted channel. Time is paused: a pause of minutes takes no time, and a test waits
//! until every task is idle.

mod actions;
mod avatars;
mod contacts;
mod login;
mod media_in;
mod media_out;
mod online;
mod scripted;
mod whole;

use std::{future::Future, sync::Arc, time::Duration};

use boot::Relay;
use domain::{
    app::App,
    id::JobId,
    job::{Command, Job, JobState},
    message::Message,
    session::{Session as SessionRow, SessionState},
};
use media::Object;
use queue::InboundEnvelope;
use store::Lease;
use testing::{Fixture, Meter, Outage};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::sleep,
};

use self::scripted::{ACCOUNT, Scripted, new_login};
use super::{Halt, PendingCommand, Session};
use crate::{Channels, Config, context::WorkerContext};

/// A session on a ledger of its own.
struct Stage {
    fixture: Fixture,
    app: App,
    lease: Arc<Lease>,
    channel: Scripted,
    /// Of the session, whose units `meter` counts.
    relay: Relay,
    meter: Meter,
}

/// A session that runs.
struct Running {
    commands: mpsc::UnboundedSender<PendingCommand>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Halt>,
}

impl Running {
    /// Stops the session as a shutdown does.
    async fn stop(self) {
        self.stop.send_replace(true);
        assert_eq!(self.task.await.expect("no panic"), Halt::Stopped);
    }
}

/// No pacing, and no pictures of contacts.
fn config() -> Config {
    Config { pace: None, avatar_every: None, ..Config::default() }
}

/// Waits until every task is idle: with paused time, a timer fires only then.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

impl Stage {
    async fn new() -> Self {
        let fixture = Fixture::in_process().await;
        let app = fixture.app(Some("https://callback.example/")).await;
        let lease = fixture.relay.store.acquire_lease(0, "worker", None).await.expect("a free lease");
        let (relay, meter) = fixture.metered();
        Self { fixture, app, lease: Arc::new(lease), channel: Scripted::default(), relay, meter }
    }

    /// A switch for outages of the bucket.
    fn media_outage(&mut self) -> Outage {
        let outage = self.fixture.media_outage();
        self.relay.media = self.fixture.relay.media.clone();
        outage
    }

    fn run(&self) -> Running {
        self.run_with(config())
    }

    fn run_with(&self, config: Config) -> Running {
        let channels = Channels { web: Arc::new(self.channel.clone()) };
        let worker = Arc::new(WorkerContext::new(self.relay.clone(), channels, config));
        let (commands, received) = mpsc::unbounded_channel();
        let (stop, stopping) = watch::channel(false);
        let session = Session::new(worker, self.app.id.clone(), Arc::clone(&self.lease), received, stopping);
        Running { commands, stop, task: tokio::spawn(session.run()) }
    }

    /// A session that is online, with its channel's calls so far.
    async fn online(&self) -> Running {
        self.online_with(config()).await
    }

    async fn online_with(&self, config: Config) -> Running {
        let running = self.run_with(config);
        self.channel.start_login(Ok(new_login("qr-1")));
        self.command(&running, Command::Login).await;
        self.channel.confirm(ACCOUNT);
        settle().await;
        assert_eq!(self.row().await.state, SessionState::Online);
        running
    }

    /// Puts a job into the ledger and hands it to the session.
    async fn command(&self, running: &Running, command: Command) -> JobId {
        let relay = &self.fixture.relay;
        let id = JobId::generate(&*relay.ids);
        let job = Job::queued(id.clone(), self.app.id.clone(), 0, command, relay.now());
        assert!(relay.store.put_job(&job).await.expect("the ledger answers"));
        running.commands.send(PendingCommand { job: id.clone(), receipt: None }).expect("the session runs");
        settle().await;
        id
    }

    /// Hands a command to the session, and returns the state of its job.
    async fn outcome(&self, running: &Running, command: Command) -> JobState {
        let id = self.command(running, command).await;
        self.job(&id).await
    }

    async fn job(&self, id: &JobId) -> JobState {
        let job = self.fixture.relay.store.job(&self.app.id, id).await.expect("the ledger answers");
        job.expect("the job exists").state
    }

    async fn row(&self) -> SessionRow {
        let row = self.fixture.relay.store.session(&self.app.id).await.expect("the ledger answers");
        row.expect("the session has a row")
    }

    /// Writes the session's row as another worker has left it.
    async fn left(&self, edit: impl FnOnce(&mut SessionRow)) {
        let store = &self.fixture.relay.store;
        let row = store.session(&self.app.id).await.expect("the ledger answers");
        let mut row = row.unwrap_or_else(|| SessionRow::offline(self.fixture.relay.now()));
        edit(&mut row);
        store.put_session(&self.app.id, &row, &self.lease).await.expect("the lease is held");
    }

    /// The log, oldest first.
    async fn log(&self) -> Vec<Message> {
        let store = &self.fixture.relay.store;
        let tail = store.tail(&self.app.id, 100).await.expect("the ledger answers");
        tail.into_iter().rev().map(|entry| entry.message).collect()
    }

    /// The object of the bucket under a path; `None` if there is none.
    async fn stored(&self, rest: &str) -> Option<Object> {
        let key = format!("{}/{rest}", self.app.id);
        self.fixture.relay.media.head(&key).await.expect("the bucket answers")
    }

    /// Takes the envelopes of the inbound queue: their sequence numbers, in order.
    async fn take_envelopes(&self) -> Vec<u64> {
        let inbound = &self.fixture.relay.queues.inbound;
        let mut seqs = Vec::new();
        loop {
            let received = inbound.receive(Duration::ZERO).await.expect("the queue answers");
            if received.is_empty() {
                return seqs;
            }
            for message in received {
                let envelope: InboundEnvelope = serde_json::from_str(&message.body).expect("an envelope");
                seqs.push(envelope.seq.get());
                inbound.delete(&[&message.receipt]).await.expect("the queue answers");
            }
        }
    }

    /// Envelopes in the inbound queue.
    async fn envelopes(&self) -> u64 {
        self.fixture.relay.queues.inbound.depth().await.expect("the queue answers")
    }
}

fn size_of_future<Input, F: Future>(_: impl FnOnce(Input) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn a_session_is_small() {
    // It is held tens of thousands of times in a process; what is seldom needed is boxed.
    let size = size_of_future(Session::run);
    assert!(size <= 2 * 1024, "{size} bytes");
}
