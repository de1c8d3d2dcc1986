//! Media between the simulated WeChat, the bucket and a program's server.

use axum::{
    Router,
    http::{StatusCode, header},
    response::Redirect,
    routing::get,
};
use domain::{
    app::App,
    channel::MediaKind,
    job::{Command, JobState, OutgoingSource},
    media::MediaState,
    message::{Content, Message},
};
use guard::Policy;
use simulator::{From, Kind, Push};
use tokio::net::TcpListener;
use worker::Config;

use crate::support::{Stage, UIN, config, until};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n, and so on";

/// A program's server: its address, without a trailing slash.
async fn program() -> String {
    let pdf = ([(header::CONTENT_DISPOSITION, "attachment; filename*=UTF-8''%E6%8A%A5%E5%91%8A.pdf")], "%PDF-1.7");
    let router = Router::new()
        .route("/a.png", get(async || PNG))
        .route("/pdf", get(async move || pdf))
        .route("/moved", get(async || Redirect::temporary("/a.png")))
        .route("/loop", get(async || Redirect::temporary("/loop")))
        .route("/inside", get(async || Redirect::temporary("http://[::1]:1/a.png")))
        .route("/large", get(async || vec![0; 2_000]))
        .route("/empty", get(async || ()))
        .route("/gone", get(async || StatusCode::GONE));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn allowing(list: &str) -> Config {
    Config { media_urls: Policy::parse(list).expect("a list"), max_media_bytes: 1_000, ..config() }
}

impl Stage {
    async fn send(&self, app: &App, kind: MediaKind, url: &str) -> JobState {
        let to = self.contact(app, "李雷").await.puid;
        let source = OutgoingSource::Url(url.to_owned());
        self.outcome(app, Command::SendMedia { to, kind, source, name: None }).await
    }

    /// The message, once its media have come or were given up.
    async fn finished(&self, app: &App, seq: usize) -> Message {
        until(async || {
            let row = self.log(app, seq as u64).await.remove(seq - 1);
            (!matches!(row.media, Some(MediaState::Pending { .. }))).then_some(row)
        })
        .await
    }

    async fn content_type(&self, app: &App, path: &str) -> Option<String> {
        let key = format!("{}/{}", app.id, path.strip_prefix("/media/").expect("a path"));
        self.fixture.relay.media.head(&key).await.expect("the bucket answers").map(|object| object.content_type)
    }
}

#[tokio::test]
async fn a_received_picture_is_stored_before_it_is_delivered() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(Some("http://127.0.0.1:9/")).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    let picture = Push::kind(From::friend("老李"), Kind::Picture { width: 4, height: 3 }).media(PNG);
    stage.world.push(UIN, &picture).unwrap();
    let envelopes = stage.take_envelopes(1).await;
    assert_eq!(envelopes[0].seq.get(), 1);
    let row = stage.log(&app, 1).await.remove(0);
    assert_eq!(row.media, Some(MediaState::Stored { size: PNG.len() as u64 }));
    let path = row.content.media().unwrap();
    assert_eq!(path, format!("/media/image/{}.jpg", row.id.cast_unsigned()));
    assert_eq!(stage.content_type(&app, path).await.as_deref(), Some("image/png"));
    worker.shut_down().await;
    assert_eq!(stage.world.violations(), []);
}

#[tokio::test]
async fn a_url_becomes_a_picture_or_a_file_at_wechat() {
    let (stage, program) = (Stage::start().await, program().await);
    let app = stage.fixture.app(None).await;
    let worker = stage.worker_with(allowing("127.0.0.1"));
    stage.log_in(&app).await;
    assert_eq!(stage.send(&app, MediaKind::Image, &format!("{program}/moved")).await.as_str(), "sent");
    assert_eq!(stage.send(&app, MediaKind::File, &format!("{program}/pdf")).await.as_str(), "sent");
    let sent = stage.world.sent(UIN);
    let uploads: Vec<_> = sent.iter().map(|sent| stage.world.upload(&sent.media_id).unwrap()).collect();
    assert_eq!((&*uploads[0].bytes, uploads[0].media_type.as_str()), (PNG, "pic"));
    assert_eq!((&*uploads[1].bytes, uploads[1].name.as_str()), (&b"%PDF-1.7"[..], "报告.pdf"));
    let log = stage.log(&app, 2).await;
    assert_eq!(log[0].media, Some(MediaState::Stored { size: PNG.len() as u64 }));
    let Content::Attachment { file, file_name, file_size } = &log[1].content else { panic!("a file") };
    assert_eq!((file_name.as_str(), *file_size), ("报告.pdf", Some(8)));
    assert_eq!(stage.content_type(&app, file.as_deref().unwrap()).await.as_deref(), Some("application/pdf"));
    worker.shut_down().await;
    assert_eq!(stage.world.violations(), []);
}

#[tokio::test]
async fn a_url_that_cannot_be_sent_says_why() {
    let (stage, program) = (Stage::start().await, program().await);
    let app = stage.fixture.app(None).await;
    let worker = stage.worker_with(allowing("127.0.0.1"));
    stage.log_in(&app).await;
    for (path, why) in [
        ("/gone", "the URL answered 410"),
        ("/loop", "the URL redirects more than 3 times"),
        ("/inside", "the URL may not be called: ::1 is not a public address"),
        ("/empty", "there are no bytes"),
        ("/large", "the media have more than 1000 bytes"),
        ("/pdf", "the bytes are not a picture but application/pdf"),
    ] {
        let kind = if path == "/pdf" { MediaKind::Image } else { MediaKind::File };
        let failed = JobState::Failed { why: why.to_owned() };
        assert_eq!(stage.send(&app, kind, &format!("{program}{path}")).await, failed);
    }
    let failed = stage.send(&app, MediaKind::File, "ftp://a.example/").await;
    let why = "the URL may not be called: it must begin with http:// or https:// and name a host".to_owned();
    assert_eq!(failed, JobState::Failed { why });
    worker.shut_down().await;

    let worker = stage.worker_with(allowing(""));
    let JobState::Failed { why } = stage.send(&app, MediaKind::Image, &format!("{program}/a.png")).await else {
        panic!("this machine is not public")
    };
    assert_eq!(why, "the URL may not be called: 127.0.0.1 is not a public address");
    worker.shut_down().await;
    assert!(stage.world.sent(UIN).is_empty());
}

#[tokio::test]
async fn a_worker_that_is_killed_during_a_download_leaves_it_to_the_next() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(Some("http://127.0.0.1:9/")).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.fault(simulator::Fault::on("webwxgetmsgimg").times(0).stall_after(4));
    let picture = Push::kind(From::friend("老李"), Kind::Picture { width: 4, height: 3 }).media(PNG);
    stage.world.push(UIN, &picture).unwrap();
    stage.world.push_text(UIN, From::friend("老李"), "看").unwrap();
    stage.log(&app, 2).await;
    worker.kill().await;
    stage.world.clear_faults();
    let worker = stage.worker();
    let seqs: Vec<u64> = stage.take_envelopes(2).await.iter().map(|envelope| envelope.seq.get()).collect();
    assert_eq!(seqs, [1, 2]);
    let row = stage.finished(&app, 1).await;
    assert_eq!(row.media, Some(MediaState::Stored { size: PNG.len() as u64 }));
    worker.shut_down().await;
}
