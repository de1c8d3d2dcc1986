//! A complete session over HTTP: login, contacts, inbound and outbound messages, and its end.

mod common;

use std::time::Duration;

use common::Client;
use serde_json::json;
use simulator::{AccountSpec, Config, From, Group, Person, Settings, Simulator};

const UIN: u64 = 155_217_200;

async fn simulator() -> Simulator {
    let config = Config { long_poll: Duration::from_millis(50), contact_page: 10, ..Config::default() };
    let simulator = Simulator::start_with("127.0.0.1:0", config).await.unwrap();
    simulator.world().account(
        AccountSpec::new(UIN, "我 & 我")
            .friends(12)
            .groups(2, 60)
            .official_accounts(1)
            .friend(Person::new("李雷").remark("老李"))
            .group(Group::new("家").members(["李雷", "三叔"]).unsaved()),
    );
    simulator
}

fn names(list: &serde_json::Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|contact| contact["NickName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_login_poll_reports_each_step_once() {
    let simulator = simulator().await;
    let world = simulator.world();
    let mut client = Client::new(&simulator).await;
    assert_eq!(client.poll_login(1).await, "window.code=408;");
    world.scan(&client.uuid, UIN).unwrap();
    assert!(client.poll_login(1).await.starts_with("window.code=201;window.userAvatar = 'data:img/jpg;base64,"));
    assert_eq!(client.poll_login(0).await, "window.code=408;");
    world.confirm(&client.uuid).unwrap();
    let reply = client.poll_login(0).await;
    let xml = client.open(&reply).await;
    assert!(xml.contains("<ret>0</ret>") && xml.contains("%3D</pass_ticket>"), "{xml}");
    assert_eq!(world.wait_login(&client.uuid).await, UIN);
    assert_eq!(client.poll_login(0).await, "window.code=400;");
    assert!(client.open(&reply).await.contains("<ret>1</ret>"), "a ticket opens once");

    let late = Client::new(&simulator).await;
    world.expire(&late.uuid).unwrap();
    assert_eq!(late.poll_login(1).await, "window.code=400;");
}

#[tokio::test]
async fn contacts_are_paged_and_groups_come_without_members() {
    let simulator = simulator().await;
    let client = Client::log_in(&simulator, UIN).await;
    assert_eq!(client.init["User"]["NickName"], "我 &amp; 我");
    assert_eq!(client.init["SyncKey"]["Count"], 4);
    assert!(names(&client.init["ContactList"]).contains(&"家"), "an unsaved group is a recent chat");

    let mut found = Vec::new();
    let mut seq = 0;
    let mut pages = 0;
    loop {
        let query = [("seq", seq.to_string()), ("skey", client.keys["skey"].clone())];
        let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
        let page: serde_json::Value = serde_json::from_str(&client.get("webwxgetcontact", &query).await).unwrap();
        found.extend(page["MemberList"].as_array().unwrap().clone());
        pages += 1;
        seq = page["Seq"].as_u64().unwrap();
        if seq == 0 {
            break;
        }
    }
    assert_eq!((found.len(), pages), (1 + 1 + 13 + 2, 2));
    assert!(!found.iter().any(|contact| contact["NickName"] == "家"));
    let group = found.iter().find(|contact| contact["NickName"] == "Group 1").unwrap();
    assert_eq!((&group["MemberCount"], &group["MemberList"]), (&json!(0), &json!([])));

    let request = json!({"Count": 1, "List": [{"UserName": group["UserName"], "EncryChatRoomId": ""}]});
    let answer = client.post("webwxbatchgetcontact?type=ex&r=1", request).await;
    let full = &answer["ContactList"][0];
    assert_eq!(full["MemberCount"], 60);
    let stranger = &full["MemberList"][59];
    assert_eq!(stranger["NickName"], "Member 1-59");
    let request = json!({"Count": 1, "List": [
        {"UserName": stranger["UserName"], "EncryChatRoomId": full["EncryChatRoomId"]},
    ]});
    let answer = client.post("webwxbatchgetcontact?type=ex&r=1", request).await;
    assert_eq!(answer["ContactList"][0]["UserName"], stranger["UserName"]);
    assert_eq!(simulator.world().violations(), []);
}

#[tokio::test]
async fn the_same_sync_key_returns_the_same_messages() {
    let simulator = simulator().await;
    let world = simulator.world();
    let mut client = Client::log_in(&simulator, UIN).await;
    assert_eq!(client.synccheck().await, "window.synccheck={retcode:\"0\",selector:\"0\"}");

    let id = world.push_text(UIN, From::friend("老李"), "你好 <b>\n😂").unwrap();
    world.push_text(UIN, From::member("家", "三叔"), "吃饭").unwrap();
    world.push_text(UIN, From::phone("家"), "来了").unwrap();
    assert_eq!(client.synccheck().await, "window.synccheck={retcode:\"0\",selector:\"2\"}");
    let batch = client.sync_again().await;
    assert_eq!(batch, client.sync().await, "an old key returns the same messages again");
    assert_eq!((&batch["AddMsgCount"], &batch["SyncKey"]["Count"]), (&json!(3), &json!(7)));

    let [friend, group, phone] = [0, 1, 2].map(|at| &batch["AddMsgList"][at]);
    assert_eq!(friend["MsgId"], id.to_string());
    assert_eq!(friend["NewMsgId"], id);
    assert_eq!(friend["FromUserName"], world.user_name(UIN, "李雷").unwrap());
    assert_eq!(friend["Content"], "你好 &lt;b&gt;<br/><span class=\"emoji emoji1f639\"></span>");
    let uncle = world.user_name(UIN, "stranger/2/2").unwrap();
    assert_eq!(group["Content"], format!("{uncle}:<br/>吃饭"));
    assert_eq!((&phone["Content"], &phone["FromUserName"]), (&json!("来了"), &json!(client.myself())));
    assert_eq!(client.sync().await["AddMsgCount"], 0);
    assert_eq!(world.violations(), []);
}

#[tokio::test]
async fn a_long_list_arrives_in_batches() {
    let simulator = simulator().await;
    let world = simulator.world();
    let mut client = Client::log_in(&simulator, UIN).await;
    for n in 0..120 {
        world.push_text(UIN, From::friend("Friend 1"), n.to_string()).unwrap();
    }
    let mut parts = Vec::new();
    loop {
        let batch = client.sync().await;
        parts.push(batch["AddMsgCount"].as_u64().unwrap());
        if batch["ContinueFlag"] == 0 {
            break;
        }
    }
    assert_eq!(parts, [50, 50, 20]);
    assert_eq!(world.state_of(UIN).unwrap().confirmed, 100);
    client.synccheck().await;
    world.wait_confirmed(UIN).await;
}

#[tokio::test]
async fn sent_messages_are_recorded_and_not_echoed() {
    let simulator = simulator().await;
    let world = simulator.world();
    let mut client = Client::log_in(&simulator, UIN).await;
    let to = world.user_name(UIN, "老李").unwrap();
    let answer = client.send_text(&to, "收到 <3").await;
    assert_eq!(answer["LocalID"], "17000000000000001");
    let sent = world.wait_sent(UIN, 1).await.remove(0);
    assert_eq!(sent.msg_id.to_string(), answer["MsgID"].as_str().unwrap());
    assert_eq!((sent.to.to_string().as_str(), sent.to_name.as_str()), ("friend/12", "李雷"));
    assert_eq!(sent.text, "收到 <3");
    assert_eq!(client.sync().await["AddMsgCount"], 0);

    let taken_back = json!({"SvrMsgId": answer["MsgID"], "ToUserName": to, "ClientMsgId": "17000000000000001"});
    assert_eq!(client.post("webwxrevokemsg", taken_back).await["BaseResponse"]["Ret"], 0);
    assert!(world.sent(UIN)[0].revoked);
    assert_eq!(world.violations(), []);
}

#[tokio::test]
async fn a_status_notification_makes_the_phone_list_its_chats() {
    let simulator = simulator().await;
    let mut client = Client::log_in(&simulator, UIN).await;
    let notify = json!({
        "Code": 3, "FromUserName": client.myself(), "ToUserName": client.myself(), "ClientMsgId": 1,
    });
    client.post("webwxstatusnotify", notify).await;
    let batch = client.sync().await;
    let message = &batch["AddMsgList"][0];
    assert_eq!((&message["MsgType"], &message["StatusNotifyCode"]), (&json!(51), &json!(4)));
    let family = simulator.world().user_name(UIN, "家").unwrap();
    assert!(message["StatusNotifyUserName"].as_str().unwrap().contains(&family));
}

#[tokio::test]
async fn a_second_login_ends_the_first() {
    let simulator = simulator().await;
    let world = simulator.world();
    let first = Client::log_in(&simulator, UIN).await;
    let second = Client::log_in(&simulator, UIN).await;
    assert_ne!(first.myself(), second.myself(), "user names are new at every login");
    assert_eq!(first.synccheck().await, "window.synccheck={retcode:\"1101\",selector:\"0\"}");
    assert_eq!(first.sync_again().await["BaseResponse"]["Ret"], 1101);
    world.kick(UIN).unwrap();
    assert_eq!(second.synccheck().await, "window.synccheck={retcode:\"1101\",selector:\"0\"}");
    world.wait_offline(UIN).await;
}

#[tokio::test]
async fn a_push_login_needs_no_qr_code() {
    let simulator = simulator().await;
    let world = simulator.world();
    let mut client = Client::log_in(&simulator, UIN).await;
    world.kick(UIN).unwrap();
    let answer = client.get("webwxpushloginurl", &[("uin", &UIN.to_string()), ("mod", "desktop")]).await;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["ret"], &answer["msg"]), (&json!("0"), &json!("all ok")));
    client.uuid = answer["uuid"].as_str().unwrap().to_owned();
    assert_eq!(world.wait_push_login(UIN).await, client.uuid);
    assert!(client.poll_login(1).await.contains("201"));
    world.confirm_push_login(UIN).unwrap();
    let reply = client.poll_login(0).await;
    client.open(&reply).await;
    client.start().await;
    world.wait_online(UIN).await;
    assert_eq!(world.violations(), []);
}

