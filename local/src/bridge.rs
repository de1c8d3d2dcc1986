//! What AWS does between the inbound queue and the dispatcher: an event source mapping that hands batches over and
//! deletes what was handled, and a schedule that starts the sweep.

use std::{collections::HashSet, future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use boot::Relay;
use domain::delivery::RetrySchedule;
use functions::delivery::{
    batch::Record,
    callback::{Client, Policy},
    dispatch::Dispatcher,
    sweep,
};
use queue::Received;
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

/// How long one request waits for messages. None is cut off at the end: SQS would give the next messages to the request
/// whose asker has gone, and hide them for minutes.
pub const POLL: Duration = Duration::from_secs(1);
/// Chats that are delivered to at once: one whose callback does not answer holds up itself only.
const CHATS: usize = 1_024;
/// How long a message that failed stays hidden, and how long a failed request is not repeated.
const PAUSE: Duration = Duration::from_secs(1);
/// Messages that one request deletes, by SQS's limit.
const BATCH: usize = 10;
/// Between two sweeps.
const SWEEP: Duration = Duration::from_secs(1);
/// Sweeps of a shard at once: one that empties a slow callback's chats does not keep others from theirs.
const SWEEPS: usize = 8;
/// An invoked function may take as long as the dispatcher on Lambda; a message in hand stays hidden for longer.
const INVOCATION: Duration = Duration::from_mins(3);

/// Where the dispatcher runs.
#[derive(Clone)]
pub enum Target {
    /// In this process.
    Here(Dispatcher),
    /// As Lambda functions that are invoked over HTTP, as `cargo lambda watch` serves them.
    Invoked { client: reqwest::Client, url: String },
}

impl Target {
    /// In this process, or the functions behind `invoke`. Callbacks may be on this machine, and where `CALLBACK_ALLOW`
    /// says: host names, addresses and networks, separated by commas.
    pub fn new(relay: &Relay, invoke: Option<&str>) -> anyhow::Result<Self> {
        if let Some(url) = invoke {
            let client = boot::http_client().timeout(INVOCATION).build().context("TLS cannot be set up")?;
            return Ok(Self::Invoked { client, url: url.trim_end_matches('/').to_owned() });
        }
        let policy = Policy::parse(&callbacks_allowed()).context("CALLBACK_ALLOW")?;
        let client = Client::new(policy).context("TLS cannot be set up")?;
        Ok(Self::Here(Dispatcher::new(relay.clone(), client, RetrySchedule::default())))
    }

    /// Handles a batch; the ids of the messages that must come again.
    async fn deliver(&self, batch: &[Received]) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Here(dispatcher) => Ok(dispatcher.deliver_batch(batch.iter().map(Record::from).collect()).await),
            Self::Invoked { .. } => {
                let answer = self.invoke("dispatcher", &queue::event(batch)).await?;
                let failures = answer["batchItemFailures"].as_array().map_or(&[][..], Vec::as_slice);
                Ok(failures.iter().filter_map(|one| one["itemIdentifier"].as_str().map(str::to_owned)).collect())
            }
        }
    }

    async fn sweep(&self, shard: u16) -> anyhow::Result<()> {
        match self {
            Self::Here(dispatcher) => sweep::sweep(dispatcher, shard).await.map(drop)?,
            Self::Invoked { .. } => drop(self.invoke("sweep", &json!({ "source": "aws.scheduler" })).await?),
        }
        Ok(())
    }

    async fn invoke(&self, function: &str, event: &Value) -> anyhow::Result<Value> {
        let Self::Invoked { client, url } = self else { return Ok(Value::Null) };
        let url = format!("{url}/2015-03-31/functions/{function}/invocations");
        let answer = client.post(url).json(event).send().await?.error_for_status()?;
        if answer.headers().contains_key("x-amz-function-error") {
            anyhow::bail!("the function {function} failed: {}", answer.text().await?);
        }
        Ok(answer.json().await?)
    }
}

