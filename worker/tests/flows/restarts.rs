//! Ended, killed, started again: nothing lost, nothing twice, in order, without a new scan.

use domain::{
    delivery::Delivery,
    id::Seq,
    job::{Command, JobState},
    message::Message,
    session::SessionState,
};
use simulator::{From, Push, Settings};

use crate::support::{Stage, UIN, text, until};

const CALLBACK: Option<&str> = Some("http://127.0.0.1:9/callback");

#[tokio::test]
async fn a_restart_needs_no_scan_and_loses_nothing() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let first = stage.worker();
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    stage.log(&app, 1).await;
    first.end().await;
    assert_eq!(stage.fixture.relay.store.lease(0).await.unwrap().unwrap().owner, None, "the lease is given back");
    stage.world.push_text(UIN, From::member("家", "三叔"), "2").unwrap();
    stage.world.push_text(UIN, From::friend("老李"), "3").unwrap();
    let second = stage.worker();
    let texts: Vec<_> = stage.log(&app, 3).await.iter().map(|message| text(message).to_owned()).collect();
    assert_eq!(texts, ["1", "2", "3"]);
    let mut seqs: Vec<u64> = stage.envelopes(3).await.iter().map(|envelope| envelope.seq.get()).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [1, 2, 3]);
    assert_eq!(stage.world.state_of(UIN).unwrap().logins, 1);
    second.end().await;
    assert_eq!(stage.world.violations(), []);
}

/// Killed as soon as the log has so many rows, wherever that is in its steps.
#[tokio::test]
async fn a_worker_that_is_killed_again_and_again_loses_nothing() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let store = &stage.fixture.relay.store;
    stage.world.configure(&Settings { sync_batch: Some(7), ..Settings::default() });
    let mut worker = stage.worker();
    stage.log_in(&app).await;
    let from = |n: usize| match n % 3 {
        0 => From::friend("老李"),
        1 => From::friend("韩梅梅"),
        _ => From::member("家", "三叔"),
    };
    let pushes: Vec<(u64, Push)> = (0..60).map(|n| (UIN, Push::text(from(n), n.to_string()))).collect();
    let ids = stage.world.push_all(&pushes).unwrap();
    for rows in [1, 4, 5, 11, 23, 30, 44, 59] {
        until(async || (store.head(&app.id).await.unwrap().get() >= rows).then_some(())).await;
        worker.kill().await;
        worker = stage.worker();
    }
    let log = stage.log(&app, 60).await;
    assert_eq!(log.iter().map(|message| message.id.cast_unsigned()).collect::<Vec<_>>(), ids);
    assert!(log.iter().zip(1..).all(|(message, seq)| message.seq.get() == seq));
    let envelopes = stage.envelopes(60).await;
    for chat in log.iter().map(|message| &message.chat) {
        let order: Vec<u64> = envelopes.iter().filter(|e| e.chat == *chat).map(|e| e.seq.get()).collect();
        assert!(order.is_sorted(), "{order:?}");
        let due = log.iter().filter(|message| message.chat == *chat).count();
        assert_eq!(order.len(), due);
    }
    stage.idle().await;
    worker.end().await;
    assert_eq!(stage.world.state_of(UIN).unwrap().logins, 1);
}

#[tokio::test]
async fn what_was_not_delivered_is_sent_on_again() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let store = &stage.fixture.relay.store;
    let first = stage.worker();
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    stage.envelopes(1).await;
    first.end().await;
    let row = store.message(&app.id, Seq::FIRST).await.unwrap().unwrap();
    // Appended, and then the worker was killed: no envelope.
    for seq in 2..=4 {
        let delivery = if seq == 3 { Delivery::Unwanted } else { Delivery::Pending };
        let lost = Message { seq: Seq::new(seq), id: row.id + i64::try_from(seq).unwrap(), delivery, ..row.clone() };
        store.append(&app.id, &lost, None).await.unwrap();
    }
    assert!(store.mark_delivered(&app.id, Seq::FIRST, stage.fixture.relay.now()).await.unwrap());
    let second = stage.worker();
    let seqs: Vec<u64> = stage.envelopes(2).await.iter().map(|envelope| envelope.seq.get()).collect();
    assert_eq!(seqs, [2, 4]);
    assert_eq!(store.watermark(&app.id).await.unwrap(), Seq::FIRST);
    second.end().await;
    for seq in [2, 4] {
        assert!(store.mark_delivered(&app.id, Seq::new(seq), stage.fixture.relay.now()).await.unwrap());
    }
    let third = stage.worker();
    until(async || (store.watermark(&app.id).await.unwrap() == Seq::new(4)).then_some(())).await;
    third.end().await;
}

#[tokio::test]
async fn the_place_is_found_behind_many_rows_without_one() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let store = &stage.fixture.relay.store;
    let first = stage.worker();
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::friend("老李"), "in").unwrap();
    stage.log(&app, 1).await;
    let friend = stage.contact(&app, "李雷").await.puid;
    stage.done(&app, Command::SendText { to: friend, text: "out".to_owned() }).await;
    first.end().await;
    let tail = store.tail(&app.id, 2).await.unwrap();
    assert!(tail[0].checkpoint.is_some(), "the cursor rides on what was sent as well");
    assert_eq!(tail[0].checkpoint, tail[1].checkpoint);
    for seq in 3..=400 {
        let row = &tail[0].message;
        let row = Message { seq: Seq::new(seq), id: row.id + i64::try_from(seq).unwrap(), ..row.clone() };
        store.append(&app.id, &row, None).await.unwrap();
    }
    let second = stage.worker();
    stage.world.push_text(UIN, From::friend("老李"), "end").unwrap();
    let log = stage.log(&app, 401).await;
    assert_eq!((log.len(), text(&log[0]), text(&log[400])), (401, "in", "end"));
    second.end().await;
}

#[tokio::test]
async fn a_login_is_followed_by_the_next_worker() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let first = stage.worker();
    let uuid = stage.code(&app).await;
    first.end().await;
    stage.world.scan(&uuid, UIN).unwrap();
    let second = stage.worker();
    stage.session(&app, |session| session.state == SessionState::Scanned).await;
    stage.world.confirm(&uuid).unwrap();
    stage.session(&app, |session| session.state == SessionState::Online).await;
    assert_eq!(stage.done(&app, Command::Login).await, JobState::Sent { message_id: None });
    second.end().await;
}

#[tokio::test]
async fn contacts_whose_reading_was_cut_short_are_read_again() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let first = stage.worker();
    // The list is never answered, so the session cannot get further.
    stage.world.fault(simulator::Fault::on("webwxgetcontact").times(0).delay(std::time::Duration::from_mins(1)));
    let uuid = stage.code(&app).await;
    stage.world.log_in(&uuid, UIN).unwrap();
    let session = stage.session(&app, |session| session.state == SessionState::Online).await;
    assert_eq!(session.last_sync, None);
    first.kill().await;
    stage.world.clear_faults();
    let second = stage.worker();
    stage.session(&app, |session| session.last_sync.is_some()).await;
    assert_eq!(stage.contact(&app, "李雷").await.remark_name.as_deref(), Some("老李"));
    second.end().await;
}
