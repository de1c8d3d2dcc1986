//! Tests of the queues over the wire, against the embedded SQS or the one that the environment names.

use std::time::Duration;

use domain::{
    error::chain,
    id::{AppId, JobId, Seq},
    puid::Puid,
};
use queue::{CommandEnvelope, Envelope, InboundEnvelope, Queue, Received};
use template::Deployment;
use testing::Fixture;

const NOW: Duration = Duration::ZERO;
/// Longer than a response takes, so that a message that was sent is received.
const SOON: Duration = Duration::from_secs(5);

fn envelope(chat: &str, seq: u64) -> InboundEnvelope {
    InboundEnvelope { app: AppId::trusted("a".repeat(32)), chat: Puid::new(chat), seq: Seq::new(seq) }
}

fn parse(received: &Received) -> InboundEnvelope {
    serde_json::from_str(&received.body).unwrap()
}

/// Receives and deletes messages until the queue is empty.
async fn drain(queue: &Queue<InboundEnvelope>) -> Vec<InboundEnvelope> {
    let mut all = Vec::new();
    loop {
        let batch = queue.receive(NOW).await.unwrap();
        if batch.is_empty() {
            return all;
        }
        let receipts: Vec<&str> = batch.iter().map(|received| received.receipt.as_str()).collect();
        queue.delete(&receipts).await.unwrap();
        all.extend(batch.iter().map(parse));
    }
}

fn seqs_of(all: &[InboundEnvelope], chat: &str) -> Vec<u64> {
    all.iter().filter(|envelope| envelope.chat.as_str() == chat).map(|envelope| envelope.seq.get()).collect()
}

#[tokio::test]
async fn a_message_is_received_until_it_is_deleted() {
    let fixture = Fixture::start().await;
    let queue = &fixture.relay.queues.inbound;
    assert!(queue.receive(NOW).await.unwrap().is_empty());
    let sent = envelope("friend01", 1);
    queue.send(&sent).await.unwrap();
    let received = queue.receive(SOON).await.unwrap();
    assert_eq!(received.len(), 1);
    assert_eq!(parse(&received[0]), sent);
    assert_eq!(received[0].group, Some(sent.group()));
    // The queue has a clock of its own, far ahead of the test clock.
    assert!(received[0].sent.is_some_and(|sent| sent > testing::START.parse().unwrap()));
    assert!(!received[0].id.is_empty());
    // A received message is invisible, but the depth includes it.
    assert!(queue.receive(NOW).await.unwrap().is_empty());
    assert_eq!(queue.depth().await.unwrap(), 1);
    queue.delete(&[&received[0].receipt]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), 0);
    queue.delete(&[]).await.unwrap();
}

#[tokio::test]
async fn many_messages_are_sent_in_order_and_none_is_lost() {
    let fixture = Fixture::start().await;
    let queue = &fixture.relay.queues.inbound;
    let all: Vec<InboundEnvelope> =
        (1..=25).map(|seq| envelope(if seq % 3 == 0 { "group001" } else { "friend01" }, seq)).collect();
    queue.send_all(&all).await.unwrap();
    queue.send_all(&[]).await.unwrap();
    queue.send_all(&[envelope("friend01", 26)]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), 26);
    let received = drain(queue).await;
    assert_eq!(received.len(), 26);
    assert_eq!(seqs_of(&received, "group001"), [3, 6, 9, 12, 15, 18, 21, 24]);
    let friend: Vec<u64> = (1..=26).filter(|seq| seq % 3 != 0).collect();
    assert_eq!(seqs_of(&received, "friend01"), friend);
}

#[tokio::test]
async fn a_received_message_blocks_only_its_own_group() {
    let fixture = Fixture::start().await;
    let queue = &fixture.relay.queues.inbound;
    queue.send_all(&[envelope("friend01", 1)]).await.unwrap();
    let first = queue.receive(SOON).await.unwrap();
    queue.send_all(&[envelope("friend01", 2), envelope("friend02", 3)]).await.unwrap();
    let next: Vec<InboundEnvelope> = queue.receive(SOON).await.unwrap().iter().map(parse).collect();
    assert_eq!(next, [envelope("friend02", 3)]);
    queue.delete(&[&first[0].receipt]).await.unwrap();
    let freed: Vec<InboundEnvelope> = queue.receive(SOON).await.unwrap().iter().map(parse).collect();
    assert_eq!(freed, [envelope("friend01", 2)]);
}

