//! Leases: takeover, loss and reacquisition.

use std::time::Duration;

use domain::{id::Seq, message::Message};
use simulator::From;
use store::Lease;

use crate::support::{Stage, UIN, account, config, text, until, within};

/// The settings of one of several workers that take over from each other quickly.
fn short_takeover() -> worker::Config {
    worker::Config { owner: None, takeover: Duration::from_millis(500), ..config() }
}

#[tokio::test]
async fn another_worker_takes_over_from_a_killed_one() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let first = stage.worker_with(short_takeover());
    stage.log_in(&app).await;
    let second = stage.worker_with(short_takeover());
    stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    stage.log(&app, 1).await;
    first.kill().await;
    stage.world.push_text(UIN, From::friend("老李"), "2").unwrap();
    let log = stage.log(&app, 2).await;
    assert_eq!((text(&log[0]), text(&log[1]), log.len()), ("1", "2", 2));
    assert_eq!(stage.fixture.relay.store.lease(0).await.unwrap().unwrap().epoch, 2);
    second.shut_down().await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_becomes_a_standby() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let store = &stage.fixture.relay.store;
    let worker = stage.worker_with(short_takeover());
    stage.log_in(&app).await;
    let lost_to = until(async || {
        let seen = store.lease(0).await.unwrap();
        store.acquire_lease(0, "another", seen.as_ref()).await.ok()
    })
    .await;
    // The session stops. The other owner writes no heartbeat, so the worker takes the lease over again.
    let reacquired = until(async || store.lease(0).await.unwrap().filter(|lease| lease.epoch > lost_to.epoch)).await;
    assert_eq!(reacquired.epoch, lost_to.epoch + 1);
    stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    assert_eq!(stage.log(&app, 1).await.len(), 1);
    worker.shut_down().await;
}

#[tokio::test]
async fn a_worker_that_has_not_noticed_its_lost_lease_writes_nothing() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let store = &stage.fixture.relay.store;
    let rare_heartbeats =
        worker::Config { heartbeat: Duration::from_hours(1), takeover: Duration::from_hours(3), ..config() };
    let worker = stage.worker_with(rare_heartbeats);
    stage.log_in(&app).await;
    let other = stage.unbound_app().await;
    let uin = stage.world.account(account(UIN + 1));
    let uuid = stage.qr_login_id(&other).await;
    stage.world.log_in(&uuid, uin).unwrap();
    within(stage.world.wait_polling(uin)).await;
    let id = stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    let first = stage.log(&app, 1).await.remove(0);
    stage.wait_until_idle().await;
    let seen = store.lease(0).await.unwrap();
    store.acquire_lease(0, "another", seen.as_ref()).await.unwrap();
    store.append(&app.id, &Message { seq: Seq::new(2), id: first.id + 1, ..first }, None).await.unwrap();
    stage.world.push_text(UIN, From::friend("老李"), "2").unwrap();
    // One session meets the other worker's row, and then all sessions stop.
    until(async || (!stage.world.state_of(uin).unwrap().polling).then_some(())).await;
    worker.shut_down().await;
    let ids: Vec<u64> = stage.log(&app, 2).await.iter().map(|message| message.id.cast_unsigned()).collect();
    assert_eq!(ids, [id, id + 1]);
    let lease = store.lease(0).await.unwrap().unwrap();
    assert_eq!(lease.owner.as_deref(), Some("another"), "the worker does not release a lease that it does not hold");
}

#[tokio::test]
async fn a_restarted_worker_of_the_same_name_reacquires_the_lease_at_once() {
    let stage = Stage::start().await;
    let named =
        |owner: &str| worker::Config { owner: Some(owner.to_owned()), takeover: Duration::from_hours(1), ..config() };
    let first = stage.worker_with(named("only"));
    let store = &stage.fixture.relay.store;
    let owned = |lease: &Lease| lease.owner.as_deref() == Some("only");
    until(async || store.lease(0).await.unwrap().filter(owned)).await;
    first.kill().await;
    let second = stage.worker_with(named("only"));
    until(async || store.lease(0).await.unwrap().filter(|lease| lease.epoch == 2)).await;
    second.shut_down().await;
}
