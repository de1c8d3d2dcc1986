//! Starts the chosen parts, tells what is where, and stops them in an order in which each still has what it needs.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use functions::api::{
    endpoints,
    state::{AppState, Config},
};
use simulator::Simulator;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use wechat::{Hosts, WebWeChat};
use worker::{Pace, Worker};

use crate::{
    bridge::{self, Target},
    cli::{Cli, Part, RunArgs},
    home::Home,
    simulation,
};

/// The name of this folder's worker on its leases: it takes its own lease up again at once after a crash.
const WORKER: &str = "local";

/// The running parts.
pub struct Running {
    pub home: Home,
    /// Where the API answers, without a trailing slash.
    pub api: Option<String>,
    pub simulator: Option<Simulator>,
    parts: BTreeSet<Part>,
    end: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Starts what the command line asks for.
pub async fn start(cli: &Cli) -> anyhow::Result<Running> {
    let (args, stack) = (&cli.run, &cli.stack);
    let parts = args.parts();
    let folder = if args.simulate { simulation::folder(&cli.data)? } else { cli.data.clone() };
    let own = parts.contains(&Part::Aws);
    let home = if own { Home::own(&folder, stack).await? } else { Home::join(&folder, stack).await? };
    let simulator = if args.simulate { Some(simulation::start().await?) } else { None };
    let mut running =
        Running { home, api: None, simulator, parts, end: watch::channel(false).0, tasks: JoinSet::new() };
    // Whoever asks for a login needs a worker; whoever replies needs one too: it is there first, and ends last.
    if running.parts.contains(&Part::Worker) {
        running.work(args)?;
    }
    if running.parts.contains(&Part::Dispatcher) {
        running.dispatch(args)?;
    }
    if running.parts.contains(&Part::Functions) {
        running.serve(args).await?;
    }
    Ok(running)
}

impl Running {
    fn work(&mut self, args: &RunArgs) -> anyhow::Result<()> {
        let origin = self.simulator.as_ref().map(Simulator::origin).or_else(|| args.wechat.clone());
        let hosts = match origin {
            Some(origin) => Hosts::single(&origin.parse().with_context(|| format!("{origin} is not a URL"))?),
            None => Hosts::default(),
        };
        let relay = self.home.relay.clone();
        let (clock, ids) = (Arc::clone(&relay.clock), Arc::clone(&relay.ids));
        let channel = WebWeChat::new(boot::http_client(), hosts, clock, ids).context("TLS cannot be set up")?;
        let every = Duration::try_from_secs_f64(args.pace).context("--pace")?;
        let pace = (!every.is_zero()).then_some(Pace { burst: 5, every });
        let only = self.home.only_worker()?;
        let owner = Some(WORKER.to_owned());
        let config = worker::Config { owner, pace, command_wait: bridge::POLL, ..worker::Config::default() };
        let ending = ending(&self.end);
        self.tasks.spawn(async move {
            Worker::new(relay, channel, config).run(ending).await;
            drop(only);
        });
        Ok(())
    }

    async fn serve(&mut self, args: &RunArgs) -> anyhow::Result<()> {
        let address = format!("127.0.0.1:{}", args.port);
        let listener = TcpListener::bind(&address).await.with_context(|| {
            format!("cannot listen on {address}; is another relay running? `--port` takes another port")
        })?;
        self.api = Some(format!("http://{}", listener.local_addr()?));
        let router = endpoints::router(AppState::new(self.home.relay.clone(), Config::from_env()?));
        let ending = ending(&self.end);
        self.tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ending).await {
                tracing::error!(%error, "the API stopped");
            }
        });
        Ok(())
    }

    fn dispatch(&mut self, args: &RunArgs) -> anyhow::Result<()> {
        let target = Target::new(&self.home.relay, args.functions.as_deref())?;
        let ending = || ending(&self.end);
        bridge::spawn(&mut self.tasks, &self.home.relay, &target, ending);
        Ok(())
    }

    /// What is where, and what to do next.
    pub fn tell(&self) {
        println!("wechat-relay on {}", self.home.folder.display());
        if let Some(services) = &self.home.endpoints {
            println!("  DynamoDB {}, SQS {}, S3 {}", services.dynamodb, services.sqs, services.s3);
        }
        for part in &self.parts {
            match part {
                Part::Aws => {}
                Part::Worker => println!("  worker: holds the WeChat sessions"),
                Part::Functions => println!("  API {}", self.api.as_deref().unwrap_or("?")),
                Part::Dispatcher => println!("  dispatcher: delivers to callbacks"),
            }
        }
        if let Some(simulator) = &self.simulator {
            println!("  simulated WeChat {}", simulator.origin());
        }
    }

    /// Stops the parts: sessions are left so that they go on at the next start, then the services close.
    pub async fn stop(mut self) {
        self.end.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part broke");
            }
        }
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
        self.home.close().await;
    }
}

/// Resolves once the parts are to end.
fn ending(end: &watch::Sender<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut end = end.subscribe();
    async move {
        // An error means that the sender is gone, which is an end as well.
        let _ = end.wait_for(|end| *end).await;
    }
}
