//! Media both ways: a picture at WeChat is bytes at the callback, and bytes of a program are a picture at WeChat.

use axum::{Json, Router, routing::get};
use e2e::{Program, Stage};
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use simulator::{Fault, From, Kind, Push};
use testing::Callback;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF a picture";
const GIF: &[u8] = b"GIF89a a sticker";
const MP3: &[u8] = b"ID3\x03 a recording";
const MP4: &[u8] = b"\x00\x00\x00\x18ftypmp42 a video";
const HTML: &[u8] = b"<!DOCTYPE html><script>alert(1)</script>";

/// Opens a link without credentials: the status, the headers and the bytes behind the redirect.
async fn open(link: &Value) -> (StatusCode, header::HeaderMap, Vec<u8>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(link.as_str().expect("a link")).send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

/// The content of each delivered message, in order.
async fn contents(callback: &Callback, count: usize) -> Vec<Value> {
    let delivered = callback.accepted(count).await;
    delivered.iter().map(testing::Delivered::json).collect()
}

async fn logged_in(callback: &Callback) -> (Stage, Program) {
    let stage = Stage::start().await;
    let program = stage.program(Some(&callback.url)).await;
    stage.log_in(&program).await;
    (stage, program)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_media_arrives_with_its_bytes() {
    let callback = Callback::start().await;
    let (stage, program) = logged_in(&callback).await;
    let file = Kind::File { name: "../报告 1.html".to_owned() };
    for (kind, bytes) in [
        (Kind::Picture { width: 4, height: 3 }, JPEG),
        (Kind::Sticker, GIF),
        (Kind::Voice { length_ms: 2_340 }, MP3),
        (Kind::Video { seconds: 7 }, MP4),
        (file, HTML),
    ] {
        stage.world.push(Stage::UIN, &Push::kind(From::friend("小红"), kind).media(bytes)).unwrap();
    }
    let rows = contents(&callback, 5).await;
    let expected = [
        ("Picture", "image", "/media/image/", "image/jpeg", "inline", JPEG),
        ("Picture", "image", "/media/image/", "image/gif", "inline", GIF),
        ("Recording", "record", "/media/record/", "audio/mpeg", "inline", MP3),
        ("Video", "video", "/media/video/", "video/mp4", "inline", MP4),
        ("Attachment", "file", "/media/file/", "application/octet-stream", "attachment", HTML),
    ];
    for (row, (kind, field, prefix, content_type, disposition, bytes)) in rows.iter().zip(expected) {
        assert_eq!(row["type"], kind);
        let path = row["content"][field].as_str().unwrap();
        assert!(path.starts_with(prefix), "{path}");
        let (status, headers, found) = open(&row["content"][format!("{field}_url")]).await;
        assert_eq!((status, found.as_slice()), (StatusCode::OK, bytes), "{row}");
        assert_eq!(headers[header::CONTENT_TYPE], content_type);
        assert_eq!(headers[header::CONTENT_DISPOSITION], disposition);
    }
    assert_eq!(rows[4]["content"]["file_name"], "../报告 1.html");
    assert!(rows[4]["content"]["file"].as_str().unwrap().ends_with("/报告 1.html"), "{}", rows[4]);

    // The history shows the same path, and a link that is tampered with opens nothing.
    let (_, history) = program.get("/messages", &[("type", "Video")]).await;
    assert_eq!(history["results"][0]["content"]["video"], rows[3]["content"]["video"]);
    let link = rows[0]["content"]["image_url"].as_str().unwrap();
    let (status, ..) = open(&json!(link.replace("sig=", "sig=0"))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_picture_holds_its_chat_and_no_other() {
    let callback = Callback::start().await;
    let (stage, _) = logged_in(&callback).await;
    // WeChat answers the first two requests with nothing.
    stage.world.fault(Fault::on("webwxgetmsgimg").times(2).status(200).body(""));
    let picture = Push::kind(From::friend("小红"), Kind::Picture { width: 4, height: 3 }).media(JPEG);
    stage.world.push(Stage::UIN, &picture).unwrap();
    stage.world.push_text(Stage::UIN, From::friend("小红"), "after it").unwrap();
    stage.world.push_text(Stage::UIN, From::member("测试群", "老王"), "elsewhere").unwrap();
    let rows = contents(&callback, 3).await;
    let texts: Vec<&str> = rows.iter().map(|row| row["content"]["text"].as_str().unwrap_or("picture")).collect();
    assert_eq!(texts, ["elsewhere", "picture", "after it"]);
    assert_eq!(open(&rows[1]["content"]["image_url"]).await.2, JPEG);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_files_and_videos_are_sent_by_url_and_as_replies() {
    let callback = Callback::start().await;
    let (stage, program) = logged_in(&callback).await;
    let files = Router::new()
        .route("/a.jpg", get(|| async { JPEG }))
        .route("/b.mp4", get(|| async { MP4 }))
        .route("/big.bin", get(|| async { vec![7u8; 26 * 1024 * 1024 + 1] }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, files).await });

    let (_, friends) = program.get("/friends", &[("nick_name", "小红")]).await;
    let puid = friends["results"][0]["puid"].as_str().unwrap();
    for (kind, name) in [("image", "a.jpg"), ("video", "b.mp4"), ("file", "big.bin")] {
        let url = format!("{origin}/{name}");
        let body = json!({ "msg_type": kind, "puid": puid, "url": url, "wait": 20 });
        let (status, answer) = program.post("/send", &body).await;
        assert_eq!(
            (status, &answer["status"], &answer["url"]),
            (StatusCode::OK, &json!("sent"), &json!(url)),
            "{answer}"
        );
    }
    let sent = stage.world.wait_sent(Stage::UIN, 3).await;
    let uploads: Vec<_> = sent.iter().map(|sent| stage.world.upload(&sent.media_id).unwrap()).collect();
    assert_eq!((&*uploads[0].bytes, uploads[0].media_type.as_str()), (JPEG, "pic"));
    assert_eq!((&*uploads[1].bytes, uploads[1].media_type.as_str()), (MP4, "video"));
    assert_eq!((uploads[2].bytes.len(), uploads[2].name.as_str()), (26 * 1024 * 1024 + 1, "big.bin"));

    // What was sent is in the history, with its bytes.
    let (_, history) = program.get("/messages", &[("type", "Picture")]).await;
    let row = &history["results"][0];
    assert_eq!((&row["direction"], &row["receiver"]), (&json!("out"), &json!(puid)));
    assert_eq!(open(&row["content"]["image_url"]).await.2, JPEG);

    let reply =
        json!([{ "msg_type": "text", "text": "first" }, { "msg_type": "image", "url": format!("{origin}/a.jpg") }]);
    callback.answer(move |_| Json(reply.clone()));
    stage.world.push_text(Stage::UIN, From::member("测试群", "老王"), "a picture, please").unwrap();
    let sent = stage.world.wait_sent(Stage::UIN, 5).await;
    assert_eq!((sent[3].text.as_str(), sent[4].to_name.as_str()), ("first", "测试群"));
    assert_eq!(&*stage.world.upload(&sent[4].media_id).unwrap().bytes, JPEG);
    server.abort();
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploaded_bytes_are_sent_by_their_name_and_a_message_is_recalled() {
    let callback = Callback::start().await;
    let (stage, program) = logged_in(&callback).await;
    let (_, friends) = program.get("/friends", &[("nick_name", "小红")]).await;
    let puid = friends["results"][0]["puid"].as_str().unwrap();

    let (_, upload) = program.post("/upload", &json!({})).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let put = client.put(upload["url"].as_str().unwrap()).body(JPEG).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::OK);
    let body = json!({ "msg_type": "file", "puid": puid, "upload": upload["name"], "file_name": "a.jpg", "wait": 20 });
    let (_, answer) = program.post("/send", &body).await;
    assert_eq!(answer["status"], "sent", "{answer}");
    let sent = stage.world.wait_sent(Stage::UIN, 1).await;
    assert_eq!(&*stage.world.upload(&sent[0].media_id).unwrap().bytes, JPEG);

    let (_, recalled) = program.post("/revoke", &json!({ "id": answer["id"], "wait": 20 })).await;
    assert_eq!(recalled["status"], "sent", "{recalled}");
    assert!(stage.world.sent(Stage::UIN)[0].revoked);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_contacts_are_fetched_in_the_background() {
    let callback = Callback::start().await;
    let (stage, program) = logged_in(&callback).await;
    let (_, friends) = program.get("/friends", &[("nick_name", "小红")]).await;
    let friend = &friends["results"][0];
    assert_eq!(friend["avatar"], format!("/media/image/avatar/{}.jpg", friend["puid"].as_str().unwrap()));
    // Until it is fetched, the API itself answers with a neutral picture instead of a redirect to the bucket.
    let bytes = loop {
        let (status, headers, bytes) = open(&friend["avatar_url"]).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CONTENT_TYPE], "image/png");
        if headers.contains_key(header::CONTENT_DISPOSITION) {
            break bytes;
        }
    };
    assert!(!bytes.is_empty());
    stage.end().await;
}
