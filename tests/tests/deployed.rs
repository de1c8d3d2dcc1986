//! The dispatcher as a function of a deployed stack, invoked by the stack's own event source mapping. `tests/aws/run`
//! deploys the stack where that is possible and describes it in the environment.

use std::time::Duration;

use boot::{AwsClients, Relay};
use domain::{
    app::{App, NewApp},
    channel::ChannelKind,
    delivery::Delivery,
    id::Seq,
    message::{Content, Message},
    puid::Puid,
};
use queue::{InboundEnvelope, Queue};
use reqwest::StatusCode;
use serde_json::Value;
use testing::Callback;
use tokio::time::{interval, timeout};

/// Limit of each wait.
const TIMEOUT: Duration = Duration::from_mins(1);

struct Deployed {
    relay: Relay,
    callback: Callback,
    app: App,
}

impl Deployed {
    async fn start() -> Self {
        let relay = Relay::from_env().await.expect("the environment describes a stack");
        let callback = Callback::start().await;
        let new =
            NewApp { name: "deployed", token: "t", callback: Some(&callback.url), channel: ChannelKind::Web, shard: 0 };
        let (app, _) = App::create(&new, &relay.sealer, &*relay.ids, relay.now());
        relay.store.create_app(&app).await.expect("a new app");
        Self { relay, callback, app }
    }

    /// Does what the worker does with an inbound message: appends a row, then sends its envelope.
    async fn receive(&self, seq: u64, chat: &str, text: &str) {
        let chat = Puid::new(chat);
        let content = Content::Text { text: text.to_owned() };
        let message = Message { chat: chat.clone(), send_user: Some(chat.clone()), content, ..testing::message(seq) };
        self.relay.store.append(&self.app.id, &message, None).await.expect("a new row");
        let envelope = InboundEnvelope { app: self.app.id.clone(), chat, seq: Seq::new(seq) };
        self.relay.queues.inbound.send(&envelope).await.expect("the envelope is sent");
    }

    /// Sends a body that is no envelope, after it has configured the queue so that the second failure makes a dead letter.
    async fn poison(&self) {
        let (sqs, url) = (clients().await.sqs(), self.relay.queues.inbound.url());
        let sqs = sqs.client();
        let attributes = sqs.get_queue_attributes().queue_url(url).attribute_names("RedrivePolicy".into());
        let attributes = attributes.send().await.expect("the queue responds").attributes.expect("it has dead letters");
        let mut redrive: Value = serde_json::from_str(&attributes[&"RedrivePolicy".into()]).expect("JSON");
        redrive["maxReceiveCount"] = 1.into();
        let change = sqs.set_queue_attributes().queue_url(url).attributes("VisibilityTimeout".into(), "1");
        let change = change.attributes("RedrivePolicy".into(), redrive.to_string());
        change.send().await.expect("the queue accepts it");
        let message = sqs.send_message().queue_url(url).message_group_id("poison").message_body("{");
        message.message_deduplication_id(self.app.id.as_str()).send().await.expect("the queue accepts it");
    }

    async fn depth(&self) -> u64 {
        self.relay.queues.inbound.depth().await.expect("the queue responds")
    }

    async fn delivery(&self, seq: u64) -> Delivery {
        let seq = Seq::new(seq);
        self.relay.store.messages(&self.app.id, seq..=seq).await.expect("the ledger responds")[0].delivery
    }
}

/// Checks until the condition holds.
async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let checked = async {
        let mut ticks = interval(Duration::from_millis(50));
        while !condition().await {
            ticks.tick().await;
        }
    };
    timeout(TIMEOUT, checked).await.expect("the condition within a minute");
}

async fn clients() -> AwsClients {
    AwsClients::from_env().await.expect("the environment names services")
}

#[tokio::test]
#[ignore = "needs a deployed stack: tests/aws/run"]
async fn the_dispatcher_receives_the_queues_messages_and_failed_ones_stay_there() {
    let stage = Deployed::start().await;
    let store = &stage.relay.store;

    stage.receive(1, "friend01", "一").await;
    assert_eq!(stage.callback.accepted(1).await[0].text(), "一");
    until(async || stage.delivery(1).await == Delivery::Delivered).await;
    until(async || stage.depth().await == 0).await;

    // The callback is down: after three attempts the chat is parked in the ledger, and the queue is empty.
    stage.callback.answer(|delivered| match delivered.text().as_str() {
        "二" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    });
    stage.receive(2, "friend01", "二").await;
    until(async || !store.parked_chats(&stage.app.id).await.expect("the ledger responds").is_empty()).await;
    stage.receive(3, "friend02", "三").await;
    assert_eq!(stage.callback.accepted(2).await[1].text(), "三");
    assert_eq!(stage.delivery(2).await, Delivery::Pending);
    until(async || stage.depth().await == 0).await;

    // A body that is no envelope is reported as failed: it stays in the queue and becomes a dead letter. The message
    // beside it is delivered.
    stage.poison().await;
    stage.receive(4, "friend02", "四").await;
    stage.callback.accepted(3).await;
    until(async || stage.delivery(4).await == Delivery::Delivered).await;
    let dead = stage.relay.queues.inbound.url().replace("-inbound", "-inbound-dead");
    let dead: Queue<InboundEnvelope> = Queue::new(clients().await.sqs(), &dead);
    until(async || stage.depth().await == 0).await;
    let letters = dead.receive(Duration::from_secs(20)).await.expect("the queue responds");
    assert_eq!(letters.iter().map(|letter| &*letter.body).collect::<Vec<_>>(), ["{"]);
}
