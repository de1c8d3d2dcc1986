//! Messages a second through an overloaded relay, and CPU time a message.

use std::time::Duration;

use anyhow::{Context, ensure};
use simulator::Uin;

use crate::{
    floor::{Bare, CONCURRENT, spreads},
    stage::{Stage, accounts},
    table::{Budget, Table},
};

const SESSIONS: u32 = 50;
const FRIENDS: u32 = 200;
/// Friends of an account that write, in turn.
const WRITERS: u32 = 20;
/// Messages of a session in a repetition.
const EACH: u32 = 200;
const FIRST: Uin = 1_700_000_000;

pub async fn measure(repetitions: u32) -> anyhow::Result<Table> {
    let stage = Stage::start().await?;
    let apps = stage.log_in(&accounts(FIRST, SESSIONS, FRIENDS)).await?;
    run(&stage, EACH / 2).await?;
    let bare = Bare::of(&stage, &apps[0].0).await?;
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..repetitions {
        ours.push(run(&stage, EACH).await?);
        floors.push([bare.posts().await?, bare.puts().await?]);
    }
    let [rate, cpu, without_services, simulated] = spreads(&ours);
    let [posts, puts] = spreads(&floors);
    let mut table = Table::default();
    table.row("sustained messages/s", Budget::AtLeast(1_000.0), rate);
    table.floor(format!("conditional puts/s, {CONCURRENT} at once"), puts);
    table.row(format!("loopback POSTs/s alone, {CONCURRENT} at once"), Budget::Free, posts);
    table.row("CPU a message, relay without the embedded AWS, ms", Budget::AtMost(0.8), without_services);
    table.row("CPU a message, whole relay process, ms", Budget::Free, cpu);
    table.row("CPU a message, simulated WeChat, ms", Budget::Free, simulated);
    table.note(format!(
        "{SESSIONS} sessions, {} messages a repetition that are all there at once, from {WRITERS} of {FRIENDS} friends \
         in turn; from the first push to the last callback. Each goes from WeChat's sync into the ledger on disk \
         (committed, safe from `kill -9`; not flushed for the loss of power), through the inbound queue and the \
         dispatcher to the callback, and is noted as delivered. None was lost or came twice.",
        SESSIONS * EACH
    ));
    table.note(
        "The relay is one process: worker, dispatcher, API and, on two threads of their own, the embedded DynamoDB and \
         SQS, which on AWS are others' CPU. Simulator, callback and this program share the same cores.",
    );
    Ok(table)
}

/// Messages a second, and CPU milliseconds a message of the relay, of the relay without its embedded services, and of the
/// simulated WeChat.
async fn run(stage: &Stage, each: u32) -> anyhow::Result<[f64; 4]> {
    stage.receiver.forget().await?;
    let messages = SESSIONS * each;
    let of = |n| (FIRST + u64::from(n % SESSIONS), 1 + n / SESSIONS % WRITERS);
    let all: Vec<(Uin, u32)> = (0..messages).map(of).collect();
    let (relay, simulated) = (&stage.process, stage.simulated.process());
    let before = (relay.cpu()?, simulated.cpu()?);
    stage.simulated.push(&all).await?;
    let (first_reads, repeated) = stage.receiver.wait_for(messages as usize).await?;
    ensure!(first_reads.len() == messages as usize, "{} of {messages} messages came", first_reads.len());
    ensure!(repeated == 0, "{repeated} messages came twice");
    let used = (relay.cpu()?.since(before.0), simulated.cpu()?.since(before.1));
    let accounts: Vec<Uin> = (0..SESSIONS).map(|n| FIRST + u64::from(n)).collect();
    let pushed = stage.simulated.pushed(&accounts).await?;
    let first = first_reads.keys().filter_map(|id| pushed.get(id)).min().context("nothing was pushed")?;
    let last = first_reads.values().max().context("nothing was taken")?;
    let lasted = Duration::from_micros(u64::try_from(last - first)?);
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e3 / f64::from(messages);
    Ok([
        f64::from(messages) / lasted.as_secs_f64(),
        each(used.0.all),
        each(used.0.all.saturating_sub(used.0.embedded)),
        each(used.1.all),
    ])
}
