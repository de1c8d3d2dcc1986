//! The stage of every flow: a relay, a simulated WeChat and workers between them.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use boot::Grant;
use domain::{
    app::{App, NewApp},
    channel::ChannelKind,
    contact::Contact,
    id::{JobId, Seq},
    job::{Command, Job, JobState},
    message::Message,
    session::{Session, SessionState},
};
use queue::{CommandEnvelope, InboundEnvelope};
use simulator::{AccountSpec, Group, Member, Person, Simulator, World};
use testing::{Fixture, Recorder};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};
use url::Url;
use wechat::{Hosts, WebWeChat};
use worker::{Channels, Config, Worker};

/// The account that the fixture's app is bound to.
pub(crate) const UIN: u64 = 1_234_567_890;
/// The limit of every wait.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A relay and a simulated WeChat with one account and its contacts.
pub(crate) struct Stage {
    pub fixture: Fixture,
    pub simulator: Simulator,
    pub world: World,
    recorders: Mutex<Vec<Recorder>>,
}

/// Fails the test if a worker called an AWS operation that its grants lack.
impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.called();
        }
    }
}

/// A running worker.
pub(crate) struct RunningWorker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl RunningWorker {
    /// Requests a shutdown and waits for its end.
    pub(crate) async fn shut_down(self) {
        drop(self.stop);
        self.task.await.expect("the worker does not panic");
    }

    /// Stops the worker without a shutdown, as `kill -9` does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.expect_err("the worker is still running").is_cancelled());
    }
}

pub(crate) fn config() -> Config {
    Config {
        // Workers with the same name run one after another, so the next acquires the lease at once.
        owner: Some("the worker".to_owned()),
        heartbeat: Duration::from_millis(50),
        // Other tests may slow the machine; a slow worker must not lose its lease.
        takeover: Duration::from_secs(30),
        command_wait: Duration::from_secs(1),
        retry: Duration::from_millis(10),
        pace: None,
        app_age: Duration::ZERO,
        ..Config::default()
    }
}

