//! The control API over HTTP.

mod common;

use common::Client;
use serde_json::{Value, json};
use simulator::Simulator;

struct Control {
    http: reqwest::Client,
    origin: String,
}

impl Control {
    fn new(simulator: &Simulator) -> Self {
        Self { http: reqwest::Client::builder().build().unwrap(), origin: simulator.origin() }
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}/_sim/{path}", self.origin)).json(&body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.http.get(format!("{}/_sim/{path}", self.origin)).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }
}

#[tokio::test]
async fn another_process_controls_the_phone_and_the_friends() {
    let simulator = Simulator::start("127.0.0.1:0").await.unwrap();
    let control = Control::new(&simulator);
    let specs = json!([
        {"uin": 1, "nick_name": "one", "friends": 2, "named_groups": [
            {"nick_name": "家", "members": [{"nick_name": "三叔", "display_name": "叔"}]},
        ]},
        {"uin": 2, "nick_name": "two"},
    ]);
    assert_eq!(control.post("accounts", specs).await.1, json!({"uins": [1, 2]}));
    control.post("auto-scan", json!({"accounts": [1, 2]})).await;

    let mut client = Client::new(&simulator).await;
    assert_eq!(control.get("uuids?n=1").await.1, json!({"uuid": client.uuid}));
    let reply = client.poll_login(1).await;
    client.open(&reply).await;
    client.start().await;
    assert_eq!(control.get("accounts/1?wait=online").await.1["online"], true);

    let pushed = control
        .post(
            "push",
            json!([
                {"uin": 1, "from": {"friend": "Friend 2"}, "text": "a"},
                {"uin": 1, "from": {"group": {"group": "家", "member": "叔"}}, "text": "b"},
                {"uin": 1, "from": {"special": "fmessage"}, "fields": {"MsgType": 37, "Content": "&lt;msg/&gt;"}},
            ]),
        )
        .await
        .1;
    let batch = client.sync().await;
    let ids: Vec<&Value> = batch["AddMsgList"].as_array().unwrap().iter().map(|row| &row["MsgId"]).collect();
    assert_eq!(json!({"msg_ids": ids}), pushed);
    assert_eq!(batch["AddMsgList"][2]["MsgType"], 37);
    assert_eq!(control.get("pushed?uin=1").await.1["pushed"][0]["msg_id"], pushed["msg_ids"][0]);

    client.send_text("filehelper", "hello").await;
    let sent = control.get("sent?uin=1&at_least=1").await.1;
    assert_eq!((&sent["sent"][0]["to"], &sent["sent"][0]["text"]), (&json!("filehelper"), &json!("hello")));
    assert_eq!(control.get("violations").await.1, json!({"violations": []}));
}

#[tokio::test]
async fn failed_requests_return_an_error() {
    let simulator = Simulator::start("127.0.0.1:0").await.unwrap();
    let control = Control::new(&simulator);
    control.post("accounts", json!({"uin": 1, "nick_name": "one"})).await;
    let client = Client::new(&simulator).await;
    let missing = json!({"error": "the account knows nobody called \"x\""});
    let push = json!([
        {"uin": 1, "from": {"phone": {"to": "filehelper"}}, "text": "a"},
        {"uin": 1, "from": {"friend": "x"}, "text": "a"},
    ]);
    assert_eq!(control.post("push", push).await, (404, missing));
    assert_eq!(control.get("pushed?uin=1").await.1, json!({"pushed": []}), "no message was pushed");
    assert_eq!(control.post("confirm", json!({"uuid": client.uuid})).await.0, 409);
    assert_eq!(control.post("scan", json!({"uuid": "x", "uin": 1})).await.0, 404);
    assert_eq!(control.get("accounts/2").await.0, 404);
    assert_eq!(control.get("accounts/1?wait=online&timeout_ms=10").await.0, 408);
    assert_eq!(control.get("sent?uin=1&at_least=1&timeout_ms=10").await.0, 408);
}

#[tokio::test]
async fn contacts_change() {
    let simulator = Simulator::start("127.0.0.1:0").await.unwrap();
    let control = Control::new(&simulator);
    let group = json!({"nick_name": "家", "members": [{"nick_name": "三叔"}, {"nick_name": "四叔"}]});
    control.post("accounts", json!({"uin": 1, "friends": 1, "named_groups": [group]})).await;
    let mut client = Client::log_in(&simulator, 1).await;
    client.sync().await;
    let change = async |change: Value| control.post("contacts", json!({"uin": 1, "change": change})).await.0;
    assert_eq!(change(json!({"remove_member": {"group": "家", "member": "三叔"}})).await, 200);
    assert_eq!(change(json!({"remove_member": {"group": "家", "member": "三叔"}})).await, 404);
    assert_eq!(change(json!({"picture": {"contact": "Friend 1", "head_seq": 9}})).await, 200);
    let batch = client.sync().await;
    let members = batch["ModContactList"][0]["MemberList"].as_array().unwrap();
    let names: Vec<&Value> = members.iter().map(|member| &member["NickName"]).collect();
    assert_eq!(names, ["", "四叔"]);
    assert!(batch["ModContactList"][1]["HeadImgUrl"].as_str().unwrap().contains("seq=9&"));
}
