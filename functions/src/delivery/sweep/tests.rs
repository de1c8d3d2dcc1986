use std::sync::Arc;

use domain::{
    id::JobId,
    job::{Command, Job},
    puid::Puid,
};
use http::StatusCode;

use super::*;
use crate::{
    delivery::dispatch::Outcome,
    support::{Deliveries, commands},
};

/// Sweeps the only shard: messages delivered, chats postponed, jobs sent again.
async fn swept(test: &Deliveries) -> (u64, u64, u64) {
    let swept = test.sweep().await;
    (swept.delivered.into_inner(), swept.postponed.into_inner(), swept.jobs.into_inner())
}

async fn parked(test: &Deliveries) -> Vec<Parked> {
    test.fixture.relay.store.parked_chats(&test.app.id).await.unwrap()
}

#[tokio::test]
async fn a_parked_chat_is_delivered_in_order_when_it_is_due() {
    let test = Deliveries::start().await;
    test.answer(|_| StatusCode::SERVICE_UNAVAILABLE);
    for seq in 1..=3 {
        assert_eq!(test.deliver(seq, "1fee435b").await, Outcome::Parked);
    }
    test.answer(|_| StatusCode::OK);
    test.taken();
    assert_eq!(swept(&test).await, (0, 0, 0), "not due yet");
    test.fixture.clock.advance_seconds(6);
    assert_eq!(swept(&test).await, (3, 0, 0));
    assert_eq!(test.taken_seqs(), [1, 2, 3]);
    assert!(parked(&test).await.is_empty());
    assert_eq!(test.deliver(4, "1fee435b").await, Outcome::Delivered);
    assert_eq!(test.taken_seqs(), [4]);
}

#[tokio::test]
async fn a_chat_that_fails_again_waits_longer_with_its_backlog() {
    let test = Deliveries::start().await;
    test.answer(|message| if message["content"]["id"] == 2 { StatusCode::BAD_REQUEST } else { StatusCode::OK });
    assert_eq!(test.deliver(2, "1fee435b").await, Outcome::Parked);
    assert_eq!(test.deliver(3, "1fee435b").await, Outcome::Parked);
    test.fixture.clock.advance_seconds(6);
    assert_eq!(swept(&test).await, (0, 1, 0));
    let now = test.fixture.relay.now();
    let chats = parked(&test).await;
    assert_eq!((chats[0].attempts, chats[0].last_error.as_str()), (1, "the callback answered 400 Bad Request"));
    let delay = chats[0].due.duration_since(now);
    assert!((15.0..=16.5).contains(&delay.as_secs_f64()), "{delay}");
    assert_eq!(swept(&test).await, (0, 0, 0));
    test.taken();
    test.answer(|_| StatusCode::OK);
    test.fixture.clock.advance_seconds(17);
    assert_eq!(swept(&test).await, (2, 0, 0));
    assert_eq!(test.taken_seqs(), [2, 3]);
}

#[tokio::test]
async fn a_success_makes_other_parked_chats_due_but_not_those_that_have_just_failed() {
    let test = Deliveries::start().await;
    test.answer(|_| StatusCode::SERVICE_UNAVAILABLE);
    test.deliver(1, "aaaaaaaa").await;
    test.fixture.clock.advance_seconds(3);
    test.deliver(2, "bbbbbbbb").await;
    test.fixture.clock.advance_seconds(3);
    test.answer(|_| StatusCode::OK);
    test.taken();
    assert_eq!(swept(&test).await, (2, 0, 0), "the second was not due for another two seconds");
    assert_eq!(test.taken_seqs(), [1, 2]);
}

#[tokio::test]
async fn a_delivered_message_makes_parked_chats_due() {
    let test = Deliveries::start().await;
    test.answer(|_| StatusCode::SERVICE_UNAVAILABLE);
    test.deliver(1, "aaaaaaaa").await;
    test.answer(|_| StatusCode::OK);
    test.deliver(2, "bbbbbbbb").await;
    assert_eq!(swept(&test).await, (1, 0, 0));
    let app = async || test.fixture.relay.store.app(&test.app.id).await.unwrap().unwrap();
    test.deliver(3, "bbbbbbbb").await;
    assert!(!app().await.parked, "no chat is parked any more");
}

