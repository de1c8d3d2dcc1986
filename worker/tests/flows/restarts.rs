//! A worker that is shut down or killed loses no message, logs none twice, keeps their order and needs no new login.

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
async fn a_restart_needs_no_login_and_loses_no_message() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let first = stage.worker();
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    stage.log(&app, 1).await;
    first.shut_down().await;
    assert_eq!(stage.fixture.relay.store.lease(0).await.unwrap().unwrap().owner, None, "shutdown releases the lease");
    stage.world.push_text(UIN, From::member("家", "三叔"), "2").unwrap();
    stage.world.push_text(UIN, From::friend("老李"), "3").unwrap();
    let second = stage.worker();
    let texts: Vec<_> = stage.log(&app, 3).await.iter().map(|message| text(message).to_owned()).collect();
    assert_eq!(texts, ["1", "2", "3"]);
    let mut seqs: Vec<u64> = stage.take_envelopes(3).await.iter().map(|envelope| envelope.seq.get()).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [1, 2, 3]);
    assert_eq!(stage.world.state_of(UIN).unwrap().logins, 1);
    second.shut_down().await;
    assert_eq!(stage.world.violations(), []);
}

/// Kills the worker whenever the log reaches one of several lengths, at whatever step the worker is then.
#[tokio::test]
async fn a_worker_that_is_killed_repeatedly_loses_no_message() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let store = &stage.fixture.relay.store;
    stage.world.configure(&Settings { sync_batch: Some(7), ..Settings::default() });
    let mut worker = stage.worker();
    stage.log_in(&app).await;
    let sender = |n: usize| match n % 3 {
        0 => From::friend("老李"),
        1 => From::friend("韩梅梅"),
        _ => From::member("家", "三叔"),
    };
    let pushes: Vec<(u64, Push)> = (0..60).map(|n| (UIN, Push::text(sender(n), n.to_string()))).collect();
    let ids = stage.world.push_all(&pushes).unwrap();
    for rows in [1, 4, 5, 11, 23, 30, 44, 59] {
        until(async || (store.head(&app.id).await.unwrap().get() >= rows).then_some(())).await;
        worker.kill().await;
        worker = stage.worker();
    }
    let log = stage.log(&app, 60).await;
    assert_eq!(log.iter().map(|message| message.id.cast_unsigned()).collect::<Vec<_>>(), ids);
    assert!(log.iter().zip(1..).all(|(message, seq)| message.seq.get() == seq));
    let envelopes = stage.take_envelopes(60).await;
    for chat in log.iter().map(|message| &message.chat) {
        let seqs: Vec<u64> = envelopes.iter().filter(|e| e.chat == *chat).map(|e| e.seq.get()).collect();
        assert!(seqs.is_sorted(), "{seqs:?}");
        let rows = log.iter().filter(|message| message.chat == *chat).count();
        assert_eq!(seqs.len(), rows);
    }
    stage.wait_until_idle().await;
    worker.shut_down().await;
    assert_eq!(stage.world.state_of(UIN).unwrap().logins, 1);
}

#[tokio::test]
async fn the_envelopes_of_undelivered_messages_are_sent_again() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let store = &stage.fixture.relay.store;
    let first = stage.worker();
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    stage.take_envelopes(1).await;
    first.shut_down().await;
    let row = store.message(&app.id, Seq::FIRST).await.unwrap().unwrap();
    // A worker that is killed after an append leaves such rows: they have no envelope.
    for seq in 2..=4 {
        let delivery = if seq == 3 { Delivery::Unwanted } else { Delivery::Pending };
        let lost = Message { seq: Seq::new(seq), id: row.id + i64::try_from(seq).unwrap(), delivery, ..row.clone() };
        store.append(&app.id, &lost, None).await.unwrap();
    }
    assert!(store.mark_delivered(&app.id, Seq::FIRST, stage.fixture.relay.now()).await.unwrap());
    let second = stage.worker();
    let seqs: Vec<u64> = stage.take_envelopes(2).await.iter().map(|envelope| envelope.seq.get()).collect();
    assert_eq!(seqs, [2, 4]);
    assert_eq!(store.watermark(&app.id).await.unwrap(), Seq::FIRST);
    second.shut_down().await;
    for seq in [2, 4] {
        assert!(store.mark_delivered(&app.id, Seq::new(seq), stage.fixture.relay.now()).await.unwrap());
    }
    let third = stage.worker();
    until(async || (store.watermark(&app.id).await.unwrap() == Seq::new(4)).then_some(())).await;
    third.shut_down().await;
}

#[tokio::test]
async fn the_cursor_is_found_behind_many_rows_without_a_checkpoint() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let store = &stage.fixture.relay.store;
    let first = stage.worker();
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::friend("老李"), "in").unwrap();
    stage.log(&app, 1).await;
    let friend = stage.contact(&app, "李雷").await.puid;
    stage.outcome(&app, Command::SendText { to: friend, text: "out".to_owned() }).await;
    first.shut_down().await;
    let tail = store.tail(&app.id, 2).await.unwrap();
    assert!(tail[0].checkpoint.is_some(), "the row of a sent message has a checkpoint too");
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
    second.shut_down().await;
}

#[tokio::test]
async fn a_pending_login_continues_in_the_next_worker() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let first = stage.worker();
    let uuid = stage.qr_login_id(&app).await;
    first.shut_down().await;
    stage.world.scan(&uuid, UIN).unwrap();
    let second = stage.worker();
    stage.session_when(&app, |session| session.state == SessionState::Scanned).await;
    stage.world.confirm(&uuid).unwrap();
    stage.session_when(&app, |session| session.state == SessionState::Online).await;
    assert_eq!(stage.outcome(&app, Command::Login).await, JobState::Sent { message_id: None });
    second.shut_down().await;
}

#[tokio::test]
async fn an_interrupted_contact_sync_runs_again() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let first = stage.worker();
    // The contact list is not answered before the worker is killed, so the contact sync cannot end.
    stage.world.fault(simulator::Fault::on("webwxgetcontact").times(0).delay(std::time::Duration::from_mins(1)));
    let uuid = stage.qr_login_id(&app).await;
    stage.world.log_in(&uuid, UIN).unwrap();
    let session = stage.session_when(&app, |session| session.state == SessionState::Online).await;
    assert_eq!(session.last_sync, None);
    first.kill().await;
    stage.world.clear_faults();
    let second = stage.worker();
    stage.session_when(&app, |session| session.last_sync.is_some()).await;
    assert_eq!(stage.contact(&app, "李雷").await.remark_name.as_deref(), Some("老李"));
    second.shut_down().await;
}
