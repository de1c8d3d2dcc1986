//! Faults that the simulator injects, and violations that it records.

mod common;

use std::time::Duration;

use common::Client;
use serde_json::json;
use simulator::{AccountSpec, Config, Fault, Settings, Simulator};

const UIN: u64 = 7;

async fn logged_in() -> (Simulator, Client) {
    let config = Config { long_poll: Duration::from_millis(50), ..Config::default() };
    let simulator = Simulator::start_with("127.0.0.1:0", config).await.unwrap();
    simulator.world().account(AccountSpec::new(UIN, "me").friends(60));
    let client = Client::log_in(&simulator, UIN).await;
    (simulator, client)
}

fn rules(simulator: &Simulator) -> Vec<&'static str> {
    simulator.world().violations().iter().map(|violation| violation.rule).collect()
}

#[tokio::test]
async fn faults_affect_the_configured_number_of_requests() {
    let (simulator, mut client) = logged_in().await;
    let world = simulator.world();
    world.fault(Fault::on("webwxsync").ret(1205).times(2));
    world.fault(Fault::on("synccheck").ret(1100));
    assert_eq!(client.sync_again().await["BaseResponse"]["Ret"], 1205);
    assert_eq!(client.sync_again().await["BaseResponse"]["Ret"], 1205);
    assert_eq!(client.sync().await["BaseResponse"]["Ret"], 0);
    assert!(client.synccheck().await.contains("\"1100\""));
    assert!(client.synccheck().await.contains("\"0\""));
    world.fault(Fault::on("webwxsendmsg").status(502).body("<html>bad gateway</html>"));
    assert_eq!(client.post_raw("webwxsendmsg", "{}".into()).await, "<html>bad gateway</html>");
    assert_eq!(rules(&simulator), [""; 0], "a request with a fault is not validated");
}

#[tokio::test]
async fn connections_break_before_or_after_processing() {
    let (simulator, client) = logged_in().await;
    let world = simulator.world();
    let http = reqwest::Client::builder().build().unwrap();
    let address = format!("{}/jslogin?appid=wx782c26e4c19acffb&fun=new", simulator.origin());
    world.fault(Fault::on("jslogin").drop_connection());
    assert!(http.get(&address).send().await.is_err());
    let before = client.uuid.clone();
    world.fault(Fault::on("jslogin").drop_answer());
    assert!(http.get(&address).send().await.is_err());
    assert_ne!(world.wait_uuid(2).await, before, "the second request was processed");
    assert!(http.get(&address).send().await.is_ok());
}

#[tokio::test]
async fn violations_are_recorded() {
    let (simulator, mut client) = logged_in().await;
    let base = client.base_request();
    let right = client.keys.clone();

    client.sync_key["List"][1]["Val"] = json!(1);
    assert_eq!(client.sync_again().await["BaseResponse"]["Ret"], 1);
    client.synccheck().await;
    client.start().await;

    client.keys.insert("skey".into(), "@crypt_0".into());
    client.post("webwxinit", json!({})).await;
    client.keys.clone_from(&right);

    client.keys.insert("cookies".into(), "wxuin=7".into());
    client.post("webwxinit", json!({})).await;
    client.keys.clone_from(&right);

    client.keys.insert("pass_ticket".into(), "nonsense".into());
    client.post("webwxinit", json!({})).await;
    client.keys.clone_from(&right);

    let mut incomplete = base.clone();
    incomplete.as_object_mut().unwrap().remove("Uin");
    client.post_raw("webwxinit", json!({"BaseRequest": incomplete}).to_string()).await;

    let names: Vec<_> = (0..51).map(|_| json!({"UserName": "filehelper", "EncryChatRoomId": ""})).collect();
    client.post("webwxbatchgetcontact?type=ex", json!({"Count": 51, "List": names})).await;

    assert_eq!(
        rules(&simulator),
        [
            "synckey_unknown",
            "synckey_unknown",
            "skey_wrong",
            "cookie_missing",
            "cookie_missing",
            "pass_ticket_wrong",
            "base_request_incomplete",
            "uin_wrong",
            "batch_too_large",
        ]
    );
}

#[tokio::test]
async fn escaped_text_is_not_decoded() {
    let (simulator, client) = logged_in().await;
    let msg = json!({
        "Type": 1, "Content": "TEXT", "FromUserName": client.myself(), "ToUserName": "filehelper",
        "LocalID": "1", "ClientMsgId": "1",
    });
    let body = json!({"BaseRequest": client.base_request(), "Msg": msg, "Scene": 0}).to_string();
    client.post_raw("webwxsendmsg", body.replace("TEXT", "\\u4f60\\n\\u003c")).await;
    assert_eq!(simulator.world().sent(UIN)[0].text, "\\u4f60\n\\u003c");
    assert_eq!(rules(&simulator), ["escaped_unicode"]);
}

#[tokio::test]
async fn desktop_mode_without_its_token_is_a_violation() {
    let (simulator, mut client) = logged_in().await;
    let fresh = Client::new(&simulator).await;
    simulator.world().log_in(&fresh.uuid, UIN).unwrap();
    client.uuid.clone_from(&fresh.uuid);
    client.poll_login(1).await;
    let reply = client.poll_login(1).await;
    let address = reply.split('"').nth(1).unwrap();
    let http = reqwest::Client::builder().build().unwrap();
    let response = http.get(format!("{address}&fun=new&version=v2")).send().await.unwrap();
    assert_eq!(response.status(), 301);
    assert_eq!(response.headers().get("location"), None);
    assert_eq!(rules(&simulator), ["desktop_headers"]);
}

#[tokio::test]
async fn stopping_ends_long_polls() {
    let (simulator, mut client) = logged_in().await;
    let world = simulator.world();
    world.configure(&Settings { long_poll_ms: Some(600_000), ..Settings::default() });
    client.sync().await;
    let poll = tokio::spawn(async move { client.try_synccheck().await });
    world.wait_polling(UIN).await;
    simulator.stop().await;
    assert!(poll.await.unwrap().is_err(), "the connection broke");
}