#[tokio::test]
async fn an_account_without_web_access_needs_desktop_mode() {
    let simulator = simulator().await;
    let world = simulator.world();
    world.account(AccountSpec::new(9, "no web").no_web());
    world.auto_scan([9]).unwrap();
    let mut client = Client::with_query(&simulator, "").await;
    let reply = client.poll_login(1).await;
    assert!(client.open(&reply).await.contains("<ret>1203</ret>"));
    world.configure(&Settings { login_status: Some(301), ..Settings::default() });
    assert!(client.open(&reply).await.contains("<ret>1203</ret>"), "with status 301 too");
    let mut client = Client::new(&simulator).await;
    let reply = client.poll_login(1).await;
    assert!(client.open(&reply).await.contains("<ret>0</ret>"));
}

#[tokio::test]
async fn contact_changes_are_reported() {
    let simulator = simulator().await;
    let world = simulator.world();
    let mut client = Client::log_in(&simulator, UIN).await;
    world.edit_contact(UIN, "李雷", |person| person.nick_name = "李大雷".into()).unwrap();
    world.add_member(UIN, "家", simulator::Member::new("四姨")).unwrap();
    world.remove_contact(UIN, "Friend 2").unwrap();
    assert_eq!(client.synccheck().await, "window.synccheck={retcode:\"0\",selector:\"4\"}");
    let batch = client.sync().await;
    assert_eq!(names(&batch["ModContactList"]), ["李大雷", "家"]);
    assert_eq!(batch["ModContactList"][1]["MemberCount"], 4);
    assert_eq!(batch["DelContactCount"], 1);
}
