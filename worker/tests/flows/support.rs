//! What every flow starts from.

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
pub const UIN: u64 = 1_234_567_890;
/// Nothing here takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// A relay, a WeChat, and an account with a few people.
pub struct Stage {
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

/// A worker that runs.
pub struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Tells it to end, and waits until it has.
    pub async fn end(self) {
        drop(self.stop);
        self.task.await.expect("the worker ends in order");
    }

    /// Stops it where it stands, as `kill -9` does.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.expect_err("it was still running").is_cancelled());
    }
}

pub fn config() -> Config {
    Config {
        // One worker at a time: the next need not wait until the one before is thought dead.
        owner: Some("the worker".to_owned()),
        heartbeat: Duration::from_millis(50),
        // A machine that is busy with other tests must not look like a worker that died.
        takeover: Duration::from_secs(30),
        command_wait: Duration::from_secs(1),
        retry: Duration::from_millis(10),
        pace: None,
        app_age: Duration::ZERO,
        ..Config::default()
    }
}

pub fn account(uin: u64) -> AccountSpec {
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
    pub async fn start() -> Self {
        let fixture = Fixture::start().await;
        let simulator = Simulator::start("127.0.0.1:0").await.expect("the simulator listens");
        let world = simulator.world();
        world.account(account(UIN));
        Self { fixture, simulator, world, recorders: Mutex::default() }
    }

    pub fn channel(&self) -> WebWeChat {
        let relay = &self.fixture.relay;
        let hosts = Hosts::single(&Url::parse(&self.simulator.origin()).expect("an origin is a URL"));
        WebWeChat::new(boot::http_client(), hosts, Arc::clone(&relay.clock), Arc::clone(&relay.ids))
            .expect("the client is made")
    }

    pub fn worker(&self) -> Running {
        self.worker_with(config())
    }

    pub fn worker_with(&self, config: Config) -> Running {
        Self::run(self.new_worker(config))
    }

    pub fn new_worker(&self, config: Config) -> Worker {
        let (relay, recorder) = self.fixture.recorded();
        self.recorders.lock().expect("no panic with the lock").push(recorder);
        Worker::new(relay, Channels { web: Arc::new(self.channel()) }, config)
    }

    /// The grants that the workers needed since this was last called.
    ///
    /// # Panics
    /// When the worker has not declared one of them.
    pub fn called(&self) -> BTreeSet<Grant> {
        let recorders = self.recorders.lock().expect("no panic with the lock");
        recorders.iter().flat_map(|recorder| recorder.take_within(worker::GRANTS, "the worker")).collect()
    }

    pub fn run(worker: Worker) -> Running {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(worker.run(async {
            // An error says that the sender was dropped, which is the sign.
            let _ = stopped.await;
        }));
        Running { stop, task }
    }

    /// Puts a job of which the queue knows nothing.
    pub async fn left_in_the_ledger(&self, app: &App, command: Command) -> Job {
        let relay = &self.fixture.relay;
        let job = Job::queued(JobId::generate(&*relay.ids), app.id.clone(), app.shard, command, relay.now());
        assert!(relay.store.put_job(&job).await.expect("the ledger takes the job"));
        job
    }

    /// Puts a job and its envelope, as a function does.
    pub async fn order(&self, app: &App, command: Command) -> Job {
        let relay = &self.fixture.relay;
        let job = self.left_in_the_ledger(app, command).await;
        let envelope = CommandEnvelope { app: app.id.clone(), job: job.id.clone() };
        relay.queues.command(app.shard, &envelope).await.expect("the queue takes the command");
        job
    }

    /// How many commands wait in the queue, and how many somebody has in hand.
    pub async fn commands_waiting_and_in_hand(&self) -> [u32; 2] {
        let sqs = self.fixture.services.clients.sqs();
        let url = self.fixture.relay.queues.commands[0].url();
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"].map(Into::into);
        let asked = sqs.client().get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let told = asked.send().await.expect("the queue answers").attributes.expect("both numbers");
        names.map(|name| told[&name].parse().expect("a number"))
    }

    /// Orders, and waits for the end.
    pub async fn done(&self, app: &App, command: Command) -> JobState {
        let job = self.order(app, command).await;
        self.end_of(&job).await
    }

    pub async fn end_of(&self, job: &Job) -> JobState {
        let store = &self.fixture.relay.store;
        until(async || {
            let job = store.job(&job.app, &job.id).await.expect("the ledger answers")?;
            job.state.is_final().then_some(job.state)
        })
        .await
    }

    /// The session once it is as wanted.
    pub async fn session(&self, app: &App, wanted: impl Fn(&Session) -> bool) -> Session {
        let store = &self.fixture.relay.store;
        until(async || store.session(&app.id).await.expect("the ledger answers").filter(&wanted)).await
    }

    /// Asks for a QR code; its uuid.
    pub async fn code(&self, app: &App) -> String {
        assert_eq!(self.done(app, Command::Login).await, JobState::Sent { message_id: None });
        let session = self.session(app, |session| session.state == SessionState::Waiting).await;
        session.login.expect("a waiting session has a login").uuid
    }

    /// Logs in from the phone, and waits until the session is idle.
    pub async fn log_in(&self, app: &App) -> Session {
        let uuid = self.code(app).await;
        self.world.log_in(&uuid, UIN).expect("the phone scans");
        self.idle().await;
        self.session(app, |session| session.last_sync.is_some()).await
    }

    /// An app that is bound to nobody yet.
    pub async fn new_app(&self) -> App {
        let relay = &self.fixture.relay;
        let new = NewApp { name: "new", token: "t", callback: None, channel: ChannelKind::Web, shard: 0 };
        let (app, _) = App::create(&new, &relay.sealer, &*relay.ids, relay.now());
        relay.store.create_app(&app).await.expect("the ledger takes the app");
        app
    }

    /// Waits until a poll waits and everything pushed was fetched.
    pub async fn idle(&self) {
        within(self.world.wait_polling(UIN)).await;
    }

    /// The log once it has so many rows.
    pub async fn log(&self, app: &App, rows: u64) -> Vec<Message> {
        let store = &self.fixture.relay.store;
        until(async || {
            let head = store.head(&app.id).await.expect("the ledger answers");
            (head.get() >= rows).then_some(())
        })
        .await;
        store.messages(&app.id, Seq::FIRST..=Seq::MAX).await.expect("the ledger answers")
    }

    /// Takes so many envelopes from the inbound queue, in the order they come.
    pub async fn envelopes(&self, count: usize) -> Vec<InboundEnvelope> {
        let inbound = &self.fixture.relay.queues.inbound;
        let mut taken = Vec::new();
        within(async {
            while taken.len() < count {
                for received in inbound.receive(Duration::from_secs(20)).await.expect("the queue answers") {
                    taken.push(serde_json::from_str(&received.body).expect("an envelope"));
                    inbound.delete(&[&received.receipt]).await.expect("the queue answers");
                }
            }
        })
        .await;
        taken
    }

    pub async fn contacts(&self, app: &App) -> Vec<Contact> {
        let mut contacts = self.fixture.relay.store.contacts(&app.id).await.expect("the ledger answers");
        contacts.sort_by(|one, other| one.nick_name.cmp(&other.nick_name));
        contacts
    }

    pub async fn contact(&self, app: &App, nick_name: &str) -> Contact {
        let contacts = self.contacts(app).await;
        contacts.into_iter().find(|contact| contact.nick_name == nick_name).expect("somebody of that name")
    }
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("this takes no time unless it is broken")
}

/// Asks the ledger, which tells nobody of changes, until it has an answer.
pub async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(async {
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        loop {
            beat.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    })
    .await
}

pub fn text(message: &Message) -> &str {
    match &message.content {
        domain::message::Content::Text { text } => text,
        other => panic!("no text: {other:?}"),
    }
}
