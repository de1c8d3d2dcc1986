//! The part of AWS between the inbound queue and the dispatcher: an event source mapping, which passes batches on and
//! deletes delivered messages, and the schedule of the sweep.

use std::{collections::HashSet, future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use boot::Relay;
use domain::{delivery::RetrySchedule, error::chain};
use functions::delivery::{batch::Record, callback::Client, dispatch::Dispatcher, sweep};
use guard::Policy;
use queue::Received;
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use url::Url;

/// Wait of one receive. A receive is never cancelled: SQS does not see the disconnect and delivers the next messages to
/// it, where they stay invisible for minutes.
pub const POLL: Duration = Duration::from_secs(1);
/// Chats with a delivery in progress at a time. A callback that does not respond delays its own chat only.
const CHATS: usize = 1_024;
/// How long a failed message stays invisible, and the pause after a failed receive.
const PAUSE: Duration = Duration::from_secs(1);
/// Messages that one request deletes: SQS's limit.
const BATCH: usize = 10;
/// Time between two sweeps.
const SWEEP: Duration = Duration::from_secs(1);
/// Sweeps of a shard at a time. A sweep that waits for a slow callback does not delay other chats.
const SWEEPS: usize = 8;
/// Limit of an invocation: the dispatcher's time-out on Lambda. Messages stay invisible for longer.
const INVOCATION: Duration = Duration::from_mins(3);

/// Where the dispatcher runs.
#[derive(Clone)]
pub enum Target {
    /// In this process.
    Here(Box<Dispatcher>),
    /// Lambda functions that are invoked over HTTP, as `cargo lambda watch` serves them.
    Invoked { client: reqwest::Client, url: String },
}

impl Target {
    /// The functions at the URL `invoke`, or a dispatcher in this process, whose links begin with `public_url`.
    pub fn new(relay: &Relay, invoke: Option<&str>, public_url: Option<Url>) -> anyhow::Result<Self> {
        if let Some(url) = invoke {
            let client = boot::http_client().timeout(INVOCATION).build().context("TLS cannot be set up")?;
            return Ok(Self::Invoked { client, url: url.trim_end_matches('/').to_owned() });
        }
        let client = Client::new(policy()?).context("TLS cannot be set up")?;
        Ok(Self::Here(Box::new(Dispatcher::new(relay.clone(), client, RetrySchedule::default(), public_url))))
    }

    /// Delivers a batch. Returns the ids of the messages that failed.
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

/// Where the callbacks of a relay on this machine may be besides public addresses: on this machine, and where
/// `CALLBACK_ALLOW` says.
pub fn callbacks_allowed() -> String {
    ["127.0.0.0/8,::1".to_owned()].into_iter().chain(boot::optional("CALLBACK_ALLOW")).collect::<Vec<_>>().join(",")
}

/// What a relay on this machine may call for an app.
pub fn policy() -> anyhow::Result<Policy> {
    Policy::parse(&callbacks_allowed()).context("CALLBACK_ALLOW")
}

/// Starts both until `stopped` resolves; then deliveries in progress finish.
pub fn spawn<E>(tasks: &mut JoinSet<()>, relay: &Relay, target: &Target, stopped: impl Fn() -> E)
where
    E: Future<Output = ()> + Send + 'static,
{
    tasks.spawn(deliver_inbound(relay.clone(), target.clone(), stopped()));
    for shard in 0..relay.shards() {
        tasks.spawn(sweep_regularly(target.clone(), shard, stopped()));
    }
}

async fn deliver_inbound(relay: Relay, target: Target, stopped: impl Future<Output = ()>) {
    let free = Arc::new(Semaphore::new(CHATS));
    let mut chats = JoinSet::new();
    let (done, delivered) = mpsc::unbounded_channel();
    let deleting = tokio::spawn(delete_delivered(relay.clone(), delivered));
    tokio::pin!(stopped);
    loop {
        // Checked between two receives, so that none is cancelled.
        tokio::select! {
            biased;
            () = &mut stopped => break,
            () = std::future::ready(()) => {}
        }
        match relay.queues.inbound.receive(POLL).await {
            Ok(batch) => {
                for chat in queue::by_group(batch, |message| message.group.as_deref()) {
                    let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
                    let (relay, target, done) = (relay.clone(), target.clone(), done.clone());
                    chats.spawn(async move {
                        deliver_batch(&relay, &target, chat, &done).await;
                        drop(permit);
                    });
                }
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "cannot receive from the inbound queue");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while chats.try_join_next().is_some() {}
    }
    while chats.join_next().await.is_some() {}
    drop(done);
    if let Err(error) = deleting.await {
        tracing::error!(%error, "the task that deletes delivered messages panicked");
    }
}

/// Deletes delivered messages, as many at a time as are waiting.
async fn delete_delivered(relay: Relay, mut delivered: mpsc::UnboundedReceiver<String>) {
    let mut receipts = Vec::with_capacity(BATCH);
    while delivered.recv_many(&mut receipts, BATCH).await > 0 {
        let all: Vec<&str> = receipts.iter().map(String::as_str).collect();
        if let Err(error) = relay.queues.inbound.delete(&all).await {
            tracing::warn!(error = %chain(&error), "cannot delete delivered messages; they will be received again");
        }
        receipts.clear();
    }
}

/// Delivers a batch, reports the delivered messages to `done`, and returns the failed ones to the queue.
async fn deliver_batch(relay: &Relay, target: &Target, batch: Vec<Received>, done: &mpsc::UnboundedSender<String>) {
    let failed: HashSet<String> = match target.deliver(&batch).await {
        Ok(failed) => failed.into_iter().collect(),
        Err(error) => {
            tracing::warn!(error = %chain(&*error), "invocation of the dispatcher failed");
            batch.iter().map(|message| message.id.clone()).collect()
        }
    };
    for message in batch {
        if !failed.contains(&message.id) {
            // The receiver lives until the last delivery has ended.
            drop(done.send(message.receipt));
        } else if let Err(error) = relay.queues.inbound.give_back(&message.receipt, PAUSE).await {
            tracing::warn!(error = %chain(&error), "cannot return a failed message; it stays invisible until its time-out");
        }
    }
}

/// Sweeps a shard regularly. What a sweep has claimed when it is stopped becomes due again later.
async fn sweep_regularly(target: Target, shard: u16, stopped: impl Future<Output = ()>) {
    let mut sweeps = JoinSet::new();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        while sweeps.try_join_next().is_some() {}
        if sweeps.len() < SWEEPS {
            let target = target.clone();
            sweeps.spawn(async move {
                if let Err(error) = target.sweep(shard).await {
                    tracing::warn!(error = %chain(&*error), shard, "sweep failed");
                }
            });
        }
    }
}
