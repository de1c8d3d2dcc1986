//! The worker as a process of its own. SIGTERM (a container that is replaced) or Ctrl-C shuts it down: it hands its
//! sessions over and ends. `worker health` checks the worker that runs on this machine and exits with 0 if it is alive,
//! for a container without curl.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | those of [`boot`] | the ledger, the queues, the bucket, the sealing key | required |
//! | `SHARDS` | the shards to lease, as numbers separated by commas | all |
//! | `WECHAT_ORIGIN` | one origin that replaces every WeChat host | the real hosts |
//! | `CALLBACK_ALLOW` | hosts, addresses and networks at which media to send may be besides public ones | none |
//! | `MAX_MEDIA_BYTES` | the largest media that a job sends, in bytes | 104857600 |
//! | `HEALTH_PORT` | port of `/healthz`, `/readyz` and `/metrics`; 0 for none | 8080 |
//! | `STACK_NAME` | the deployment's name: metrics go to standard output for CloudWatch, once a minute | no metrics there |
//! | `RUST_LOG` | log level | `info` |

use std::{io, sync::Arc};

use anyhow::{Context, bail};
use boot::{Relay, metrics::Emf, optional};
use guard::Policy;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;
use wechat::{Hosts, WebWeChat};
use worker::{Channels, Config, Telemetry, Worker, health_server};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => work().await,
        Some("health") => {
            let port = health_port()?.context("HEALTH_PORT is 0: the worker cannot be asked")?;
            health_server::check(port).await
        }
        Some(other) => bail!("there is no command {other}"),
    }
}

async fn work() -> anyhow::Result<()> {
    boot::start_logs(optional("RUST_LOG").as_deref().unwrap_or("info"), false);
    let relay = Relay::from_env().await?;
    let config = config()?;
    let web = WebWeChat::new(boot::http_client(), hosts()?, Arc::clone(&relay.clock), Arc::clone(&relay.ids))
        .context("the HTTP client cannot be made")?;
    let mut terminated = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("Ctrl-C cannot be listened for")?;
    let shutdown = async {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        tracing::info!("shutdown requested, releasing leases");
    };
    let clock = Arc::clone(&relay.clock);
    let worker = Worker::new(relay, Channels { web: Arc::new(web) }, config);
    let telemetry = Telemetry::install(worker.session_counts(), optional("STACK_NAME").map(|_| Emf::from_env()));
    if let Some(port) = health_port()? {
        health_server::serve(port, health_server::router(worker.health(), telemetry.clone())).await?;
    }
    let health = worker.health();
    telemetry.during(&*clock, &mut io::stdout(), || health.ready().is_ok(), worker.run(shutdown)).await;
    Ok(())
}

fn config() -> anyhow::Result<Config> {
    let media_urls = Policy::parse(&optional("CALLBACK_ALLOW").unwrap_or_default()).context("CALLBACK_ALLOW")?;
    let max_media_bytes = Config::max_media_bytes_from_env()?;
    Ok(Config { shards: shards()?, max_media_bytes, media_urls, ..Config::default() })
}

fn health_port() -> anyhow::Result<Option<u16>> {
    let port = optional("HEALTH_PORT").map_or(Ok(8080), |port| port.trim().parse());
    Ok(Some(port.context("HEALTH_PORT must be a port's number")?).filter(|port| *port != 0))
}

fn hosts() -> anyhow::Result<Hosts> {
    let Some(origin) = optional("WECHAT_ORIGIN") else { return Ok(Hosts::default()) };
    Ok(Hosts::single(&Url::parse(&origin).context("WECHAT_ORIGIN is not a URL")?))
}

fn shards() -> anyhow::Result<Option<Vec<u16>>> {
    let Some(list) = optional("SHARDS") else { return Ok(None) };
    let numbers: Result<Vec<u16>, _> = list.split(',').map(|number| number.trim().parse()).collect();
    numbers.map(Some).context("SHARDS must be numbers separated by commas")
}
