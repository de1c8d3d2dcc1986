//! The worker as a process of its own. It is told to end by SIGTERM (a container that is replaced) or Ctrl-C, hands its
//! sessions over, and ends.
//!
//! | variable | what | default |
//! |---|---|---|
//! | those of [`boot`] | the ledger, the queues, the key | required |
//! | `SHARDS` | the shards to lease, as numbers separated by commas | all |
//! | `WECHAT_ORIGIN` | one origin that stands for every WeChat host | the real hosts |
//! | `RUST_LOG` | what is logged | `info` |

use std::sync::Arc;

use anyhow::Context;
use boot::{Relay, optional};
use tokio::signal::unix::{SignalKind, signal};
use url::Url;
use wechat::{Hosts, WebWeChat};
use worker::{Config, Worker};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    boot::start_logs(optional("RUST_LOG").as_deref().unwrap_or("info"), false);
    let relay = Relay::from_env().await?;
    let config = Config { shards: shards()?, ..Config::default() };
    let channel = WebWeChat::new(boot::http_client(), hosts()?, Arc::clone(&relay.clock), Arc::clone(&relay.ids))
        .context("the HTTP client cannot be made")?;
    let mut terminated = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("Ctrl-C cannot be listened for")?;
    let told = async {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        tracing::info!("told to end; handing over");
    };
    Worker::new(relay, channel, config).run(told).await;
    Ok(())
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
