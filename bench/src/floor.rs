//! Floors: the least time that this machine needs for a part of the work, measured in the same run as the figure.

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

/// Requests of a latency floor, one after the other.
const SEQUENTIAL: u32 = 500;
/// Concurrent requests of a rate floor.
pub const CONCURRENT: u32 = 16;
/// Requests of a rate floor, in each of those.
const EACH: u32 = 200;

/// Unique sequence numbers for rows of a log that only the floors write.
static ROWS: AtomicU64 = AtomicU64::new(1);

/// The work that the relay does for a message, without the relay.
#[derive(Clone)]
pub struct Bare {
    http: reqwest::Client,
    callback: String,
    body: Vec<u8>,
    relay: Relay,
    message: Message,
}

impl Bare {
    /// Uses the last delivered message and the first row of the log of `app`.
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
        let response = self.http.post(&self.callback).body(self.body.clone()).send().await?;
        ensure!(response.status().is_success(), "the callback refuses");
        Ok(())
    }

    /// A conditional put of the same row into the same table.
    async fn put(&self) -> anyhow::Result<()> {
        let message = Message { seq: Seq::new(ROWS.fetch_add(1, Ordering::Relaxed)), ..self.message.clone() };
        Ok(self.relay.store.append(&AppId::trusted("floor"), &message, None).await?)
    }

    /// Median and 99th percentile, in milliseconds, of a POST, and of a put followed by a POST.
    pub async fn latencies(&self) -> anyhow::Result<[[f64; 2]; 2]> {
        let mut post = Histogram::<u64>::new(3)?;
        let mut both = Histogram::<u64>::new(3)?;
        for _ in 0..SEQUENTIAL {
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

/// Runs a second of `work`, with [`CONCURRENT`] runs at a time.
async fn rate(work: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let worker = async || {
        for _ in 0..EACH {
            work().await?;
        }
        anyhow::Ok(())
    };
    futures_util::future::try_join_all((0..CONCURRENT).map(|_| worker())).await?;
    Ok(f64::from(CONCURRENT * EACH) / begun.elapsed().as_secs_f64())
}

pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Median and 99th percentile of microseconds, in milliseconds.
pub fn quantiles(histogram: &Histogram<u64>) -> [f64; 2] {
    [0.5, 0.99].map(|quantile| Duration::from_micros(histogram.value_at_quantile(quantile)).as_secs_f64() * 1e3)
}

/// The spread of each figure over several measurements.
pub fn spreads<const N: usize>(measured: &[[f64; N]]) -> [Spread; N] {
    std::array::from_fn(|figure| Spread::of(measured.iter().map(|all| all[figure]).collect()))
}