/// Where callbacks of a relay on this machine may be besides public addresses: here, and where `CALLBACK_ALLOW` says.
pub fn callbacks_allowed() -> String {
    ["127.0.0.0/8,::1".to_owned()].into_iter().chain(boot::optional("CALLBACK_ALLOW")).collect::<Vec<_>>().join(",")
}

/// Starts both until `ending` resolves; what is in hand by then is finished.
pub fn spawn<E>(tasks: &mut JoinSet<()>, relay: &Relay, target: &Target, ending: impl Fn() -> E)
where
    E: Future<Output = ()> + Send + 'static,
{
    tasks.spawn(pump(relay.clone(), target.clone(), ending()));
    for shard in 0..relay.shards() {
        tasks.spawn(sweep_regularly(target.clone(), shard, ending()));
    }
}

async fn pump(relay: Relay, target: Target, ending: impl Future<Output = ()>) {
    let free = Arc::new(Semaphore::new(CHATS));
    let mut chats = JoinSet::new();
    let (done, handled) = mpsc::unbounded_channel();
    let forgetting = tokio::spawn(forget(relay.clone(), handled));
    tokio::pin!(ending);
    loop {
        tokio::select! {
            biased;
            () = &mut ending => break,
            () = std::future::ready(()) => {}
        }
        match relay.queues.inbound.receive(POLL).await {
            Ok(batch) => {
                for chat in queue::by_group(batch, |message| message.group.as_deref()) {
                    let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
                    let (relay, target, done) = (relay.clone(), target.clone(), done.clone());
                    chats.spawn(async move {
                        handle(&relay, &target, chat, &done).await;
                        drop(permit);
                    });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the inbound queue cannot be read");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while chats.try_join_next().is_some() {}
    }
    while chats.join_next().await.is_some() {}
    drop(done);
    if let Err(error) = forgetting.await {
        tracing::error!(%error, "handled messages are no longer deleted");
    }
}

/// Deletes what was handled, as many at once as have come meanwhile.
async fn forget(relay: Relay, mut handled: mpsc::UnboundedReceiver<String>) {
    let mut receipts = Vec::with_capacity(BATCH);
    while handled.recv_many(&mut receipts, BATCH).await > 0 {
        let all: Vec<&str> = receipts.iter().map(String::as_str).collect();
        if let Err(error) = relay.queues.inbound.delete(&all).await {
            tracing::warn!(%error, "handled messages cannot be deleted and will come again");
        }
        receipts.clear();
    }
}

/// Delivers a batch, tells what was handled, and gives back what failed.
async fn handle(relay: &Relay, target: &Target, batch: Vec<Received>, done: &mpsc::UnboundedSender<String>) {
    let failed: HashSet<String> = match target.deliver(&batch).await {
        Ok(failed) => failed.into_iter().collect(),
        Err(error) => {
            tracing::warn!(%error, "the dispatcher did not answer");
            batch.iter().map(|message| message.id.clone()).collect()
        }
    };
    for message in batch {
        if !failed.contains(&message.id) {
            // It is taken for as long as messages are handled.
            drop(done.send(message.receipt));
        } else if let Err(error) = relay.queues.inbound.give_back(&message.receipt, PAUSE).await {
            tracing::warn!(%error, "a failed message cannot be given back and comes later");
        }
    }
}

/// A sweep that is cut off by the end leaves what it claimed to be due again later.
async fn sweep_regularly(target: Target, shard: u16, ending: impl Future<Output = ()>) {
    let mut sweeps = JoinSet::new();
    tokio::pin!(ending);
    loop {
        tokio::select! {
            () = &mut ending => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        while sweeps.try_join_next().is_some() {}
        if sweeps.len() < SWEEPS {
            let target = target.clone();
            sweeps.spawn(async move {
                if let Err(error) = target.sweep(shard).await {
                    tracing::warn!(%error, shard, "a sweep failed");
                }
            });
        }
    }
}
