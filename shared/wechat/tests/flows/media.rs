//! Messages of every kind, downloads and uploads.

use bytes::Bytes;
use channel::{Error, Incoming, Opened};
use domain::message::Content;
use simulator::{AccountSpec, Fault, From, Group, Kind, Person, Push, SentKind};
use wechat::{File, FileKind, Media, WebConnection};

use crate::support::{Stage, UIN};

async fn stage() -> (Stage, Opened) {
    let stage = Stage::set(AccountSpec::new(UIN, "me").friends(1).group(Group::new("家").members(["Friend 1"]))).await;
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

async fn bytes_of(connection: &WebConnection, media: Media<'_>) -> Vec<u8> {
    let mut download = connection.download(media).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = download.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    bytes
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
        let message = incoming(&stage, &mut opened, Push::kind(From::friend("Friend 1"), kind)).await;
        assert_eq!(message.content.kind().as_str(), expected);
        match message.content {
            Content::Recording { voice_length, .. } => assert_eq!(voice_length, Some(2_340)),
            Content::Video { play_length, .. } => assert_eq!(play_length, Some(7)),
            Content::Attachment { file_name, file_size, .. } => {
                assert_eq!(file_name, "a & b.pdf");
                assert!(file_size.is_some());
            }
            Content::Sharing { url, text } => {
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
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    let connection = stage.web_connection(&opened);
    let pushed = |kind| Push::kind(From::friend("Friend 1"), kind).media(bytes.clone());

    let message = incoming(&stage, &mut opened, pushed(Kind::Picture { width: 1, height: 1 })).await.id;
    assert_eq!(bytes_of(&connection, Media::Picture { message }).await, bytes);
    let message = incoming(&stage, &mut opened, pushed(Kind::Voice { length_ms: 1 })).await.id;
    assert_eq!(bytes_of(&connection, Media::Recording { message }).await, bytes);
    let message = incoming(&stage, &mut opened, pushed(Kind::Video { seconds: 1 })).await.id;
    assert_eq!(bytes_of(&connection, Media::Video { message }).await, bytes);
    let message = incoming(&stage, &mut opened, pushed(Kind::File { name: "a.bin".into() })).await;
    let media_id = format!("@cdn_{:x}", message.id);
    let file = Media::File { sender: &message.chat.id, media_id: &media_id, encry_file_name: "a.bin" };
    assert_eq!(bytes_of(&connection, file).await, bytes);
    for (peer, picture_seq) in [(opened.user.peer(), opened.user.picture_seq), (stage.group("家"), None)] {
        let download = connection.download(Media::Avatar { peer: &peer, picture_seq }).await.unwrap();
        assert!(download.content_type().unwrap().starts_with("image/"));
        assert!(download.length().is_some_and(|length| length > 0));
    }
    stage.assert_clean();
}

#[tokio::test]
async fn an_empty_download_fails() {
    let (stage, mut opened) = stage().await;
    let push = Push::kind(From::friend("Friend 1"), Kind::Picture { width: 1, height: 1 });
    let message = incoming(&stage, &mut opened, push).await.id;
    stage.world.fault(Fault::on("webwxgetmsgimg").status(200).body(""));
    let connection = stage.web_connection(&opened);
    let error = connection.download(Media::Picture { message }).await.unwrap_err();
    assert_eq!(error, Error::Transient { reason: "webwxgetmsgimg: an empty answer".into(), sent: true });
    connection.download(Media::Picture { message }).await.unwrap();
    stage.assert_clean();
}

#[tokio::test]
async fn files_are_uploaded_in_chunks() {
    let (stage, opened) = stage().await;
    let mut connection = stage.web_connection(&opened);
    let to = stage.person("Friend 1");
    let sizes = [1, 512 * 1024, 512 * 1024 + 1, 3 * 512 * 1024, 25 * 1024 * 1024 + 1];
    let kinds = [
        (FileKind::Picture, SentKind::Image, "a.png", "image/png"),
        (FileKind::Video, SentKind::Video, "b.mp4", "video/mp4"),
        (FileKind::File, SentKind::App, "c & \"d\" 你好.pdf", "application/pdf"),
        (FileKind::File, SentKind::App, "no extension", "application/octet-stream"),
        (FileKind::File, SentKind::App, "large.zip", "application/zip"),
    ];
    for (number, (size, (kind, recorded, name, content_type))) in sizes.into_iter().zip(kinds).enumerate() {
        let mut bytes = vec![0; size];
        for (page, bytes) in bytes.chunks_mut(4096).enumerate() {
            bytes[0] = u8::try_from((page + number) % 251).unwrap();
        }
        let bytes = Bytes::from(bytes);
        let file = File { kind, name, content_type, bytes: bytes.clone() };
        let sent = connection.send_file(&to, &file, &number.to_string()).await.unwrap();
        let record = stage.world.sent(UIN).pop().unwrap();
        assert_eq!((record.msg_id.cast_signed(), record.kind), (sent.id, recorded));
        let upload = stage.world.upload(&record.media_id).unwrap();
        assert_eq!(&*upload.bytes, &*bytes, "{name}");
    }
    stage.assert_clean();
}
