//! The least that this machine takes for a part of the work, measured in the same run as the figure above it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use boot::Relay;
use domain::{
    id::{AppId, Seq},
    message::Message,
};
use hdrhistogram::Histogram;

use crate::{stage::Stage, table::Spread};

/// Requests of a floor that are measured one after the other.
const ONE_BY_ONE: u32 = 500;
/// Requests under way at once, where a rate is measured.
pub const ABREAST: u32 = 16;
/// Requests of a rate's floor, in each of those.
const EACH: u32 = 200;

/// Numbers for rows that do not repeat, in a log that nobody else writes.
static ROWS: AtomicU64 = AtomicU64::new(1);

/// What a floor is made of: the work that the relay does for a message, without the relay.
#[derive(Clone)]
pub struct Bare {
    http: reqwest::Client,
    callback: String,
    body: Vec<u8>,
    relay: Relay,
    message: Message,
}

impl Bare {
    /// Takes the message that was delivered last, and a row of the log of `app`, as examples.
    pub async fn of(stage: &Stage, app: &AppId) -> anyhow::Result<Self> {
        Ok(Self {
            http: boot::http_client().build()?,
            callback: stage.receiver.callback(),
            body: stage.receiver.last().await?,
            relay: stage.relay.clone(),
            message: stage.relay.store.message(app, Seq::FIRST).await?.context("the log has a row")?,
        })
    }

    /// A loopback POST of the same body to the same callback.
    async fn post(&self) -> anyhow::Result<()> {
        let answer = self.http.post(&self.callback).body(self.body.clone()).send().await?;
        ensure!(answer.status().is_success(), "the callback refuses");
        Ok(())
    }

    /// A conditional put of the same row into the same table.
    async fn put(&self) -> anyhow::Result<()> {
        let message = Message { seq: Seq::new(ROWS.fetch_add(1, Ordering::Relaxed)), ..self.message.clone() };
        Ok(self.relay.store.append(&AppId::trusted("floor"), &message, None).await?)
    }

    /// Milliseconds of a POST, and of a put and a POST one after the other: median and 99th percentile of each.
    pub async fn latencies(&self) -> anyhow::Result<[[f64; 2]; 2]> {
        let mut post = Histogram::<u64>::new(3)?;
        let mut both = Histogram::<u64>::new(3)?;
        for _ in 0..ONE_BY_ONE {
            let begun = Instant::now();
            self.put().await?;
            let put = Instant::now();
            self.post().await?;
            post.record(micros(put.elapsed()))?;
            both.record(micros(begun.elapsed()))?;
        }
        Ok([quantiles(&post), quantiles(&both)])
    }

    /// POSTs a second.
    pub async fn posts(&self) -> anyhow::Result<f64> {
        rate(|| async { self.clone().post().await }).await
    }

    /// Conditional puts a second.
    pub async fn puts(&self) -> anyhow::Result<f64> {
        rate(|| async { self.clone().put().await }).await
    }
}

/// How often a second something is done, [`ABREAST`] at once.
async fn rate(work: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let line = async || {
        for _ in 0..EACH {
            work().await?;
        }
        anyhow::Ok(())
    };
    futures_util::future::try_join_all((0..ABREAST).map(|_| line())).await?;
    Ok(f64::from(ABREAST * EACH) / begun.elapsed().as_secs_f64())
}

pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Median and 99th percentile of microseconds, in milliseconds.
pub fn quantiles(histogram: &Histogram<u64>) -> [f64; 2] {
    [0.5, 0.99].map(|quantile| Duration::from_micros(histogram.value_at_quantile(quantile)).as_secs_f64() * 1e3)
}

/// Several measurements of several figures, a spread each.
pub fn spreads<const N: usize>(measured: &[[f64; N]]) -> [Spread; N] {
    std::array::from_fn(|figure| Spread::of(measured.iter().map(|all| all[figure]).collect()))
}
