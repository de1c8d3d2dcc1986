//! Media that a job sends: staged and uploaded beside the loop, sent by it.

use std::time::Duration;

use channel::{Error, Sent};
use domain::{
    channel::MediaKind,
    id::JobId,
    job::{Command, JobState, OutgoingSource},
    media::{MediaState, upload_key},
    message::{Content, Direction},
    puid::Puid,
    session::SessionState,
};
use media::MediaType;
use tokio::time::sleep;

use super::{
    Stage, config,
    scripted::{FRIEND, batch, transient},
    settle,
};
use crate::Config;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n, and so on";

fn media(kind: MediaKind, name: Option<&str>) -> Command {
    Command::SendMedia {
        to: Puid::new("1fee435b"),
        kind,
        source: OutgoingSource::Upload("up".to_owned()),
        name: name.map(str::to_owned),
    }
}

fn text(text: &str) -> Command {
    Command::SendText { to: Puid::new("1fee435b"), text: text.to_owned() }
}

impl Stage {
    /// Puts bytes where a caller uploads them.
    async fn upload(&self, bytes: &'static [u8]) {
        let key = upload_key(&self.app.id, "up");
        self.fixture.relay.media.put(&key, bytes.into(), MediaType::of(b"")).await.unwrap();
    }

    fn sends(&self) -> Vec<String> {
        let calls = self.channel.calls().into_iter();
        calls.filter(|call| call.starts_with("send_") || call.starts_with("upload")).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_picture_is_staged_uploaded_and_sent_under_the_jobs_key() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.upload(PNG).await;
    stage.channel.upload(Ok(()));
    stage.channel.send_text(Ok(Sent { id: 99 }));
    let job = stage.command(&running, media(MediaKind::Image, None)).await;
    assert_eq!(stage.job(&job).await, JobState::Sent { message_id: Some(99) });
    let size = PNG.len() as u64;
    let upload = format!("upload {FRIEND} file.png image/png {size} {size}");
    assert_eq!(stage.sends(), [upload, format!("send_media {FRIEND} file.png {job}")]);
    let row = stage.log().await.remove(0);
    let image = Some(format!("/media/image/{job}.jpg"));
    assert_eq!(row.content, Content::Picture { image, img_height: None, img_width: None });
    assert_eq!((row.direction, row.id, row.media), (Direction::Out, 99, Some(MediaState::Stored { size })));
    assert_eq!(stage.stored(&format!("image/{job}.jpg")).await.unwrap().content_type, "image/png");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_keeps_its_name() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.upload(b"<html>anything</html>").await;
    stage.channel.upload(Ok(()));
    stage.channel.send_text(Ok(Sent { id: 99 }));
    let job = stage.command(&running, media(MediaKind::File, Some("../报告.html"))).await;
    let Content::Attachment { file, file_name, file_size } = stage.log().await.remove(0).content else {
        panic!("a file is an attachment")
    };
    let path = format!("/media/file/{job}/报告.html");
    assert_eq!((file, file_name.as_str(), file_size), (Some(path), "报告.html", Some(21)));
    let stored = stage.stored(&format!("file/{job}/报告.html")).await.unwrap();
    assert_eq!(stored.content_type, "application/octet-stream");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn polls_go_on_during_an_upload_and_later_sends_wait() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.upload(PNG).await;
    stage.channel.send_text(Ok(Sent { id: 98 }));
    stage.channel.send_text(Ok(Sent { id: 99 }));
    let picture = stage.command(&running, media(MediaKind::Image, None)).await;
    let later = stage.command(&running, text("后")).await;
    stage.channel.bring(batch("1", &[(1, "一")]));
    settle().await;
    assert_eq!((stage.log().await.len(), stage.job(&later).await), (1, JobState::Queued));
    assert_eq!(stage.channel.count("send_text"), 0);
    stage.channel.upload(Ok(()));
    settle().await;
    assert_eq!(stage.job(&picture).await, JobState::Sent { message_id: Some(98) });
    assert_eq!(stage.job(&later).await, JobState::Sent { message_id: Some(99) });
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_recall_and_a_logout_do_not_wait_for_an_upload() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.upload(PNG).await;
    let picture = stage.command(&running, media(MediaKind::Image, None)).await;
    let later = stage.command(&running, text("后")).await;
    let recall = Command::Recall { to: Puid::new("1fee435b"), message_id: 9, sent_by: JobId::trusted("job") };
    stage.channel.act(Ok(()));
    assert_eq!(stage.outcome(&running, recall.clone()).await, JobState::Sent { message_id: None });
    // It cannot be kept for another attempt.
    stage.channel.act(Err(transient()));
    assert_eq!(stage.outcome(&running, recall).await, JobState::Failed { why: transient().to_string() });
    // The sweep sends an overdue job again.
    running.commands.send(super::PendingCommand { job: picture.clone(), receipt: None }).unwrap();
    settle().await;
    assert_eq!((stage.channel.count("upload"), stage.job(&later).await), (1, JobState::Queued));
    assert_eq!(stage.outcome(&running, Command::Logout).await, JobState::Sent { message_id: None });
    let offline = JobState::Failed { why: "the session is offline".to_owned() };
    assert_eq!((stage.row().await.state, stage.job(&later).await), (SessionState::Offline, offline));
    assert!(stage.job(&picture).await.is_final());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_says_why() {
    let stage = Stage::new().await;
    let running = stage.online_with(Config { max_media_bytes: 30, ..config() }).await;
    // After many commands in a row messages are fetched.
    stage.channel.fetch_only(batch("1", &[]));
    let failed = |why: &str| JobState::Failed { why: why.to_owned() };
    let outcome = async |kind| stage.outcome(&running, media(kind, None)).await;
    assert_eq!(outcome(MediaKind::Image).await, failed("nothing was uploaded under this name"));
    stage.upload(b"<svg/>").await;
    let why = "the bytes are not a picture but application/octet-stream";
    assert_eq!(outcome(MediaKind::Image).await, failed(why));
    assert_eq!(outcome(MediaKind::Video).await, failed("the bytes are not a video but application/octet-stream"));
    stage.upload(b"").await;
    assert_eq!(outcome(MediaKind::File).await, failed("there are no bytes"));
    stage.upload(&[0; 31]).await;
    assert_eq!(outcome(MediaKind::File).await, failed("the media have more than 30 bytes"));
    stage.upload(PNG).await;
    stage.channel.upload(Err(Error::Protocol { reason: "webwxuploadmedia: code 1".to_owned() }));
    assert_eq!(outcome(MediaKind::Image).await, failed("unexpected answer: webwxuploadmedia: code 1"));
    let to = Puid::new("00000000");
    let unknown =
        Command::SendMedia { to, kind: MediaKind::Image, source: OutgoingSource::Upload("up".to_owned()), name: None };
    assert_eq!(stage.outcome(&running, unknown).await, failed("there is no such contact"));
    assert_eq!((stage.log().await.len(), stage.channel.count("send_media")), (0, 0));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn uploads_and_sends_that_fail_for_a_while_are_repeated() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.upload(PNG).await;
    stage.channel.upload(Err(transient()));
    stage.channel.upload(Ok(()));
    stage.channel.send_text(Err(Error::Transient { reason: "time-out".to_owned(), sent: true }));
    stage.channel.send_text(Ok(Sent { id: 99 }));
    let job = stage.command(&running, media(MediaKind::Image, None)).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(stage.job(&job).await, JobState::Sent { message_id: Some(99) });
    let send = format!("send_media {FRIEND} file.png {job}");
    assert_eq!(stage.sends()[2..], [send.clone(), send], "what is uploaded is not uploaded again");
    assert_eq!(stage.log().await.len(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_always_fails_is_given_up() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.upload(PNG).await;
    for _ in 0..5 {
        stage.channel.upload(Err(transient()));
    }
    let job = stage.command(&running, media(MediaKind::Image, None)).await;
    sleep(Duration::from_secs(16)).await;
    assert_eq!(stage.job(&job).await, JobState::Failed { why: transient().to_string() });
    assert_eq!(stage.channel.count("upload"), 5);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_bucket_delays_a_send() {
    let mut stage = Stage::new().await;
    let outage = stage.media_outage();
    let running = stage.online().await;
    stage.upload(PNG).await;
    outage.begin();
    stage.channel.upload(Ok(()));
    stage.channel.send_text(Ok(Sent { id: 99 }));
    let job = stage.command(&running, media(MediaKind::Image, None)).await;
    sleep(Duration::from_mins(5)).await;
    assert_eq!(stage.job(&job).await, JobState::Sending { uncertain: false });
    outage.end();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(stage.job(&job).await, JobState::Sent { message_id: Some(99) });
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_during_an_upload_repeats_it_without_the_source() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.upload(PNG).await;
    let job = stage.command(&running, media(MediaKind::Image, None)).await;
    assert_eq!(stage.channel.count("upload"), 1);
    running.task.abort();
    assert!(running.task.await.unwrap_err().is_cancelled());
    // What was staged is used, whatever has become of its source.
    stage.upload(b"something else").await;
    let running = stage.run();
    stage.channel.upload(Ok(()));
    stage.channel.send_text(Ok(Sent { id: 99 }));
    running.commands.send(super::PendingCommand { job: JobId::clone(&job), receipt: None }).unwrap();
    settle().await;
    assert_eq!(stage.job(&job).await, JobState::Sent { message_id: Some(99) });
    assert_eq!(stage.log().await.len(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_during_an_upload_ends_the_job() {
    let stage = Stage::new().await;
    let running = stage.online().await;
    stage.upload(PNG).await;
    stage.channel.push_login(Err(Error::Refused { reason: "no".to_owned() }));
    stage.channel.upload(Err(Error::LoggedOut { code: 1101 }));
    let job = stage.command(&running, media(MediaKind::Image, None)).await;
    assert_eq!(stage.job(&job).await, JobState::Failed { why: "the session has ended".to_owned() });
    assert_eq!(stage.row().await.state, SessionState::Offline);
    running.stop().await;
}
