//! The dispatcher as a function of a deployed stack, which is given what the queue holds by the stack's own event source
//! mapping. `tests/aws/run` deploys the stack where that is possible, and says in the environment where it is.

use std::time::Duration;

use boot::{AwsClients, Relay};
use domain::{
    app::{App, NewApp},
    delivery::Delivery,
    message::{Content, Message},
    puid::Puid,
};
use queue::{InboundEnvelope, Queue};
use reqwest::StatusCode;
use serde_json::Value;
use testing::Callback;
use tokio::time::{interval, timeout};

/// Nothing here takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_mins(1);

struct Deployed {
    relay: Relay,
    callback: Callback,
    app: App,
}

impl Deployed {
    async fn start() -> Self {
        let relay = Relay::from_env().await.expect("the environment describes a stack");
        let callback = Callback::start().await;
        let new = NewApp { name: "deployed", token: "t", callback: Some(&callback.url), shard: 0 };
        let (app, _) = App::create(&new, &relay.sealer, &*relay.ids, relay.now());
        relay.store.create_app(&app).await.expect("the ledger takes the app");
        Self { relay, callback, app }
    }

    /// What the worker does with a message that came: a row, then its envelope.
    async fn receive(&self, seq: u64, chat: &str, text: &str) {
        let chat = Puid::new(chat);
        let content = Content::Text { text: text.to_owned() };
        let message = Message { chat: chat.clone(), send_user: Some(chat.clone()), content, ..testing::message(seq) };
        self.relay.store.append(&self.app.id, &message, None).await.expect("the ledger takes the row");
        let envelope = InboundEnvelope { app: self.app.id.clone(), chat, seq };
        self.relay.queues.inbound.send(&envelope).await.expect("the queue takes the envelope");
    }

    /// Sends something that is no envelope, on a queue that has a message's second failure made a dead letter soon.
    async fn poison(&self) {
        let (sqs, url) = (clients().await.sqs(), self.relay.queues.inbound.url());
        let sqs = sqs.client();
        let attributes = sqs.get_queue_attributes().queue_url(url).attribute_names("RedrivePolicy".into());
        let attributes = attributes.send().await.expect("the queue answers").attributes.expect("it has dead letters");
        let mut redrive: Value = serde_json::from_str(&attributes[&"RedrivePolicy".into()]).expect("JSON");
        redrive["maxReceiveCount"] = 1.into();
        let change = sqs.set_queue_attributes().queue_url(url).attributes("VisibilityTimeout".into(), "1");
        let change = change.attributes("RedrivePolicy".into(), redrive.to_string());
        change.send().await.expect("the queue takes it");
        let message = sqs.send_message().queue_url(url).message_group_id("poison").message_body("{");
        message.message_deduplication_id(&self.app.id).send().await.expect("the queue takes it");
    }

    async fn depth(&self) -> u64 {
        self.relay.queues.inbound.depth().await.expect("the queue answers")
    }

    async fn delivery(&self, seq: u64) -> Delivery {
        self.relay.store.rows(&self.app.id, seq..=seq).await.expect("the ledger answers")[0].delivery
    }
}

/// Asks until the answer is yes.
async fn until(mut ask: impl AsyncFnMut() -> bool) {
    let asked = async {
        let mut beat = interval(Duration::from_millis(50));
        while !ask().await {
            beat.tick().await;
        }
    };
    timeout(PATIENCE, asked).await.expect("it comes in time");
}

async fn clients() -> AwsClients {
    AwsClients::from_env().await.expect("the environment names services")
}

#[tokio::test]
#[ignore = "needs a deployed stack: tests/aws/run"]
async fn the_dispatcher_is_given_what_the_queue_holds_and_what_it_reports_as_failed_stays_there() {
    let stage = Deployed::start().await;
    let store = &stage.relay.store;

    stage.receive(1, "friend01", "一").await;
    assert_eq!(stage.callback.accepted(1).await[0].text(), "一");
    until(async || stage.delivery(1).await == Delivery::Delivered).await;
    until(async || stage.depth().await == 0).await;

    // A callback that is down: three tries, then the chat waits in the ledger, and no longer in the queue.
    stage.callback.answer(|delivered| match delivered.text().as_str() {
        "二" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    });
    stage.receive(2, "friend01", "二").await;
    until(async || !store.parked_chats(&stage.app.id).await.expect("the ledger answers").is_empty()).await;
    stage.receive(3, "friend02", "三").await;
    assert_eq!(stage.callback.accepted(2).await[1].text(), "三");
    assert_eq!(stage.delivery(2).await, Delivery::Pending);
    until(async || stage.depth().await == 0).await;

    // Something that is no envelope is reported as failed, and so neither deleted nor lost; what came with it is.
    stage.poison().await;
    stage.receive(4, "friend02", "四").await;
    stage.callback.accepted(3).await;
    until(async || stage.delivery(4).await == Delivery::Delivered).await;
    let dead = stage.relay.queues.inbound.url().replace("-inbound", "-inbound-dead");
    let dead: Queue<InboundEnvelope> = Queue::new(clients().await.sqs(), &dead);
    until(async || stage.depth().await == 0).await;
    let letters = dead.receive(Duration::from_secs(20)).await.expect("the queue answers");
    assert_eq!(letters.iter().map(|letter| &*letter.body).collect::<Vec<_>>(), ["{"]);
}
