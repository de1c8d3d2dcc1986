//! Contents that no row can hold.

use std::sync::Arc;

use domain::{
    id::Seq,
    message::{Content, Message},
    puid::Puid,
};
use store::Checkpoint;
use testing::message;
use tokio::sync::watch;

use super::{Stage, scripted::batch, settle};
use crate::{
    Channels, Config,
    context::WorkerContext,
    session::{ledger::Ledger, log::Log},
};

impl Stage {
    /// The bytes of an object of the bucket.
    async fn bytes(&self, path: &str) -> Vec<u8> {
        let key = format!("{}/{}", self.app.id, path.strip_prefix("/media/").expect("a path of the API"));
        let mut opened = self.fixture.relay.media.open(&key, None).await.unwrap().expect("the object exists");
        let mut bytes = Vec::new();
        while let Some(chunk) = opened.next().await.unwrap() {
            bytes.extend_from_slice(&chunk);
        }
        bytes
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_text_is_kept_whole_in_the_bucket_and_cut_in_the_row() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    let long = "字\0".repeat(400_000);
    stage.channel.bring(batch("1", &[(-1, &long), (2, "短")]));
    settle().await;
    let rows = stage.log().await;
    let Content::Text { text } = &rows[0].content else { panic!("it stays a text") };
    assert!(text.len() > 65_000 && text.len() <= 64 * 1024 && long.starts_with(text.as_str()));
    let whole = rows[0].whole.as_deref().unwrap();
    assert_eq!(whole, "/media/file/18446744073709551615/content.txt");
    assert!(stage.bytes(whole).await == long.as_bytes());
    assert_eq!((rows[1].content.clone(), rows[1].whole.clone()), (Content::Text { text: "短".into() }, None));
    assert_eq!(stage.take_envelopes().await, [1, 2]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_text_waits_for_the_bucket() {
    let mut stage = Stage::new().await;
    let outage = stage.media_outage();
    let running = stage.online().await;
    outage.begin();
    stage.channel.bring(batch("1", &[(1, &"x".repeat(70_000))]));
    settle().await;
    assert!(stage.log().await.is_empty());
    outage.end();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(stage.log().await.len(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_the_ledger_refuses_is_kept_as_a_stub_and_the_next_ones_come() {
    let stage = Stage::new().await;
    let channels = Channels { web: Arc::new(stage.channel.clone()) };
    let worker = Arc::new(WorkerContext::new(stage.fixture.relay.clone(), channels, Config::default()));
    let (_stop, stopping) = watch::channel(false);
    let ledger = Ledger::new(worker, stage.app.id.clone(), Arc::clone(&stage.lease), stopping);
    let (mut log, _) = Log::load(ledger, 1).await.unwrap();
    let odd = Message { send_user: Some(Puid::new("x".repeat(450_000))), ..message(2) };
    let mut messages = [message(1), odd, message(3)];
    let checkpoint = Checkpoint { login_number: 1, cursor: channel::Cursor::new("1") };
    assert_eq!(log.append_all(&mut messages, &checkpoint).await.unwrap(), [true; 3]);
    let rows = stage.log().await;
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3].map(Seq::new));
    assert_eq!(rows[1].content, Content::System { text: "测试".into() });
    assert_eq!(stage.bytes(rows[1].whole.as_deref().unwrap()).await, "测试".as_bytes());
    assert_eq!((rows[1].id, rows[2].content.clone()), (message(2).id, message(3).content));
}
