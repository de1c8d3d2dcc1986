//! The stored form of rows. Rows of earlier versions must stay readable, so attribute names and values do not change.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    channel::Cursor,
    delivery::Parked,
    id::Seq,
    job::{Command, Job, Origin},
    session::{EndReason, Session, SessionState},
};
use store::{Checkpoint, Lease};

use crate::support::{APP, Item, Ledger, at, job_id, message, puid};

const LOG: &str = "LOG#00000000000000000001";

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: &str) -> AttributeValue {
    AttributeValue::N(value.into())
}

fn map<const N: usize>(fields: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

/// Asserts that a row has these attributes.
#[track_caller]
fn assert_attributes<const N: usize>(row: &Item, expected: [(&str, AttributeValue); N]) {
    for (name, value) in expected {
        assert_eq!(row.get(name), Some(&value), "{name}");
    }
}

#[tokio::test]
async fn a_message_and_its_checkpoint_keep_their_stored_form() {
    let ledger = Ledger::start().await;
    let checkpoint = Checkpoint { login_number: 3, cursor: Cursor::new("{}") };
    ledger.store.append(&APP, &message(1, "text"), Some(&checkpoint)).await.unwrap();
    let row = ledger.item(&format!("APP#{}", *APP), LOG).await.unwrap();
    assert_attributes(
        &row,
        [
            ("seq", number("1")),
            ("id", number("6050338562629220245")),
            ("direction", text("in")),
            ("chat", text("friend01")),
            ("content", map([("type", text("Text")), ("text", text("text"))])),
            ("delivery", text("pending")),
            ("cursor", map([("login_number", number("3")), ("place", text("{}"))])),
        ],
    );
}

#[tokio::test]
async fn a_session_keeps_its_stored_form() {
    let ledger = Ledger::start().await;
    let session = Session {
        state: SessionState::Online,
        credentials: Some(ledger.sealed("cookies")),
        cursor: Some(Cursor::new("{}")),
        ending: Some(EndReason::EndedByWeChat { code: 1_101 }),
        ..Session::offline(at(0))
    };
    let lease = Lease { shard: 0, owner: Some("worker".into()), epoch: 7, heartbeat: 0 };
    ledger.store.put_session(&APP, &session, &lease).await.unwrap();
    let row = ledger.item(&format!("APP#{}", *APP), "SESSION").await.unwrap();
    let sealed = serde_json::to_value(session.credentials.unwrap()).unwrap();
    assert_attributes(
        &row,
        [
            ("state", text("online")),
            ("keys", text(sealed.as_str().unwrap())),
            ("cursor", text("{}")),
            ("ending", map([("why", text("ended_by_we_chat")), ("code", number("1101"))])),
            ("epoch", number("7")),
        ],
    );
}

#[tokio::test]
async fn a_lease_keeps_its_stored_form() {
    let ledger = Ledger::start().await;
    let mut lease = ledger.store.acquire_lease(0, "worker", None).await.unwrap();
    ledger.store.write_heartbeat(&mut lease).await.unwrap();
    let expected = [
        ("pk", text("SHARD#0")),
        ("sk", text("LEASE")),
        ("shard", number("0")),
        ("owner", text("worker")),
        ("epoch", number("1")),
        ("beat", number("1")),
    ];
    let expected: HashMap<_, _> = expected.map(|(name, value)| (name.to_owned(), value)).into();
    assert_eq!(ledger.item("SHARD#0", "LEASE").await, Some(expected));
}

#[tokio::test]
async fn jobs_and_parked_chats_keep_their_stored_form() {
    let ledger = Ledger::start().await;
    let (app, store) = (ledger.app().await, &ledger.store);
    let pk = format!("APP#{}", app.id);
    let command = Command::SendText { to: puid("friend01"), text: "text".into() };
    let job = Job::queued(job_id("one"), app.id.clone(), 3, command, at(0));
    store.put_job(&job.made_for(Some(Origin::Delivery(Seq::new(5))))).await.unwrap();
    assert_attributes(
        &ledger.item(&pk, "JOB#one").await.unwrap(),
        [
            ("id", text("one")),
            ("app", text(&app.id)),
            ("command", map([("do", text("send_text")), ("to", text("friend01")), ("text", text("text"))])),
            ("state", map([("state", text("queued"))])),
            ("origin", map([("delivery", number("5"))])),
            ("due_key", text("JOB#3")),
            ("due_at", number(&at(60).as_millisecond().to_string())),
        ],
    );
    let parked = Parked {
        chat: puid("friend01"),
        attempts: 0,
        due: at(10),
        since: at(0),
        last_seq: Seq::new(5),
        last_error: "503".into(),
    };
    store.park(&app.id, 3, &parked).await.unwrap();
    assert_attributes(
        &ledger.item(&pk, "PARK#friend01").await.unwrap(),
        [
            ("chat", text("friend01")),
            ("last_seq", number("5")),
            ("added", number("1")),
            ("due_key", text("PARK#3")),
            ("due_at", number(&at(10).as_millisecond().to_string())),
        ],
    );
    let waiting = ledger.item(&pk, "PARKED#friend01#00000000000000000005").await.unwrap();
    assert_attributes(&waiting, [("seq", number("5"))]);
}
