//! Scan → message → callback → reply → message at WeChat.

use axum::Json;
use e2e::{Program, Stage};
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator::From;
use testing::Callback;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_reaches_the_callback_and_the_reply_reaches_the_chat() {
    let stage = Stage::start().await;
    let callback = Callback::start().await;
    callback.answer(|delivered| Json(json!({ "msg_type": "text", "text": format!("收到: {}", delivered.text()) })));
    let program = stage.program(Some(&callback.url)).await;
    stage.log_in(&program).await;

    let id = stage.world.push_text(Stage::UIN, From::friend("小红"), "你好 <b> & 😂\n第二行").unwrap();
    let delivered = callback.accepted(1).await;
    assert_eq!(delivered[0].text(), "你好 <b> & 😂\n第二行");
    let sent = stage.world.wait_sent(Stage::UIN, 1).await;
    assert_eq!((sent[0].to_name.as_str(), sent[0].text.as_str()), ("小红", "收到: 你好 <b> & 😂\n第二行"));

    let (_, friends) = program.get("/friends", &[("nick_name", "小红")]).await;
    let friend = &friends["results"][0];
    let message = delivered[0].json();
    assert_eq!(message["id"].as_u64(), Some(id));
    assert_eq!(message["type"], "Text");
    assert_eq!(message["send_user"], friend["puid"]);
    assert_eq!(message["receiver"], friend["owner"]);
    assert_eq!(message["is_at"], Value::Null);
    assert_eq!(message["content"]["message"], message["id"]);
    let query = delivered[0].query();
    assert_eq!(query["room"], "1");
    assert_eq!(query["signature"], domain::signature::sign(Program::TOKEN, &query["timestamp"]));
    assert!(delivered[0].headers.contains_key("webhook-signature"));

    // The reply is in the history once the worker has written its row.
    let mut cursor = "0".to_owned();
    let mut rows = 0;
    while rows < 2 {
        let (_, news) = program.get("/messages", &[("after", &cursor), ("wait", "20")]).await;
        rows += news["results"].as_array().unwrap().len();
        news["cursor"].as_str().unwrap().clone_into(&mut cursor);
    }
    let (_, history) = program.get("/messages", &[]).await;
    assert_eq!(history["count"], 2);
    assert_eq!(history["results"][0]["direction"], "out");
    assert_eq!(history["results"][0]["id"].as_u64(), Some(sent[0].msg_id));
    assert_eq!(history["results"][0]["receiver"], friend["puid"]);
    assert_eq!(history["results"][1]["id"].as_u64(), Some(id));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_message_names_its_sender_and_the_reply_goes_to_the_group() {
    let stage = Stage::start().await;
    let callback = Callback::start().await;
    callback.answer(|_| Json(json!([{ "msg_type": "text", "text": "一" }, { "msg_type": "text", "text": "二" }])));
    let program = stage.program(Some(&callback.url)).await;
    stage.log_in(&program).await;

    stage.world.push_text(Stage::UIN, From::member("测试群", "老王"), "@我🍏\u{2005}在吗").unwrap();
    let delivered = callback.accepted(1).await;
    let sent = stage.world.wait_sent(Stage::UIN, 2).await;
    let sent: Vec<_> = sent.iter().map(|one| (one.to_name.as_str(), one.text.as_str())).collect();
    assert_eq!(sent, [("测试群", "一"), ("测试群", "二")]);

    let (_, groups) = program.get("/groups", &[("search", "测试")]).await;
    let group = groups["results"][0]["puid"].as_str().unwrap();
    let (_, members) = program.get(&format!("/members/{group}"), &[]).await;
    let members = members["results"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    let sender = members.iter().find(|member| member["nick_name"] == "老王").unwrap();
    let message = delivered[0].json();
    assert_eq!(message["send_user"], sender["puid"]);
    assert_eq!(message["send_group"], group);
    assert_eq!(message["is_at"], true);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_sends_a_message_and_reads_its_state() {
    let stage = Stage::start().await;
    let program = stage.program(None).await;
    let offline = program.get("/friends", &[]).await;
    assert_eq!((offline.0, offline.1["count"].clone()), (StatusCode::OK, json!(0)));
    stage.log_in(&program).await;
    let (_, friends) = program.get("/friends", &[("remark_name", "红姐")]).await;
    let puid = friends["results"][0]["puid"].as_str().unwrap();

    let text = json!({ "msg_type": "text", "puid": puid, "text": "666 <不转义>", "wait": 20 });
    let (status, answer) = program.post("/send", &text).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!((&answer["status"], &answer["text"]), (&json!("sent"), &json!("666 <不转义>")));
    let sent = stage.world.wait_sent(Stage::UIN, 1).await;
    assert_eq!(sent[0].text, "666 <不转义>");
    let (_, job) = program.get(&format!("/send/{}", answer["id"].as_str().unwrap()), &[]).await;
    assert_eq!(job["status"], "sent");

    let (status, error) = program.post("/send", &json!({ "msg_type": "text", "puid": "00000000", "text": "x" })).await;
    assert_eq!((status, &error["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    stage.end().await;
}