#[tokio::test]
async fn a_returned_message_is_received_before_later_ones() {
    let fixture = Fixture::start().await;
    let queue = &fixture.relay.queues.inbound;
    queue.send(&envelope("friend01", 1)).await.unwrap();
    let received = queue.receive(SOON).await.unwrap();
    queue.send(&envelope("friend01", 2)).await.unwrap();
    queue.give_back(&received[0].receipt, NOW).await.unwrap();
    assert_eq!(seqs_of(&drain(queue).await, "friend01"), [1, 2]);
}

#[tokio::test]
async fn a_repeated_envelope_is_dropped() {
    let fixture = Fixture::start().await;
    let queue = &fixture.relay.queues.inbound;
    let twice = [envelope("friend01", 1), envelope("friend01", 2)];
    queue.send_all(&twice).await.unwrap();
    queue.send_all(&twice).await.unwrap();
    queue.send(&twice[1]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), 2);
    assert_eq!(drain(queue).await, twice);
    queue.send(&twice[0]).await.unwrap();
    assert!(queue.receive(NOW).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_command_goes_to_the_queue_of_its_shard() {
    let fixture = Fixture::start().await;
    let queues = &fixture.relay.queues;
    let command = |app: &str, job: &str| CommandEnvelope { app: AppId::trusted(app), job: JobId::trusted(job) };
    queues.command(0, &command("one", "j1")).await.unwrap();
    queues.command(0, &command("one", "j1")).await.unwrap();
    queues.command(0, &command("two", "j2")).await.unwrap();
    assert_eq!(queues.commands[0].depth().await.unwrap(), 2);
    let refused = queues.command(1, &command("one", "j3")).await.unwrap_err();
    assert_eq!(chain(&refused).to_string(), "the queue is not available: no command queue for shard 1");
    let received = queues.commands[0].receive(SOON).await.unwrap();
    let first: CommandEnvelope = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(received[0].group, Some(first.group()));
}

#[tokio::test]
async fn a_missing_queue_is_an_error() {
    let fixture = Fixture::start().await;
    let inbound = &fixture.relay.queues.inbound;
    let url = inbound.url().replace("-inbound", "-nothing");
    let nowhere: Queue<InboundEnvelope> = Queue::new(fixture.services.clients.sqs(), &url);
    assert!(nowhere.send(&envelope("friend01", 1)).await.is_err());
    assert!(nowhere.receive(NOW).await.is_err());
    assert!(nowhere.depth().await.is_err());
    assert!(inbound.give_back("nothing", NOW).await.is_err());
}

#[tokio::test]
async fn creating_a_queue_again_finds_it() {
    let fixture = Fixture::start().await;
    let clients = &fixture.services.clients;
    let spec = Deployment::of(&format!("{}-again", fixture.services.stack), 1).unwrap().inbound;
    let create = || Queue::<InboundEnvelope>::create(clients.sqs(), &spec);
    let (one, two) = (create().await.unwrap(), create().await.unwrap());
    assert_eq!(one.url(), two.url());
    one.send(&envelope("friend01", 1)).await.unwrap();
    assert_eq!(two.depth().await.unwrap(), 1);
}

#[test]
fn groups_and_deduplication_follow_chat_sequence_number_and_job() {
    let inbound = envelope("friend01", 7);
    assert_eq!(inbound.group(), format!("{}.friend01", "a".repeat(32)));
    assert_eq!(inbound.deduplication_id(), format!("{}.7", "a".repeat(32)));
    assert_eq!(
        serde_json::to_value(&inbound).unwrap(),
        serde_json::json!({ "app": "a".repeat(32), "chat": "friend01", "seq": 7 })
    );
}
