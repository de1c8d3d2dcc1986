//! Push → callback: 50 sessions at five messages a second each.

use std::{collections::HashMap, time::Duration};

use anyhow::ensure;
use hdrhistogram::Histogram;
use simulator::Uin;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    floor::{Bare, quantiles, spreads},
    stage::{Stage, accounts},
    table::{Budget, Table},
};

const SESSIONS: u32 = 50;
const FRIENDS: u32 = 200;
/// Friends of an account that write, in turn.
const WRITERS: u32 = 20;
/// Time between two messages: five a second in each session.
const EVERY: Duration = Duration::from_millis(4);
/// Messages of a repetition, which takes ten seconds.
const MESSAGES: u32 = 2_500;
const FIRST: Uin = 1_700_000_000;

pub async fn measure(repetitions: u32) -> anyhow::Result<Table> {
    let stage = Stage::start().await?;
    let apps = stage.log_in(&accounts(FIRST, SESSIONS, FRIENDS)).await?;
    run(&stage, MESSAGES / 2).await?;
    let bare = Bare::of(&stage, &apps[0].0).await?;
    bare.latencies().await?;
    let (mut ours, mut posts, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repetitions {
        ours.push(run(&stage, MESSAGES).await?);
        let [post, put_and_post] = bare.latencies().await?;
        posts.push(post);
        both.push(put_and_post);
    }
    let [p50, p99] = spreads(&ours);
    let [floor50, floor99] = spreads(&both);
    let [post50, post99] = spreads(&posts);
    let mut table = Table::default();
    table.row("push → callback p50, ms", Budget::AtMost(4.0), p50);
    table.floor("a conditional put, then a loopback POST", floor50);
    table.row("push → callback p99, ms", Budget::AtMost(10.0), p99);
    table.floor("the same", floor99);
    table.row("a loopback POST alone p50, ms", Budget::Free, post50);
    table.row("a loopback POST alone p99, ms", Budget::Free, post99);
    table.note(format!(
        "{SESSIONS} sessions at 5 messages/s each, {MESSAGES} messages a repetition after a warm-up of half as many, \
         from {WRITERS} of {FRIENDS} friends in turn; from the moment the simulated WeChat has the message to the \
         moment the callback has read its POST. Every message is in the ledger on disk before its POST: committed, \
         safe from `kill -9`; not flushed for the loss of power."
    ));
    table.note("None was lost or came twice. The floor is measured on an idle relay, one request after the other.");
    Ok(table)
}

/// Median and 99th percentile of the latency of `messages` messages, in milliseconds.
async fn run(stage: &Stage, messages: u32) -> anyhow::Result<[f64; 2]> {
    stage.receiver.forget().await?;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut in_flight = JoinSet::new();
    for n in 0..messages {
        ticks.tick().await;
        let (account, friend) = (FIRST + u64::from(n % SESSIONS), 1 + n / SESSIONS % WRITERS);
        in_flight.spawn(stage.simulated.push(&[(account, friend)]));
        while let Some(done) = in_flight.try_join_next() {
            done??;
        }
    }
    while let Some(done) = in_flight.join_next().await {
        done??;
    }
    let (first_reads, repeated) = stage.receiver.wait_for(messages as usize).await?;
    ensure!(first_reads.len() == messages as usize, "{} of {messages} messages came", first_reads.len());
    ensure!(repeated == 0, "{repeated} messages came twice");
    let accounts: Vec<Uin> = (0..SESSIONS).map(|n| FIRST + u64::from(n)).collect();
    let pushed = stage.simulated.pushed(&accounts).await?;
    Ok(quantiles(&times(&pushed, &first_reads)?))
}

fn times(pushed: &HashMap<u64, i64>, read: &HashMap<u64, i64>) -> anyhow::Result<Histogram<u64>> {
    let mut times = Histogram::new(3)?;
    for (id, at) in read {
        if let Some(from) = pushed.get(id) {
            times.record(u64::try_from(at - from).unwrap_or(0))?;
        }
    }
    Ok(times)
}
