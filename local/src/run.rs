//! Starts the chosen parts, prints their addresses, and stops them in order: a part stops before those that it uses.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use functions::api::{
    endpoints,
    state::{AppState, Config, public_url},
};
use simulator::Simulator;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use wechat::{Hosts, WebWeChat};
use worker::{Channels, Pace, Worker};

use crate::{
    bridge::{self, Target},
    cli::{Cli, Part, RunArgs},
    home::Home,
    simulation,
};

/// The owner of this folder's leases. A worker with the same name acquires them at once after a crash.
const WORKER: &str = "local";

/// The running parts.
pub struct Running {
    pub home: Home,
    /// Where the API answers, without a trailing slash.
    pub api: Option<String>,
    pub simulator: Option<Simulator>,
    parts: BTreeSet<Part>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Starts the parts that the command line names.
pub async fn start(cli: &Cli) -> anyhow::Result<Running> {
    let (args, stack) = (&cli.run, &cli.stack);
    let parts = args.parts();
    let folder = if args.simulate { simulation::folder(&cli.data)? } else { cli.data.clone() };
    let own = parts.contains(&Part::Aws);
    let home = if own { Home::own(&folder, stack).await? } else { Home::join(&folder, stack).await? };
    let simulator = if args.simulate { Some(simulation::start().await?) } else { None };
    let mut running =
        Running { home, api: None, simulator, parts, stop: watch::channel(false).0, tasks: JoinSet::new() };
    // The functions and the dispatcher create jobs for the worker, so the worker starts first.
    if running.parts.contains(&Part::Worker) {
        running.start_worker(args)?;
    }
    // The links in callbacks name the API, so its address is known before the dispatcher starts.
    let listener = if running.parts.contains(&Part::Functions) { Some(running.listen(args).await?) } else { None };
    if running.parts.contains(&Part::Dispatcher) {
        running.start_dispatcher(args)?;
    }
    if let Some(listener) = listener {
        running.start_functions(listener)?;
    }
    Ok(running)
}

impl Running {
    fn start_worker(&mut self, args: &RunArgs) -> anyhow::Result<()> {
        let origin = self.simulator.as_ref().map(Simulator::origin).or_else(|| args.wechat.clone());
        let hosts = match origin {
            Some(origin) => Hosts::single(&origin.parse().with_context(|| format!("{origin} is not a URL"))?),
            None => Hosts::default(),
        };
        let relay = self.home.relay.clone();
        let (clock, ids) = (Arc::clone(&relay.clock), Arc::clone(&relay.ids));
        let web = WebWeChat::new(boot::http_client(), hosts, clock, ids).context("TLS cannot be set up")?;
        let channels = Channels { web: Arc::new(web) };
        let every = Duration::try_from_secs_f64(args.pace).context("--pace")?;
        let pace = (!every.is_zero()).then_some(Pace { burst: 5, every });
        let lock = self.home.lock_worker()?;
        let owner = Some(WORKER.to_owned());
        let config = worker::Config {
            owner,
            pace,
            command_wait: bridge::POLL,
            media_urls: bridge::policy()?,
            max_media_bytes: worker::Config::max_media_bytes_from_env()?,
            ..worker::Config::default()
        };
        let stopped = stopped(&self.stop);
        self.tasks.spawn(async move {
            Worker::new(relay, channels, config).run(stopped).await;
            drop(lock);
        });
        Ok(())
    }

    async fn listen(&mut self, args: &RunArgs) -> anyhow::Result<TcpListener> {
        let address = format!("127.0.0.1:{}", args.port);
        let listener = TcpListener::bind(&address).await.with_context(|| {
            format!("cannot listen on {address}; is another relay running? `--port` takes another port")
        })?;
        self.api = Some(format!("http://{}", listener.local_addr()?));
        Ok(listener)
    }

    fn start_functions(&mut self, listener: TcpListener) -> anyhow::Result<()> {
        let policy = Arc::new(bridge::policy()?);
        let config = Config { policy, ..Config::from_env()? };
        let router = endpoints::router(AppState::new(self.home.relay.clone(), config));
        let stopped = stopped(&self.stop);
        self.tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the API server failed");
            }
        });
        Ok(())
    }

    fn start_dispatcher(&mut self, args: &RunArgs) -> anyhow::Result<()> {
        let own = self.api.as_deref().map(str::parse).transpose()?;
        let public_url = public_url()?.or(own);
        let target = Target::new(&self.home.relay, args.functions.as_deref(), public_url)?;
        let stopped = || stopped(&self.stop);
        bridge::spawn(&mut self.tasks, &self.home.relay, &target, stopped);
        Ok(())
    }

    /// Prints where each part is.
    pub fn print(&self) {
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

    /// Stops the parts, then the services. Sessions stay logged in and continue at the next start.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the relay panicked");
            }
        }
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
        self.home.close().await;
    }
}

/// Resolves when the parts must stop.
fn stopped(stop: &watch::Sender<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut stop = stop.subscribe();
    async move {
        // An error means that the sender is gone: stop as well.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}
