//! Parked chats.

use domain::{app::App, delivery::Parked, id::Seq, puid::Puid};
use jiff::Timestamp;
use store::Due;

use crate::support::{Ledger, app_id, at, is_corrupt, message, puid};

fn parked(chat: &str, seq: u64, due: Timestamp) -> Parked {
    Parked { chat: puid(chat), attempts: 0, due, since: at(0), last_seq: Seq::new(seq), last_error: "503".into() }
}

/// A ledger with an app that has one parked chat, due after ten seconds.
async fn start() -> (Ledger, App) {
    let ledger = Ledger::start().await;
    let app = ledger.app().await;
    ledger.store.park(&app.id, 3, &parked("friend01", 5, at(10))).await.unwrap();
    (ledger, app)
}

async fn due(ledger: &Ledger, now: i64) -> Vec<Due<Puid>> {
    ledger.store.due_chats(3, at(now), 10).await.unwrap()
}

async fn waiting(ledger: &Ledger, app: &App, chat: &str) -> Vec<u64> {
    ledger.store.waiting_in(&app.id, &puid(chat), 100).await.unwrap().into_iter().map(Seq::get).collect()
}

/// The app's flag that a chat is parked.
async fn flag(ledger: &Ledger, app: &App) -> bool {
    ledger.store.app(&app.id).await.unwrap().unwrap().parked
}

#[tokio::test]
async fn a_pending_delivery_shows_that_its_chat_is_parked() {
    let (ledger, app) = start().await;
    let store = &ledger.store;
    store.append(&app.id, &message(6, "x"), None).await.unwrap();
    let found = store.pending_delivery(&app.id, Seq::new(6), &puid("friend01")).await.unwrap().unwrap();
    assert_eq!(found.parked, Some(parked("friend01", 5, at(10))));
    assert!(found.app.parked);
    assert_eq!(store.parked_chats(&app.id).await.unwrap(), [parked("friend01", 5, at(10))]);
    assert_eq!(waiting(&ledger, &app, "friend01").await, [5]);
}

#[tokio::test]
async fn parking_a_parked_chat_adds_the_message_to_its_backlog() {
    let (ledger, app) = start().await;
    ledger.store.park(&app.id, 3, &parked("friend01", 7, at(99))).await.unwrap();
    assert_eq!(ledger.store.parked_chats(&app.id).await.unwrap(), [parked("friend01", 7, at(10))]);
    assert!(ledger.store.park_behind(&app.id, &puid("friend01"), Seq::new(100)).await.unwrap());
    assert!(ledger.store.park_behind(&app.id, &puid("friend01"), Seq::new(11)).await.unwrap());
    assert_eq!(waiting(&ledger, &app, "friend01").await, [5, 7, 11, 100]);
    assert_eq!(ledger.store.waiting_in(&app.id, &puid("friend01"), 2).await.unwrap(), [5, 7].map(Seq::new));
}

#[tokio::test]
async fn a_chat_that_is_not_parked_gets_no_backlog() {
    let (ledger, app) = start().await;
    assert!(!ledger.store.park_behind(&app.id, &puid("friend02"), Seq::new(6)).await.unwrap());
    assert!(waiting(&ledger, &app, "friend02").await.is_empty());
    // A puid that begins with another puid is another chat.
    ledger.store.park(&app.id, 3, &parked("friend01x", 8, at(10))).await.unwrap();
    assert_eq!(waiting(&ledger, &app, "friend01").await, [5]);
    assert_eq!(waiting(&ledger, &app, "friend01x").await, [8]);
}

#[tokio::test]
async fn no_chat_is_parked_for_a_deleted_app() {
    let (ledger, app) = start().await;
    ledger.store.delete_app(&app.id).await.unwrap();
    ledger.store.park(&app.id, 3, &parked("friend01", 5, at(10))).await.unwrap();
    assert_eq!(ledger.count(&format!("APP#{}", app.id)).await, 0);
    assert!(due(&ledger, 99).await.is_empty());
}

