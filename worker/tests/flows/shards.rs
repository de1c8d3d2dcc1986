//! Leases.

use std::time::Duration;

use domain::{id::Seq, message::Message};
use simulator::From;
use store::Lease;

use crate::support::{Stage, UIN, account, config, text, until, within};

/// One of several workers, which soon think each other dead.
fn hasty() -> worker::Config {
    worker::Config { owner: None, takeover: Duration::from_millis(500), ..config() }
}

#[tokio::test]
async fn another_worker_takes_over_from_one_that_died() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let first = stage.worker_with(hasty());
    stage.log_in(&app).await;
    let second = stage.worker_with(hasty());
    stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    stage.log(&app, 1).await;
    first.kill().await;
    stage.world.push_text(UIN, From::friend("老李"), "2").unwrap();
    let log = stage.log(&app, 2).await;
    assert_eq!((text(&log[0]), text(&log[1]), log.len()), ("1", "2", 2));
    assert_eq!(stage.fixture.relay.store.lease(0).await.unwrap().unwrap().epoch, 2);
    second.end().await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_stops_and_stands_by() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let store = &stage.fixture.relay.store;
    let worker = stage.worker_with(hasty());
    stage.log_in(&app).await;
    let taken = until(async || {
        let seen = store.lease(0).await.unwrap();
        store.acquire_lease(0, "another", seen.as_ref()).await.ok()
    })
    .await;
    // Its session stops, and it takes the shard back once the other has shown no sign of life for long enough.
    let back = until(async || store.lease(0).await.unwrap().filter(|lease| lease.epoch > taken.epoch)).await;
    assert_eq!(back.epoch, taken.epoch + 1);
    stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    assert_eq!(stage.log(&app, 1).await.len(), 1);
    worker.end().await;
}

#[tokio::test]
async fn one_that_does_not_know_yet_that_it_lost_its_lease_writes_nothing() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let store = &stage.fixture.relay.store;
    let asleep = worker::Config { heartbeat: Duration::from_hours(1), takeover: Duration::from_hours(3), ..config() };
    let worker = stage.worker_with(asleep);
    stage.log_in(&app).await;
    let other = stage.new_app().await;
    let uin = stage.world.account(account(UIN + 1));
    let uuid = stage.code(&other).await;
    stage.world.log_in(&uuid, uin).unwrap();
    within(stage.world.wait_polling(uin)).await;
    let id = stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    let first = stage.log(&app, 1).await.remove(0);
    stage.idle().await;
    let seen = store.lease(0).await.unwrap();
    store.acquire_lease(0, "another", seen.as_ref()).await.unwrap();
    store.append(&app.id, &Message { seq: Seq::new(2), id: first.id + 1, ..first }, None).await.unwrap();
    stage.world.push_text(UIN, From::friend("老李"), "2").unwrap();
    // One session finds the row, and all of them stop.
    until(async || (!stage.world.state_of(uin).unwrap().polling).then_some(())).await;
    worker.end().await;
    let ids: Vec<u64> = stage.log(&app, 2).await.iter().map(|message| message.id.cast_unsigned()).collect();
    assert_eq!(ids, [id, id + 1]);
    let lease = store.lease(0).await.unwrap().unwrap();
    assert_eq!(lease.owner.as_deref(), Some("another"), "what is not its own it does not give back");
}

#[tokio::test]
async fn a_name_of_its_own_gets_the_lease_back_at_once() {
    let stage = Stage::start().await;
    let mine =
        |owner: &str| worker::Config { owner: Some(owner.to_owned()), takeover: Duration::from_hours(1), ..config() };
    let first = stage.worker_with(mine("only"));
    let store = &stage.fixture.relay.store;
    let owned = |lease: &Lease| lease.owner.as_deref() == Some("only");
    until(async || store.lease(0).await.unwrap().filter(owned)).await;
    first.kill().await;
    let second = stage.worker_with(mine("only"));
    until(async || store.lease(0).await.unwrap().filter(|lease| lease.epoch == 2)).await;
    second.end().await;
}
