//! Messages of every kind, downloads and uploads.

use bytes::Bytes;
use channel::{
    Channel, Connection, Download, Error, Incoming, MediaKind, MediaSource, Opened, OutgoingFile, Peer, Sent,
};
use domain::message::Content;
use futures_util::{StreamExt, TryStreamExt};
use simulator::{AccountSpec, Fault, From, Group, Kind, Person, Push, SentKind};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{self, InMemory, Stage, UIN};

async fn stage() -> (Stage, Opened) {
    let home = Group::new("家").members(["Friend 1", "三叔", "四叔"]);
    let stage = Stage::set(AccountSpec::new(UIN, "me").friends(1).group(home)).await;
    let opened = stage.log_in().await;
    (stage, opened)
}

/// The message that a push becomes.
async fn incoming(stage: &Stage, opened: &mut Opened, push: Push) -> Incoming {
    stage.world.push(UIN, &push).unwrap();
    loop {
        let batch = opened.connection.fetch(&opened.cursor).await.unwrap();
        opened.cursor = batch.cursor;
        if let Some(message) = batch.messages.into_iter().next() {
            return message;
        }
    }
}

/// The source of the media of a push.
async fn source(stage: &Stage, opened: &mut Opened, kind: Kind, bytes: &[u8]) -> MediaSource {
    let push = Push::kind(From::friend("Friend 1"), kind).media(bytes);
    incoming(stage, opened, push).await.media.unwrap().source
}

async fn read(download: Download) -> Result<Vec<u8>, Error> {
    download
        .bytes
        .try_fold(Vec::new(), |mut all, part| async move {
            all.extend(part);
            Ok(all)
        })
        .await
}

#[tokio::test]
async fn every_kind_of_message_is_recognised() {
    let (stage, mut opened) = stage().await;
    let recalled = 6_050_338_562_629_220_245;
    let map = Kind::Location {
        latitude: "31.241798".into(),
        longitude: "121.504715".into(),
        label: "浦东 & 1号".into(),
        poi_name: "明珠".into(),
    };
    let card =
        Kind::Card { nick_name: "T & J".into(), alias: "tj".into(), province: "浙江".into(), city: String::new() };
    let request = Kind::FriendRequest { person: Person::new("新人").sex(2), words: "我是<新人>".into() };
    let link = Kind::Link { title: "A & B".into(), url: "https://mp.weixin.qq.com/s?a=1&b=2".into() };
    let kinds = [
        (Kind::Picture { width: 90, height: 120 }, "Picture"),
        (Kind::Sticker, "Picture"),
        (Kind::Voice { length_ms: 2_340 }, "Recording"),
        (Kind::Video { seconds: 7 }, "Video"),
        (Kind::File { name: "a & b.pdf".into() }, "Attachment"),
        (link, "Sharing"),
        (card, "Card"),
        (map, "Map"),
        (request, "Friends"),
        (Kind::Recall { msg_id: recalled.to_string(), notice: "\"A\" 撤回了一条消息".into() }, "Note"),
        (Kind::System { text: "以上是打招呼的内容".into() }, "Note"),
    ];
    for (kind, expected) in kinds {
        let sticker = matches!(kind, Kind::Sticker);
        let message = incoming(&stage, &mut opened, Push::kind(From::friend("Friend 1"), kind)).await;
        assert_eq!(message.content.kind().as_str(), expected);
        let media = message.media.map(|media| (media.kind, media.sticker));
        let expected = match expected {
            "Picture" => Some((MediaKind::Image, sticker)),
            "Recording" => Some((MediaKind::Record, false)),
            "Video" => Some((MediaKind::Video, false)),
            "Attachment" => Some((MediaKind::File, false)),
            _ => None,
        };
        assert_eq!(media, expected);
        match message.content {
            Content::Recording { voice_length, .. } => assert_eq!(voice_length, Some(2_340)),
            Content::Video { play_length, .. } => assert_eq!(play_length, Some(7)),
            Content::Attachment { file_name, file_size, .. } => {
                assert_eq!(file_name, "a & b.pdf");
                assert!(file_size.is_some());
            }
            Content::Sharing { url, text, .. } => {
                assert_eq!((url.as_str(), text.as_str()), ("https://mp.weixin.qq.com/s?a=1&b=2", "A & B"));
            }
            Content::Card { nickname, alias, .. } => {
                assert_eq!((nickname.as_str(), alias.as_deref()), ("T & J", Some("tj")));
            }
            Content::Map { x, label, poiname, text, .. } => {
                assert!((x - 31.241_798).abs() < 1e-9);
                assert_eq!((label.as_deref(), poiname.as_deref()), (Some("浦东 & 1号"), Some("明珠")));
                assert_eq!(text.as_deref(), Some("浦东 & 1号"));
            }
            Content::Friends { username, nickname, text, ticket, sex, .. } => {
                assert!(!username.is_empty() && ticket.ends_with("@stranger"), "{username} {ticket}");
                assert_eq!((nickname.as_str(), text.as_str(), sex), ("新人", "我是<新人>", Some(2)));
                assert_eq!(message.chat.id, "fmessage");
            }
            Content::Note { revoked: Some(id), text } => {
                assert_eq!((id, text.as_str()), (recalled, "\"A\" 撤回了一条消息"));
            }
            Content::Note { revoked: None, text } => assert_eq!(text, "以上是打招呼的内容"),
            _ => {}
        }
    }
    stage.assert_clean();
}

