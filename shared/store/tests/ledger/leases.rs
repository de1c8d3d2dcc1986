//! Leases of shards.

use store::Lease;

use crate::support::{Ledger, is_conflict, is_corrupt};

#[tokio::test]
async fn one_worker_acquires_a_free_lease() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    assert_eq!(store.lease(0).await.unwrap(), None);
    let lease = store.acquire_lease(0, "one", None).await.unwrap();
    assert_eq!(lease, Lease { shard: 0, owner: Some("one".into()), epoch: 1, heartbeat: 0 });
    assert_eq!(store.lease(0).await.unwrap(), Some(lease));
    assert!(is_conflict(&store.acquire_lease(0, "two", None).await));
    assert_eq!(store.acquire_lease(1, "two", None).await.unwrap().shard, 1);
}

#[tokio::test]
async fn a_heartbeat_is_visible_and_prevents_a_takeover() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let mut lease = store.acquire_lease(0, "one", None).await.unwrap();
    let seen = store.lease(0).await.unwrap();
    store.write_heartbeat(&mut lease).await.unwrap();
    assert_eq!(lease.heartbeat, 1);
    assert_eq!(store.lease(0).await.unwrap(), Some(lease.clone()));
    assert!(is_conflict(&store.acquire_lease(0, "two", seen.as_ref()).await));
    store.write_heartbeat(&mut lease).await.unwrap();
    assert_eq!(store.lease(0).await.unwrap().unwrap().heartbeat, 2);
}

#[tokio::test]
async fn a_lease_without_heartbeat_is_taken_over_and_its_former_owner_gets_a_conflict() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let mut old = store.acquire_lease(0, "one", None).await.unwrap();
    let seen = store.lease(0).await.unwrap();
    let new = store.acquire_lease(0, "two", seen.as_ref()).await.unwrap();
    assert_eq!((new.epoch, new.owner.as_deref()), (2, Some("two")));
    assert!(is_conflict(&store.write_heartbeat(&mut old).await));
    assert_eq!(old.heartbeat, 0);
    assert!(is_conflict(&store.release_lease(&old).await));
    assert!(is_conflict(&store.acquire_lease(0, "three", seen.as_ref()).await));
    assert_eq!(store.lease(0).await.unwrap(), Some(new));
}

#[tokio::test]
async fn a_released_lease_can_be_acquired_at_once() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let lease = store.acquire_lease(0, "one", None).await.unwrap();
    store.release_lease(&lease).await.unwrap();
    let free = store.lease(0).await.unwrap().unwrap();
    assert_eq!((free.owner.as_deref(), free.epoch), (None, 1));
    assert!(is_conflict(&store.release_lease(&lease).await));
    let next = store.acquire_lease(0, "two", Some(&free)).await.unwrap();
    assert_eq!(next.epoch, 2);
}

#[tokio::test]
async fn only_the_same_worker_can_repeat_an_acquisition() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let taken = store.acquire_lease(0, "one", None).await.unwrap();
    // The same put again: the SDK repeats it if the response was lost.
    assert_eq!(store.acquire_lease(0, "one", None).await.unwrap(), taken);
    assert!(is_conflict(&store.acquire_lease(0, "two", None).await));
}

#[tokio::test]
async fn an_unreadable_lease_is_reported() {
    let ledger = Ledger::start().await;
    ledger.store.acquire_lease(0, "one", None).await.unwrap();
    ledger.spoil("SHARD#0", "LEASE", "epoch").await;
    assert!(is_corrupt(ledger.store.lease(0).await, "SHARD#0/LEASE"));
}