#[tokio::test]
async fn chats_come_due_in_the_order_of_their_times() {
    let (ledger, app) = start().await;
    for (chat, seconds) in [("chat0003", 30), ("chat0001", 5), ("chat0002", 20)] {
        ledger.store.park(&app.id, 3, &parked(chat, 1, at(seconds))).await.unwrap();
    }
    let names = |due: Vec<Due<Puid>>| due.into_iter().map(|due| due.id.to_string()).collect::<Vec<_>>();
    assert!(due(&ledger, 4).await.is_empty());
    assert_eq!(names(due(&ledger, 20).await), ["chat0001", "friend01", "chat0002"]);
    assert_eq!(names(ledger.store.due_chats(3, at(99), 2).await.unwrap()), ["chat0001", "friend01"]);
    assert!(ledger.store.due_chats(0, at(99), 10).await.unwrap().is_empty());
    assert!(ledger.store.overdue_jobs(3, at(99), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_one_sweep_claims_a_due_chat() {
    let (ledger, app) = start().await;
    let found = due(&ledger, 10).await.remove(0);
    assert_eq!((&found.app, found.at), (&app.id, at(10).as_millisecond()));
    let claimed = ledger.store.claim_chat(&found, at(70)).await.unwrap();
    assert_eq!(claimed, Some(parked("friend01", 5, at(10))));
    assert_eq!(ledger.store.claim_chat(&found, at(70)).await.unwrap(), None);
    assert!(due(&ledger, 69).await.is_empty());
    // The claim expires if the sweep crashes.
    assert_eq!(due(&ledger, 70).await.len(), 1);
}

#[tokio::test]
async fn a_chat_that_fails_again_comes_due_later() {
    let (ledger, app) = start().await;
    let found = due(&ledger, 10).await.remove(0);
    let claimed = ledger.store.claim_chat(&found, at(70)).await.unwrap().unwrap();
    let failed = Parked { attempts: 1, due: at(40), last_error: "timed out".into(), ..claimed };
    ledger.store.postpone_chat(&app.id, &failed).await.unwrap();
    assert!(due(&ledger, 39).await.is_empty());
    assert_eq!(due(&ledger, 40).await.len(), 1);
    assert_eq!(ledger.store.parked_chats(&app.id).await.unwrap(), std::slice::from_ref(&failed));
    let unknown = Parked { chat: puid("friend02"), ..failed };
    ledger.store.postpone_chat(&app.id, &unknown).await.unwrap();
    assert_eq!(ledger.store.parked_chats(&app.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_chat_is_unparked_when_its_backlog_is_empty() {
    let (ledger, app) = start().await;
    let (store, chat) = (&ledger.store, parked("friend01", 5, at(10)));
    assert!(!store.unpark(&app.id, &chat).await.unwrap());
    store.remove_waiting(&app.id, &chat.chat, Seq::new(5)).await.unwrap();
    // Two messages are added after the chat was read: one with a later number, one with the same number.
    for seq in [6, 5] {
        store.park_behind(&app.id, &chat.chat, Seq::new(seq)).await.unwrap();
        assert!(!store.unpark(&app.id, &chat).await.unwrap());
        store.remove_waiting(&app.id, &chat.chat, Seq::new(seq)).await.unwrap();
    }
    assert!(store.unpark(&app.id, &chat).await.unwrap());
    assert!(store.parked_chats(&app.id).await.unwrap().is_empty());
    assert!(due(&ledger, 99).await.is_empty());
    assert!(!store.park_behind(&app.id, &chat.chat, Seq::new(7)).await.unwrap());
    assert!(store.unpark(&app.id, &chat).await.unwrap());
    store.park(&app.id, 3, &parked("friend01", 8, at(50))).await.unwrap();
    assert_eq!(waiting(&ledger, &app, "friend01").await, [8]);
}

#[tokio::test]
async fn a_message_added_during_unparking_is_not_lost() {
    let (ledger, app) = start().await;
    let (store, chat) = (&ledger.store, parked("friend01", 5, at(10)));
    store.remove_waiting(&app.id, &chat.chat, Seq::new(5)).await.unwrap();
    for seq in 6..30 {
        let next = parked("friend01", seq, at(10));
        let (unparked, added) = tokio::join!(store.unpark(&app.id, &chat), store.park(&app.id, 3, &next));
        unparked.unwrap();
        added.unwrap();
        let heads: Vec<Puid> = store.parked_chats(&app.id).await.unwrap().into_iter().map(|head| head.chat).collect();
        assert_eq!(heads, [puid("friend01")]);
        assert_eq!(waiting(&ledger, &app, "friend01").await, [seq]);
        store.remove_waiting(&app.id, &chat.chat, Seq::new(seq)).await.unwrap();
    }
}

#[tokio::test]
async fn waking_makes_waiting_chats_due_and_skips_claimed_ones() {
    let (ledger, app) = start().await;
    let store = &ledger.store;
    for (chat, seconds) in [("chat0001", 500), ("chat0002", 600)] {
        store.park(&app.id, 3, &parked(chat, 1, at(seconds))).await.unwrap();
    }
    let claimed = due(&ledger, 10).await.remove(0);
    store.claim_chat(&claimed, at(300)).await.unwrap().unwrap();
    store.wake_parked(&app.id, at(20)).await.unwrap();
    assert!(due(&ledger, 19).await.is_empty());
    let woken = due(&ledger, 20).await;
    assert_eq!(woken.iter().map(|due| due.id.as_str()).collect::<Vec<_>>(), ["chat0001", "chat0002"]);
    assert!(flag(&ledger, &app).await);
    // A chat that was woken can be claimed, and is then skipped too.
    store.claim_chat(&woken[0], at(300)).await.unwrap().unwrap();
    store.wake_parked(&app.id, at(21)).await.unwrap();
    let names: Vec<String> = due(&ledger, 299).await.into_iter().map(|due| due.id.to_string()).collect();
    assert_eq!(names, ["chat0002"]);
}

#[tokio::test]
async fn the_flag_is_removed_after_the_last_chat() {
    let (ledger, app) = start().await;
    let (store, chat) = (&ledger.store, parked("friend01", 5, at(10)));
    store.remove_waiting(&app.id, &chat.chat, Seq::new(5)).await.unwrap();
    store.unpark(&app.id, &chat).await.unwrap();
    assert!(flag(&ledger, &app).await);
    store.wake_parked(&app.id, at(1)).await.unwrap();
    assert!(!flag(&ledger, &app).await);
    store.wake_parked(&app_id("unknown"), at(1)).await.unwrap();
    assert_eq!(store.app(&app_id("unknown")).await.unwrap(), None);
}

#[tokio::test]
async fn an_unreadable_parked_chat_is_reported() {
    let (ledger, app) = start().await;
    let pk = format!("APP#{}", app.id);
    ledger.spoil(&pk, "PARK#friend01", "attempts").await;
    assert!(is_corrupt(ledger.store.parked_chats(&app.id).await, "PARK#friend01"));
    assert!(is_corrupt(ledger.store.wake_parked(&app.id, at(1)).await, "PARK#friend01"));
    let found = due(&ledger, 10).await.remove(0);
    assert!(is_corrupt(ledger.store.claim_chat(&found, at(70)).await, "PARK#friend01"));
}