#[tokio::test]
async fn an_unreachable_callback_is_not_called_for_every_chat() {
    let test = Deliveries::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let change = store::AppChange { callback: Some(Some(url)), ..store::AppChange::default() };
    test.fixture.relay.store.update_app(&test.app.id, &change, test.fixture.relay.now()).await.unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    // Closes every connection at once.
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            increment(&counted);
        }
    });
    for seq in 1..=20 {
        assert_eq!(test.deliver(seq, &format!("{seq:08}")).await, Outcome::Parked);
    }
    test.fixture.clock.advance_seconds(6);
    calls.store(0, Ordering::Relaxed);
    assert_eq!(swept(&test).await, (0, 20, 0));
    let calls = calls.load(Ordering::Relaxed);
    assert!(calls <= u64::try_from(CONCURRENT_CHATS).unwrap(), "{calls} calls");
    assert!(parked(&test).await.iter().all(|chat| chat.attempts == 1));
}

#[tokio::test]
async fn a_long_chat_is_delivered_over_many_pages() {
    let test = Deliveries::start().await;
    test.answer(|_| StatusCode::SERVICE_UNAVAILABLE);
    let count = 2 * u64::try_from(PAGE).unwrap() + 7;
    for seq in 1..=count {
        test.deliver(seq, "1fee435b").await;
    }
    test.answer(|_| StatusCode::OK);
    test.taken();
    test.fixture.clock.advance_seconds(6);
    assert_eq!(swept(&test).await, (count, 0, 0));
    assert_eq!(test.taken_seqs(), (1..=count).collect::<Vec<_>>());
    assert!(parked(&test).await.is_empty());
}

#[tokio::test]
async fn a_chat_that_another_sweep_has_claimed_is_skipped_until_the_claim_expires() {
    let test = Deliveries::start().await;
    test.answer(|_| StatusCode::SERVICE_UNAVAILABLE);
    test.deliver(1, "1fee435b").await;
    test.answer(|_| StatusCode::OK);
    test.fixture.clock.advance_seconds(6);
    let (store, now) = (&test.fixture.relay.store, test.fixture.relay.now());
    let due = store.due_chats(0, now, 1).await.unwrap().pop().unwrap();
    assert!(store.claim_chat(&due, now + CLAIM).await.unwrap().is_some());
    assert_eq!(swept(&test).await, (0, 0, 0));
    test.fixture.clock.advance_seconds(CLAIM.as_secs());
    assert_eq!(swept(&test).await, (1, 0, 0));
}

#[tokio::test]
async fn the_envelope_of_an_overdue_job_is_sent_again() {
    let test = Deliveries::start().await;
    let store = &test.fixture.relay.store;
    let command = Command::SendText { to: Puid::new("1fee435b"), text: "lost".to_owned() };
    let job = Job::queued(JobId::trusted("1".repeat(32)), test.app.id.clone(), 0, command, test.fixture.relay.now());
    store.put_job(&job).await.unwrap();
    assert_eq!(swept(&test).await, (0, 0, 0));
    test.fixture.clock.advance_seconds(61);
    assert_eq!(swept(&test).await, (0, 0, 1));
    assert_eq!(commands(&test.fixture.relay, 1).await, [job]);
    assert_eq!(swept(&test).await, (0, 0, 0));
}

#[tokio::test]
async fn every_grant_is_used() {
    let test = Deliveries::start().await;
    test.answer(|_| StatusCode::SERVICE_UNAVAILABLE);
    for (seq, chat) in [(1, "aaaaaaaa"), (2, "bbbbbbbb")] {
        test.deliver(seq, chat).await;
    }
    test.take_called();
    test.fixture.clock.advance_seconds(6);
    test.answer(|message| {
        let fails = message["chat"] == "bbbbbbbb";
        if fails { Err(StatusCode::BAD_REQUEST) } else { Ok(r#"{"msg_type": "text", "text": "好"}"#) }
    });
    assert_eq!(swept(&test).await, (1, 1, 0));
    assert_eq!(test.take_called(), GRANTS.iter().copied().collect());
}
