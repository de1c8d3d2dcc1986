//! The features of SQS that the queues need, through the SDK.

mod support;

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use support::{in_memory, sqs};
use tokio::time::timeout;

async fn fifo(client: &Client, name: &str, more: &[(QueueAttributeName, &str)]) -> String {
    let mut create = client
        .create_queue()
        .queue_name(name)
        .attributes(QueueAttributeName::FifoQueue, "true")
        .attributes(QueueAttributeName::DeduplicationScope, "messageGroup")
        .attributes(QueueAttributeName::FifoThroughputLimit, "perMessageGroupId");
    for (attribute, value) in more {
        create = create.attributes(attribute.clone(), *value);
    }
    let created = create.send().await.expect("create queue");
    created.queue_url.expect("url")
}

async fn send(client: &Client, url: &str, group: &str, id: &str) {
    client
        .send_message()
        .queue_url(url)
        .message_group_id(group)
        .message_deduplication_id(id)
        .message_body(id)
        .send()
        .await
        .expect("send");
}

async fn receive(client: &Client, url: &str, wait: Duration) -> Vec<Message> {
    client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .wait_time_seconds(i32::try_from(wait.as_secs()).expect("seconds"))
        .send()
        .await
        .expect("receive")
        .messages
        .unwrap_or_default()
}

async fn delete(client: &Client, url: &str, message: &Message) {
    client
        .delete_message()
        .queue_url(url)
        .receipt_handle(message.receipt_handle().expect("handle"))
        .send()
        .await
        .expect("delete");
}

async fn visible_again(client: &Client, url: &str, message: &Message) {
    client
        .change_message_visibility()
        .queue_url(url)
        .receipt_handle(message.receipt_handle().expect("handle"))
        .visibility_timeout(0)
        .send()
        .await
        .expect("visibility");
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(Message::body).collect()
}

#[tokio::test]
async fn queue_urls_point_to_the_service() {
    let services = in_memory().await;
    let client = sqs(services.endpoints());
    let url = fifo(&client, "inbound.fifo", &[]).await;
    assert_eq!(url, format!("{}/000000000000/inbound.fifo", services.sqs_url()));
    let found = client.get_queue_url().queue_name("inbound.fifo").send();
    assert_eq!(found.await.expect("found").queue_url, Some(url));

    let missing = client.get_queue_url().queue_name("none.fifo").send();
    let error = missing.await.expect_err("no such queue");
    assert!(error.into_service_error().is_queue_does_not_exist());
}

#[tokio::test]
async fn a_group_keeps_its_order_and_waits_for_its_received_message() {
    let services = in_memory().await;
    let client = sqs(services.endpoints());
    let url = fifo(&client, "inbound.fifo", &[]).await;
    for id in ["a1", "a2", "b1", "b2"] {
        send(&client, &url, &id[..1], id).await;
    }

    let first = receive(&client, &url, Duration::ZERO).await;
    assert_eq!(bodies(&first), ["a1", "b1"]);
    // Both groups have a received message that is not deleted.
    assert!(receive(&client, &url, Duration::ZERO).await.is_empty());

    delete(&client, &url, &first[0]).await;
    visible_again(&client, &url, &first[1]).await;
    let second = receive(&client, &url, Duration::ZERO).await;
    assert_eq!(bodies(&second), ["a2", "b1"]);
}

#[tokio::test]
async fn a_message_sent_twice_is_received_once_in_its_group() {
    let services = in_memory().await;
    let client = sqs(services.endpoints());
    let url = fifo(&client, "inbound.fifo", &[]).await;
    send(&client, &url, "a", "same").await;
    send(&client, &url, "a", "same").await;
    send(&client, &url, "b", "same").await;

    let messages = receive(&client, &url, Duration::ZERO).await;
    assert_eq!(bodies(&messages), ["same", "same"]);
    for message in &messages {
        delete(&client, &url, message).await;
    }
    assert!(receive(&client, &url, Duration::ZERO).await.is_empty());
}

#[tokio::test]
async fn a_message_received_too_often_becomes_a_dead_letter() {
    let services = in_memory().await;
    let client = sqs(services.endpoints());
    let dead = fifo(&client, "dead.fifo", &[]).await;
    let arn = client
        .get_queue_attributes()
        .queue_url(&dead)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .expect("attributes")
        .attributes
        .and_then(|mut all| all.remove(&QueueAttributeName::QueueArn))
        .expect("arn");
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":2}}"#);
    let policy = [(QueueAttributeName::RedrivePolicy, policy.as_str())];
    let url = fifo(&client, "inbound.fifo", &policy).await;
    send(&client, &url, "a", "poison").await;
    send(&client, &url, "a", "next").await;

    for count in ["1", "2"] {
        let attempt = receive(&client, &url, Duration::ZERO).await;
        assert_eq!(bodies(&attempt), ["poison"]);
        let attributes = attempt[0].attributes().expect("attributes");
        assert_eq!(attributes[&MessageSystemAttributeName::ApproximateReceiveCount], count);
        visible_again(&client, &url, &attempt[0]).await;
    }
    // At the third receive it moves to the dead letters, and the rest of the group follows.
    assert!(receive(&client, &url, Duration::ZERO).await.is_empty());
    let moved = receive(&client, &dead, Duration::from_secs(10)).await;
    assert_eq!(bodies(&moved), ["poison"]);
    let rest = receive(&client, &url, Duration::from_secs(10)).await;
    assert_eq!(bodies(&rest), ["next"]);
}

#[tokio::test]
async fn a_long_poll_wakes_when_a_message_is_sent() {
    let services = in_memory().await;
    let client = sqs(services.endpoints());
    let url = fifo(&client, "inbound.fifo", &[]).await;
    let long = Duration::from_secs(20);

    // The poll must end long before its wait is over.
    let poll = timeout(long / 2, receive(&client, &url, long));
    let (messages, ()) = tokio::join!(poll, send(&client, &url, "a", "wake"));

    assert_eq!(bodies(&messages.expect("the message ends the poll")), ["wake"]);
}

#[tokio::test]
async fn a_deleted_message_wakes_the_poll_that_waits_for_its_group() {
    let services = in_memory().await;
    let client = sqs(services.endpoints());
    let url = fifo(&client, "inbound.fifo", &[]).await;
    send(&client, &url, "a", "first").await;
    send(&client, &url, "a", "second").await;
    let first = receive(&client, &url, Duration::ZERO).await;

    let poll = receive(&client, &url, Duration::from_secs(20));
    let (second, ()) = tokio::join!(poll, delete(&client, &url, &first[0]));

    assert_eq!(bodies(&second), ["second"]);
}
