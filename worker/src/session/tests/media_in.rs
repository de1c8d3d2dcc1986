//! Media of received messages: rows at once, bytes beside the loop, envelopes in the order of each chat.

use std::time::Duration;

use channel::{Error, Incoming};
use domain::{
    delivery::Delivery,
    id::Seq,
    job::Command,
    media::MediaState,
    message::{Content, Message},
    session::SessionState,
};
use testing::Outage;
use tokio::time::sleep;

use super::{
    Running, Stage, config,
    scripted::{ACCOUNT, FRIEND, OTHER, batch, batch_of, from, from_phone, new_login, picture, text, transient},
    settle,
};
use crate::Config;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n, and so on";

impl Stage {
    async fn bring(&self, messages: Vec<Incoming>) {
        let cursor = format!("after {} fetches", self.channel.count("fetch"));
        self.channel.bring(batch_of(&cursor, messages));
        settle().await;
    }

    async fn media(&self, seq: usize) -> Option<MediaState> {
        self.log().await[seq - 1].media.clone()
    }

    /// Ends the session without a shutdown, and starts another.
    async fn crash(&self, running: Running) -> Running {
        self.kill(running).await;
        let running = self.run();
        settle().await;
        running
    }

    async fn kill(&self, running: Running) {
        running.task.abort();
        assert!(running.task.await.expect_err("it was running").is_cancelled());
    }
}

fn stored() -> MediaState {
    MediaState::Stored { size: PNG.len() as u64 }
}

