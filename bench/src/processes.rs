//! The processes of a run.

use std::time::Duration;

use anyhow::bail;
use boot::Relay;
use domain::{
    app::{App, NewApp},
    channel::ChannelKind,
    id::{AppId, JobId},
    job::{Command, Job},
};
use local::{apps, home::Home};
use queue::CommandEnvelope;
use simulator::{AccountSpec, Uin};
use tempfile::TempDir;

use crate::{child::Child, receiver::Receiver, simulated::Simulated};

/// Signs the apps' requests.
pub(crate) const TOKEN: &str = "bench-token";
/// Time between two reads of a session: finer than the figures that depend on it.
const POLL: Duration = Duration::from_millis(5);
/// How long a login may take.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Concurrent logins.
const CONCURRENT_LOGINS: usize = 16;

/// A relay on embedded services on disk, a simulated WeChat and a callback, each in a process of its own.
pub(crate) struct Processes {
    /// The relay's ledger and queues, used from this process.
    pub relay: Relay,
    /// The folder and the URLs of those.
    pub home: Home,
    /// The relay's process. It ends before the processes that it uses.
    pub relay_process: Child,
    pub receiver: Receiver,
    pub simulated: Simulated,
    pub folder: TempDir,
}

impl Processes {
    /// Starts all processes.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::start_only(None).await
    }

    /// Starts only these parts of the relay.
    pub(crate) async fn start_only(only: Option<&str>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let simulated = Simulated::start()?;
        let receiver = Receiver::start()?;
        let data = folder.path().display().to_string();
        let mut line = vec!["relay", &data, simulated.origin()];
        line.extend(only.map(|only| ["--only", only]).into_iter().flatten());
        let relay_process = Child::start_self(&line)?;
        let home = Home::join(folder.path(), template::STACK).await?;
        Ok(Self { relay: home.relay.clone(), home, relay_process, receiver, simulated, folder })
    }

    /// Creates an app. Returns it with its app secret.
    pub(crate) async fn app(&self) -> anyhow::Result<(App, String)> {
        let callback = self.receiver.callback();
        let channel = ChannelKind::Web;
        let new = NewApp { name: "bench", token: TOKEN, callback: Some(&callback), channel, shard: 0 };
        apps::create_app(&self.relay, &new).await
    }

    /// Creates the accounts and as many apps, logs them in, and waits until all have read their contacts and poll for
    /// messages. Any account may log in to any app. Returns the apps with their secrets.
    pub(crate) async fn log_in(&self, accounts: &[AccountSpec]) -> anyhow::Result<Vec<(AppId, String)>> {
        self.simulated.accounts(accounts).await?;
        let uins: Vec<Uin> = accounts.iter().map(|account| account.uin).collect();
        self.simulated.scan_at_once(&uins).await?;
        let mut apps = Vec::with_capacity(uins.len());
        for _ in &uins {
            let (app, secret) = self.app().await?;
            apps.push((app.id, secret));
        }
        for some in apps.chunks(CONCURRENT_LOGINS) {
            for (app, _) in some {
                self.start_login(app).await?;
            }
            for (app, _) in some {
                self.wait_for_contacts(app).await?;
            }
        }
        for uin in uins {
            self.simulated.wait_polling(uin).await?;
        }
        Ok(apps)
    }

    /// Creates the job that logs an app in, as `GET /login` does.
    pub(crate) async fn start_login(&self, app: &AppId) -> anyhow::Result<()> {
        let job = Job::queued(JobId::generate(&*self.relay.ids), app.clone(), 0, Command::Login, self.relay.now());
        self.relay.store.put_job(&job).await?;
        Ok(self.relay.queues.command(0, &CommandEnvelope { app: app.clone(), job: job.id }).await?)
    }

    /// Waits until the app's contacts are in the ledger.
    pub(crate) async fn wait_for_contacts(&self, app: &AppId) -> anyhow::Result<()> {
        let waited = tokio::time::Instant::now();
        loop {
            let session = self.relay.store.session(app).await?;
            if session.as_ref().is_some_and(|session| session.last_sync.is_some()) {
                return Ok(());
            }
            if waited.elapsed() > TIMEOUT {
                bail!("a login does not finish: {:?}", session.map(|session| (session.state, session.ending)));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// `count` accounts with `friends` friends each, numbered from `first`.
pub(crate) fn accounts(first: Uin, count: u32, friends: u32) -> Vec<AccountSpec> {
    let account = |n| AccountSpec::new(first + u64::from(n), format!("Account {n}")).friends(friends).groups(2, 10);
    (0..count).map(account).collect()
}