pub(crate) fn account(uin: u64) -> AccountSpec {
    AccountSpec::new(uin, "我")
        .friends(12)
        .friend(Person::new("李雷").remark("老李").from_city("浙江", "杭州").sex(1))
        .friend(Person::new("韩梅梅"))
        .groups(2, 20)
        .group(Group::new("家").members(["李雷"]).member(Member::new("三叔").display("叔")))
        .group(Group::new("静").members(["韩梅梅", "路人"]).unsaved())
        .official_accounts(1)
        .official_account(Person::new("日报"))
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let fixture = Fixture::start().await;
        let simulator = Simulator::start("127.0.0.1:0").await.expect("the simulator listens");
        let world = simulator.world();
        world.account(account(UIN));
        Self { fixture, simulator, world, recorders: Mutex::default() }
    }

    pub(crate) fn channel(&self) -> WebWeChat {
        let relay = &self.fixture.relay;
        let hosts = Hosts::single(&Url::parse(&self.simulator.origin()).expect("an origin is a URL"));
        WebWeChat::new(boot::http_client(), hosts, Arc::clone(&relay.clock), Arc::clone(&relay.ids))
            .expect("the client is made")
    }

    pub(crate) fn worker(&self) -> RunningWorker {
        self.worker_with(config())
    }

    pub(crate) fn worker_with(&self, config: Config) -> RunningWorker {
        Self::run(self.new_worker(config))
    }

    /// A worker that does not run yet.
    pub(crate) fn new_worker(&self, config: Config) -> Worker {
        let (relay, recorder) = self.fixture.recorded();
        self.recorders.lock().expect("no panic with the lock").push(recorder);
        Worker::new(relay, Channels { web: Arc::new(self.channel()) }, config)
    }

    /// The grants that the workers needed since this was last called.
    ///
    /// # Panics
    /// When the worker has not declared one of them.
    pub(crate) fn called(&self) -> BTreeSet<Grant> {
        let recorders = self.recorders.lock().expect("no panic with the lock");
        recorders.iter().flat_map(|recorder| recorder.take_within(worker::GRANTS, "the worker")).collect()
    }

    pub(crate) fn run(worker: Worker) -> RunningWorker {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(worker.run(async {
            // The sender is dropped to request the shutdown, so this is always an error.
            let _ = stopped.await;
        }));
        RunningWorker { stop, task }
    }

    /// Puts a job into the ledger without an envelope in the queue.
    pub(crate) async fn put_job(&self, app: &App, command: Command) -> Job {
        self.put_job_as(JobId::generate(&*self.fixture.relay.ids), app, command).await
    }

    async fn put_job_as(&self, id: JobId, app: &App, command: Command) -> Job {
        let relay = &self.fixture.relay;
        let job = Job::queued(id, app.id.clone(), app.shard, command, relay.now());
        assert!(relay.store.put_job(&job).await.expect("the ledger takes the job"));
        job
    }

    /// Puts a job into the ledger and its envelope into the command queue, as the functions do.
    pub(crate) async fn command(&self, app: &App, command: Command) -> Job {
        self.command_as(JobId::generate(&*self.fixture.relay.ids), app, command).await
    }

    /// [`Self::command`] with the id of its job.
    pub(crate) async fn command_as(&self, id: JobId, app: &App, command: Command) -> Job {
        let relay = &self.fixture.relay;
        let job = self.put_job_as(id, app, command).await;
        let envelope = CommandEnvelope { app: app.id.clone(), job: job.id.clone() };
        relay.queues.command(app.shard, &envelope).await.expect("the queue takes the command");
        job
    }

    /// The numbers of visible and of in-flight messages in the command queue.
    pub(crate) async fn visible_and_in_flight_commands(&self) -> [u32; 2] {
        let sqs = self.fixture.services.clients.sqs();
        let url = self.fixture.relay.queues.commands[0].url();
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"].map(Into::into);
        let request = sqs.client().get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let attributes = request.send().await.expect("the queue answers").attributes.expect("both numbers");
        names.map(|name| attributes[&name].parse().expect("a number"))
    }

    /// Creates a command, and waits for the final state of its job.
    pub(crate) async fn outcome(&self, app: &App, command: Command) -> JobState {
        let job = self.command(app, command).await;
        self.final_state(&job).await
    }

    /// Waits until the job is final, and returns its state.
    pub(crate) async fn final_state(&self, job: &Job) -> JobState {
        let store = &self.fixture.relay.store;
        until(async || {
            let job = store.job(&job.app, &job.id).await.expect("the ledger answers")?;
            job.state.is_final().then_some(job.state)
        })
        .await
    }

    /// Waits until the session meets the condition, and returns it.
    pub(crate) async fn session_when(&self, app: &App, condition: impl Fn(&Session) -> bool) -> Session {
        let store = &self.fixture.relay.store;
        until(async || store.session(&app.id).await.expect("the ledger answers").filter(&condition)).await
    }

    /// Starts a login by QR code, and returns the login's uuid.
    pub(crate) async fn qr_login_id(&self, app: &App) -> String {
        assert_eq!(self.outcome(app, Command::Login).await, JobState::Sent { message_id: None });
        let session = self.session_when(app, |session| session.state == SessionState::Waiting).await;
        session.login.expect("a waiting session has a login").uuid
    }

    /// Logs in with the phone, and waits until the session is idle and its contacts are synced.
    pub(crate) async fn log_in(&self, app: &App) -> Session {
        let uuid = self.qr_login_id(app).await;
        self.world.log_in(&uuid, UIN).expect("the phone scans");
        self.wait_until_idle().await;
        self.session_when(app, |session| session.last_sync.is_some()).await
    }

    /// Creates an app without a binding.
    pub(crate) async fn unbound_app(&self) -> App {
        let relay = &self.fixture.relay;
        let new = NewApp { name: "new", token: "t", callback: None, channel: ChannelKind::Web, shard: 0 };
        let (app, _) = App::create(&new, &relay.sealer, &*relay.ids, relay.now());
        relay.store.create_app(&app).await.expect("the ledger takes the app");
        app
    }

    /// Waits until a poll is pending, so that everything pushed was fetched.
    pub(crate) async fn wait_until_idle(&self) {
        within(self.world.wait_polling(UIN)).await;
    }

    /// Waits until the log has at least `rows` rows, and returns all of them.
    pub(crate) async fn log(&self, app: &App, rows: u64) -> Vec<Message> {
        let store = &self.fixture.relay.store;
        until(async || {
            let head = store.head(&app.id).await.expect("the ledger answers");
            (head.get() >= rows).then_some(())
        })
        .await;
        store.messages(&app.id, Seq::FIRST..=Seq::MAX).await.expect("the ledger answers")
    }

    /// Receives and deletes `count` envelopes of the inbound queue, and returns them in the order received.
    pub(crate) async fn take_envelopes(&self, count: usize) -> Vec<InboundEnvelope> {
        let inbound = &self.fixture.relay.queues.inbound;
        let mut envelopes = Vec::new();
        within(async {
            while envelopes.len() < count {
                for received in inbound.receive(Duration::from_secs(20)).await.expect("the queue answers") {
                    envelopes.push(serde_json::from_str(&received.body).expect("an envelope"));
                    inbound.delete(&[&received.receipt]).await.expect("the queue answers");
                }
            }
        })
        .await;
        envelopes
    }

    /// All contacts of the app, sorted by nickname.
    pub(crate) async fn contacts(&self, app: &App) -> Vec<Contact> {
        let mut contacts = self.fixture.relay.store.contacts(&app.id).await.expect("the ledger answers");
        contacts.sort_by(|one, other| one.nick_name.cmp(&other.nick_name));
        contacts
    }

    /// The contact with this nickname.
    pub(crate) async fn contact(&self, app: &App, nick_name: &str) -> Contact {
        let contacts = self.contacts(app).await;
        contacts.into_iter().find(|contact| contact.nick_name == nick_name).expect("a contact with that nickname")
    }
}

/// Awaits a step, and fails the test when the step exceeds [`TIMEOUT`].
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(TIMEOUT, future).await.expect("the step ends within a minute")
}

/// Polls until there is a value: the ledger reports no changes.
pub(crate) async fn until<T>(mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    within(async {
        let mut interval = tokio::time::interval(Duration::from_millis(5));
        loop {
            interval.tick().await;
            if let Some(value) = poll().await {
                return value;
            }
        }
    })
    .await
}

/// The text of a text message.
pub(crate) fn text(message: &Message) -> &str {
    match &message.content {
        domain::message::Content::Text { text } => text,
        other => panic!("not a text message: {other:?}"),
    }
}