fn is_pending(media: Option<&MediaState>) -> bool {
    matches!(media, Some(MediaState::Pending { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_chat_waits_for_its_picture_and_other_chats_do_not() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.bring(vec![text(1), picture(2), text(3), from(OTHER, text(4)), from_phone(picture(5))]).await;
    let row: Message = stage.log().await[1].clone();
    let content = Content::Picture { image: Some("/media/image/2.jpg".to_owned()), img_height: None, img_width: None };
    assert_eq!((row.content, row.delivery), (content, Delivery::Pending));
    assert!(is_pending(row.media.as_ref()));
    assert_eq!(stage.take_envelopes().await, [1, 4]);
    stage.bring(vec![text(6), from(OTHER, text(7))]).await;
    assert_eq!(stage.take_envelopes().await, [7]);
    stage.channel.download(Ok(PNG));
    settle().await;
    assert_eq!(stage.media(2).await, Some(stored()));
    assert_eq!(stage.take_envelopes().await, [2, 3, 6], "in order, and before the picture from the phone is there");
    assert_eq!(stage.stored("image/2.jpg").await.unwrap().content_type, "image/png");
    stage.channel.download(Ok(PNG));
    settle().await;
    assert_eq!((stage.media(5).await, stage.take_envelopes().await), (Some(stored()), vec![]));
    stage.bring(vec![text(8)]).await;
    assert_eq!(stage.take_envelopes().await, [8], "nothing waits any more");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_download_does_not_disturb_the_poll() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.bring(vec![picture(1), picture(2), picture(3)]).await;
    let polls = stage.channel.count("wait");
    for _ in 0..3 {
        stage.channel.download(Ok(PNG));
        settle().await;
    }
    assert_eq!((stage.take_envelopes().await, stage.channel.count("wait")), (vec![1, 2, 3], polls));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_picture_is_asked_for_again_until_there_are_bytes() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    for _ in 0..3 {
        stage.channel.download(Ok(b""));
    }
    stage.channel.download(Ok(PNG));
    stage.bring(vec![picture(1), text(2)]).await;
    // Pauses of 1, 2 and 4 s, each shortened by up to half.
    sleep(Duration::from_secs(3)).await;
    assert!(stage.take_envelopes().await.is_empty());
    sleep(Duration::from_secs(5)).await;
    assert_eq!((stage.channel.count("download"), stage.media(1).await), (4, Some(stored())));
    assert_eq!(stage.take_envelopes().await, [1, 2]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_never_comes_is_told_on_the_row_and_delivered_without_bytes() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    for _ in 0..5 {
        stage.channel.download(Err(transient()));
    }
    stage.bring(vec![picture(1), text(2)]).await;
    sleep(Duration::from_secs(16)).await;
    assert_eq!(stage.media(1).await, Some(MediaState::Failed { why: transient().to_string() }));
    assert_eq!((stage.channel.count("download"), stage.take_envelopes().await), (5, vec![1, 2]));
    assert_eq!(stage.stored("image/1.jpg").await, None);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_the_channel_refuses_is_given_up_at_once() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.download(Err(Error::Protocol { reason: "no such message".to_owned() }));
    stage.bring(vec![picture(1)]).await;
    let why = "unexpected answer: no such message".to_owned();
    assert_eq!(stage.media(1).await, Some(MediaState::Failed { why }));
    assert_eq!(stage.take_envelopes().await, [1]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_bucket_is_no_failure_of_the_picture() {
    let mut stage = Stage::new().await;
    let outage: Outage = stage.media_outage();
    let running = stage.online().await;
    outage.begin();
    for _ in 0..50 {
        stage.channel.download(Ok(PNG));
    }
    stage.bring(vec![picture(1), text(2), from(OTHER, text(3))]).await;
    assert_eq!(stage.envelopes().await, 1, "the other chat's");
    sleep(Duration::from_mins(5)).await;
    assert!(is_pending(stage.media(1).await.as_ref()));
    assert!(stage.channel.count("download") > 5, "more than the attempts that a picture has");
    outage.end();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(stage.media(1).await, Some(stored()));
    let mut envelopes = stage.take_envelopes().await;
    envelopes.retain(|seq| *seq != 3);
    assert_eq!(envelopes, [1, 2]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_the_row_was_appended_loses_neither_picture_nor_order() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.bring(vec![text(1), picture(2), text(3), from_phone(picture(4)), from(OTHER, text(5))]).await;
    let running = stage.crash(running).await;
    assert_eq!(stage.take_envelopes().await, [1, 5]);
    stage.bring(vec![text(6)]).await;
    assert!(stage.take_envelopes().await.is_empty());
    stage.channel.download(Ok(PNG));
    stage.channel.download(Ok(PNG));
    settle().await;
    assert_eq!((stage.media(2).await, stage.media(4).await), (Some(stored()), Some(stored())));
    assert_eq!(stage.take_envelopes().await, [2, 3, 6]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_the_bytes_were_stored_stores_them_again() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.bring(vec![picture(1), text(2)]).await;
    stage.kill(running).await;
    let (media, key) = (&stage.fixture.relay.media, format!("{}/image/1.jpg", stage.app.id));
    media.put(&key, PNG.into(), media::MediaType::of(PNG)).await.unwrap();
    let running = stage.run();
    stage.channel.download(Ok(PNG));
    settle().await;
    assert_eq!((stage.media(1).await, stage.take_envelopes().await), (Some(stored()), vec![1, 2]));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_the_row_knows_the_bytes_downloads_nothing_again() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.bring(vec![picture(1), text(2)]).await;
    stage.kill(running).await;
    let downloads = stage.channel.count("download");
    let (store, at) = (&stage.fixture.relay.store, stage.fixture.relay.now());
    assert!(store.finish_media(&stage.app.id, Seq::FIRST, &stored(), at).await.unwrap());
    let running = stage.run();
    settle().await;
    assert_eq!((stage.channel.count("download"), stage.take_envelopes().await), (downloads, vec![1, 2]));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_watermark_does_not_pass_a_picture_of_the_phone() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.bring(vec![from_phone(text(1)), from_phone(picture(2)), from_phone(text(3))]).await;
    let running = stage.crash(running).await;
    let store = &stage.fixture.relay.store;
    assert_eq!(store.watermark(&stage.app.id).await.unwrap(), Seq::FIRST);
    stage.channel.download(Ok(PNG));
    settle().await;
    let running = stage.crash(running).await;
    assert_eq!(store.watermark(&stage.app.id).await.unwrap(), Seq::new(3));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_periodic_reconciliation_lets_a_chat_wait() {
    let stage = Stage::new().await;
    let running = stage.online_with(Config { media_idle: Duration::from_hours(1), ..config() }).await;
    stage.bring(vec![text(1), picture(2), text(3)]).await;
    assert_eq!(stage.take_envelopes().await, [1]);
    // After five minutes an envelope counts as lost, and the queue takes it again.
    sleep(Duration::from_mins(5) + Duration::from_secs(1)).await;
    stage.channel.wait(Ok(false));
    settle().await;
    assert_eq!(stage.take_envelopes().await, [1]);
    stage.channel.download(Ok(PNG));
    settle().await;
    assert_eq!(stage.take_envelopes().await, [2, 3]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_is_no_failure_and_the_next_login_continues() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    let ended = Error::LoggedOut { code: 1101 };
    for _ in 0..4 {
        stage.channel.download(Err(ended.clone()));
    }
    stage.bring(vec![picture(1), text(2)]).await;
    stage.channel.push_login(Err(Error::Refused { reason: "no".to_owned() }));
    stage.channel.wait(Err(ended));
    settle().await;
    assert_eq!(stage.row().await.state, SessionState::Offline);
    assert!(is_pending(stage.media(1).await.as_ref()));
    stage.channel.start_login(Ok(new_login("qr-2")));
    stage.command(&running, Command::Login).await;
    stage.channel.confirm(ACCOUNT);
    stage.channel.download(Ok(PNG));
    sleep(Duration::from_mins(5)).await;
    assert_eq!((stage.media(1).await, stage.take_envelopes().await), (Some(stored()), vec![1, 2]));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn downloads_that_always_meet_the_end_of_the_session_are_given_up() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    for _ in 0..5 {
        stage.channel.download(Err(Error::LoggedOut { code: 1101 }));
    }
    stage.bring(vec![picture(1), text(2)]).await;
    sleep(Duration::from_mins(4)).await;
    assert_eq!(stage.media(1).await, Some(MediaState::Failed { why: "the session has ended".to_owned() }));
    assert_eq!(stage.take_envelopes().await, [1, 2]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_workers_send_each_envelope_once_and_in_order() {
    let mut stage = Stage::new().await;
    let old = stage.online().await;
    stage.bring(vec![picture(1), text(2)]).await;
    let newer = stage.fixture.relay.store.acquire_lease(0, "another", Some(&*stage.lease)).await.unwrap();
    stage.lease = newer.into();
    let new = stage.run();
    settle().await;
    assert!(stage.take_envelopes().await.is_empty());
    stage.channel.download(Ok(PNG));
    stage.channel.download(Ok(PNG));
    settle().await;
    assert_eq!((stage.media(1).await, stage.take_envelopes().await), (Some(stored()), vec![1, 2]));
    // Both receive the next message; the row of one is the other's conflict.
    stage.channel.bring(batch_of("later", vec![text(3)]));
    stage.channel.bring(batch_of("later", vec![text(3)]));
    settle().await;
    assert_eq!((stage.log().await.len(), stage.take_envelopes().await), (3, vec![3]));
    drop((old, new));
}

#[tokio::test(start_paused = true)]
async fn three_hundred_pictures_come_two_at_a_time_and_in_order() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    let peers: Vec<String> = (0..10).map(|n| format!("@0000000000{n:06x}")).collect();
    let burst = (1..=300).map(|id: i64| from(&peers[usize::try_from(id % 10).unwrap()], picture(id))).collect();
    stage.bring(burst).await;
    assert_eq!(stage.channel.count("download"), 2);
    for _ in 0..300 {
        stage.channel.download(Ok(PNG));
    }
    sleep(Duration::from_secs(1)).await;
    let store = &stage.fixture.relay.store;
    let rows = store.messages(&stage.app.id, Seq::FIRST..=Seq::MAX).await.unwrap();
    assert!(rows.len() == 300 && rows.iter().all(|row| row.media == Some(stored())));
    let envelopes = stage.take_envelopes().await;
    assert_eq!(envelopes.len(), 300);
    for chat in 0..10 {
        let of_chat: Vec<u64> = envelopes.iter().copied().filter(|seq| seq % 10 == chat).collect();
        assert!(of_chat.is_sorted() && of_chat.len() == 30, "{of_chat:?}");
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_comes_again_downloads_nothing_twice() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.channel.download(Ok(PNG));
    stage.channel.bring(batch_of("1", vec![picture(1)]));
    stage.channel.bring(batch_of("2", vec![picture(1), text(2)]));
    stage.channel.bring(batch("3", &[]));
    settle().await;
    assert_eq!((stage.channel.count("download"), stage.take_envelopes().await), (1, vec![1, 2]));
    assert!(stage.channel.calls().contains(&"download 1".to_owned()));
    assert!(!stage.channel.calls().iter().any(|call| call.contains(FRIEND) && call.starts_with("avatar")));
    running.stop().await;
}