#[tokio::test]
async fn media_are_downloaded() {
    let (stage, mut opened) = stage().await;
    let bytes: Vec<u8> = (1..100_000_u32).flat_map(u32::to_le_bytes).collect();
    for kind in [
        Kind::Picture { width: 1, height: 1 },
        Kind::Sticker,
        Kind::Voice { length_ms: 1 },
        Kind::Video { seconds: 1 },
        Kind::File { name: "a & 你好.bin".into() },
    ] {
        let source = source(&stage, &mut opened, kind.clone(), &bytes).await;
        // The source outlives the connection, as after a restart.
        let credentials = opened.connection.credentials();
        let mut second = stage.client.connect(&credentials).await.unwrap();
        let download = second.download(&source).await.unwrap();
        assert_eq!(download.length, Some(bytes.len() as u64), "{kind:?}");
        assert!(download.content_type.is_some());
        assert_eq!(read(download).await.unwrap(), bytes, "{kind:?}");
    }
    stage.assert_clean();
}

#[tokio::test]
async fn avatars_are_downloaded() {
    let (stage, mut opened) = stage().await;
    let home = stage.group("家");
    let described = opened.connection.describe(std::slice::from_ref(&home)).await.unwrap();
    let friend = stage.person("Friend 1");
    let strangers: Vec<Peer> = described[0].members[2..].iter().map(channel::Card::peer).collect();
    assert_eq!(strangers.len(), 2);
    let mut wanted =
        vec![(opened.user.peer(), opened.user.picture_seq, None), (home.clone(), None, None), (friend, None, None)];
    wanted.extend(strangers.into_iter().map(|stranger| (stranger, None, Some(&home))));
    for (peer, seq, group) in wanted {
        let download = opened.connection.avatar(&peer, seq, group).await.unwrap().expect("a picture");
        assert_eq!(download.content_type.as_deref(), Some("image/png"), "{peer:?}");
        assert_eq!(read(download).await.unwrap()[..4], *b"\x89PNG");
    }
    stage.assert_clean();
}

#[tokio::test]
async fn a_download_that_is_not_available_fails_for_now() {
    let (stage, mut opened) = stage().await;
    let source = source(&stage, &mut opened, Kind::Picture { width: 1, height: 1 }, b"picture").await;
    let answers = [
        (Fault::on("webwxgetmsgimg").status(200).body(""), "an empty answer"),
        (Fault::on("webwxgetmsgimg").status(200).body("<html>bad gateway</html>"), "the answer is text"),
        (Fault::on("webwxgetmsgimg").ret(1101), "the answer is text"),
        (Fault::on("webwxgetmsgimg").status(503), "status 503"),
        (Fault::on("webwxgetmsgimg").drop_answer(), "the connection broke"),
    ];
    for (fault, why) in answers {
        stage.world.fault(fault);
        let error = opened.connection.download(&source).await.unwrap_err();
        assert_eq!(error, Error::Transient { reason: format!("webwxgetmsgimg: {why}"), sent: true });
    }
    stage.world.fault(Fault::on("webwxgetmsgimg").cut_after(3));
    let broken = read(opened.connection.download(&source).await.unwrap()).await.unwrap_err();
    assert!(matches!(broken, Error::Transient { .. }), "{broken}");
    assert_eq!(read(opened.connection.download(&source).await.unwrap()).await.unwrap(), b"picture");
    stage.assert_clean();
}

/// The connections stay as they are while the clock jumps ahead.
#[tokio::test]
async fn a_download_that_stalls_fails() {
    let (stage, mut opened) = stage().await;
    let source = source(&stage, &mut opened, Kind::Video { seconds: 1 }, &[7; 1000]).await;
    stage.world.fault(Fault::on("webwxgetvideo").stall_after(10));
    let mut download = opened.connection.download(&source).await.unwrap();
    assert_eq!(download.bytes.next().await.unwrap().unwrap(), [7; 10][..]);
    tokio::time::pause();
    let stalled = download.bytes.next().await.unwrap().unwrap_err();
    assert_eq!(stalled, Error::Transient { reason: "webwxgetvideo: no bytes for 30 s".into(), sent: true });
    assert!(download.bytes.next().await.is_none(), "an error is the end");
}

/// A server that answers every request with `head`, then with zeros without end.
async fn endless(head: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes()).await;
                while stream.write_all(&[b' '; 16_384]).await.is_ok() {}
            });
        }
    });
    origin
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let (stage, mut opened) = stage().await;
    let source = source(&stage, &mut opened, Kind::Video { seconds: 1 }, b"video").await;
    let credentials = opened.connection.credentials();
    let endless_body = support::client(&endless("").await);
    let mut connection = endless_body.connect(&credentials).await.unwrap();
    let error = connection.fetch(&opened.cursor).await.unwrap_err();
    assert_eq!(error, Error::Protocol { reason: "webwxsync: the answer is too large".into() });
    let huge = support::client(&endless("Content-Length: 1073741825\r\n").await);
    let mut connection = huge.connect(&credentials).await.unwrap();
    let error = connection.download(&source).await.unwrap_err();
    assert_eq!(error, Error::Protocol { reason: "webwxgetvideo: the download is too large".into() });
}

/// Uploads and sends a file.
async fn send(
    connection: &mut dyn Connection,
    to: &Peer,
    (kind, name, content_type): (MediaKind, &str, &str),
    bytes: &Bytes,
    key: &str,
) -> Result<Sent, Error> {
    let source = InMemory(bytes.clone());
    let file = OutgoingFile { kind, name, content_type, size: bytes.len() as u64, bytes: &source };
    let uploaded = connection.upload(to, &file).await?;
    connection.send_media(to, &uploaded, key).await
}

#[tokio::test]
async fn files_are_uploaded_in_chunks() {
    let (stage, mut opened) = stage().await;
    let connection = &mut *opened.connection;
    let to = stage.person("Friend 1");
    let sizes = [1, 512 * 1024, 512 * 1024 + 1, 3 * 512 * 1024, 25 * 1024 * 1024 + 1];
    let kinds = [
        ((MediaKind::Image, "a.png", "image/png"), SentKind::Image),
        ((MediaKind::Video, "b.mp4", "video/mp4"), SentKind::Video),
        ((MediaKind::File, "c & \"d\" 你好.pdf", "application/pdf"), SentKind::App),
        ((MediaKind::File, "no extension", "application/octet-stream"), SentKind::App),
        ((MediaKind::File, "large.zip", "application/zip"), SentKind::App),
    ];
    for (number, (size, (file, recorded))) in sizes.into_iter().zip(kinds).enumerate() {
        let mut bytes = vec![0; size];
        for (page, bytes) in bytes.chunks_mut(4096).enumerate() {
            bytes[0] = u8::try_from((page + number) % 251).unwrap();
        }
        let bytes = Bytes::from(bytes);
        let sent = send(connection, &to, file, &bytes, &number.to_string()).await.unwrap();
        let record = stage.world.sent(UIN).pop().unwrap();
        assert_eq!((record.msg_id.cast_signed(), record.kind), (sent.id, recorded));
        let upload = stage.world.upload(&record.media_id).unwrap();
        assert_eq!(&*upload.bytes, &*bytes, "{file:?}");
    }
    // WeChat knows a large file by its MD5; its bytes do not travel again.
    stage.world.fault(Fault::on("webwxuploadmedia").ret(1));
    let large = stage.world.upload(&stage.world.sent(UIN)[4].media_id).unwrap().bytes;
    send(connection, &to, (MediaKind::File, "again.zip", "application/zip"), &large.to_vec().into(), "5")
        .await
        .unwrap();
    assert_eq!(stage.world.sent(UIN).len(), 6);
    stage.assert_clean();
}

#[tokio::test]
async fn a_hostile_name_or_type_adds_nothing_to_the_form() {
    let (stage, mut opened) = stage().await;
    let to = stage.person("Friend 1");
    let name = "a\"\r\nContent-Type: x\r\n\r\n--b\u{0}.txt";
    let file = (MediaKind::File, name, "text/html\r\nX-Evil: 1");
    send(&mut *opened.connection, &to, file, &Bytes::from_static(b"--\r\nx"), "1").await.unwrap();
    let record = stage.world.sent(UIN).pop().unwrap();
    let upload = stage.world.upload(&record.media_id).unwrap();
    assert_eq!((&*upload.bytes, upload.name.as_str()), (&b"--\r\nx"[..], "a%22Content-Type: x--b.txt"));
    assert!(record.text.contains("<title>a&quot;Content-Type: x--b.txt</title>"), "{}", record.text);
    stage.assert_clean();
}

#[tokio::test]
async fn a_file_of_another_size_is_not_sent() {
    let (stage, mut opened) = stage().await;
    let to = stage.person("Friend 1");
    let bytes = InMemory(Bytes::from(vec![1; 600_000]));
    for size in [599_999, 600_001] {
        let file = OutgoingFile { kind: MediaKind::File, name: "a", content_type: "x/y", size, bytes: &bytes };
        let error = opened.connection.upload(&to, &file).await.unwrap_err();
        assert!(matches!(error, Error::Transient { sent: false, .. }), "{error}");
    }
    let record = OutgoingFile { kind: MediaKind::Record, name: "a", content_type: "x/y", size: 600_000, bytes: &bytes };
    assert!(matches!(opened.connection.upload(&to, &record).await, Err(Error::Protocol { .. })));
    stage.assert_clean();
}
