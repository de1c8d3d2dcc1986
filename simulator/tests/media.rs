//! Inbound and outbound media, friend requests, and groups that a client creates.

mod common;

use std::time::Duration;

use common::Client;
use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use simulator::{AccountSpec, Article, Config, Fault, From, Kind, Person, Push, SentKind, Settings, Simulator};

const UIN: u64 = 7;
const CHUNK: usize = 512 * 1024;

async fn logged_in() -> (Simulator, Client) {
    let config = Config { long_poll: Duration::from_millis(50), ..Config::default() };
    let simulator = Simulator::start_with("127.0.0.1:0", config).await.unwrap();
    simulator.world().account(AccountSpec::new(UIN, "me").friends(3).groups(1, 5));
    let client = Client::log_in(&simulator, UIN).await;
    (simulator, client)
}

fn rules(simulator: &Simulator) -> Vec<&'static str> {
    simulator.world().violations().iter().map(|violation| violation.rule).collect()
}

#[tokio::test]
async fn media_of_messages_can_be_fetched() {
    let (simulator, mut client) = logged_in().await;
    let world = simulator.world();
    let from = || From::friend("Friend 1");
    world.push(UIN, &Push::kind(from(), Kind::Picture { width: 16, height: 16 })).unwrap();
    world.push(UIN, &Push::kind(from(), Kind::Voice { length_ms: 900 })).unwrap();
    world.push(UIN, &Push::kind(from(), Kind::Video { seconds: 2 }).media(*b"0123ftypx")).unwrap();
    world.push(UIN, &Push::kind(from(), Kind::File { name: "a & b.txt".into() }).media(*b"inside")).unwrap();
    let batch = client.sync().await;
    let rows = batch["AddMsgList"].as_array().unwrap();
    let types: Vec<&Value> = rows.iter().map(|row| &row["MsgType"]).collect();
    assert_eq!(types, [3, 34, 43, 49]);
    let skey = client.keys["skey"].clone();
    let id = |at: usize| rows[at]["MsgId"].as_str().unwrap();

    let (status, kind, bytes) = client.fetch("webwxgetmsgimg", &[("MsgID", id(0)), ("skey", &skey)], false).await;
    assert_eq!((status, kind.as_str(), &bytes[..4]), (200, "image/png", &b"\x89PNG"[..]));
    let (_, kind, _) = client.fetch("webwxgetvoice", &[("msgid", id(1)), ("skey", &skey)], false).await;
    assert_eq!(kind, "audio/mp3");
    let (status, _, bytes) = client.fetch("webwxgetvideo", &[("msgid", id(2)), ("skey", &skey)], true).await;
    assert_eq!((status, bytes.as_slice()), (206, &b"0123ftypx"[..]));

    let file = &rows[3];
    assert_eq!((&file["FileName"], &file["FileSize"]), (&json!("a &amp; b.txt"), &json!("6")));
    let uin = UIN.to_string();
    let query = [
        ("sender", file["FromUserName"].as_str().unwrap()),
        ("mediaid", file["MediaId"].as_str().unwrap()),
        ("encryfilename", file["EncryFileName"].as_str().unwrap()),
        ("fromuser", &uin),
        ("pass_ticket", "undefined"),
        ("webwx_data_ticket", &client.keys["webwx_data_ticket"]),
    ];
    let (_, _, bytes) = client.fetch("webwxgetmedia", &query, false).await;
    assert_eq!(bytes, b"inside");
    assert_eq!(rules(&simulator), [""; 0]);

    let (status, _, bytes) = client.fetch("webwxgetvideo", &[("msgid", id(2)), ("skey", &skey)], false).await;
    assert_eq!((status, bytes.as_slice()), (200, &b""[..]));
    let (_, _, bytes) = client.fetch("webwxgetmedia", &query[..5], false).await;
    assert_eq!(bytes, b"");
    assert_eq!(rules(&simulator), ["range_missing", "data_ticket_wrong"]);
}

#[tokio::test]
async fn a_picture_has_a_small_and_a_large_version() {
    let (simulator, mut client) = logged_in().await;
    let picture = Push::kind(From::friend("Friend 1"), Kind::Picture { width: 16, height: 16 }).media(*b"large");
    simulator.world().push(UIN, &picture).unwrap();
    simulator.world().push(UIN, &Push::kind(From::friend("Friend 1"), Kind::Sticker)).unwrap();
    let batch = client.sync().await;
    let id = |at: usize| batch["AddMsgList"][at]["MsgId"].as_str().unwrap();
    let skey = client.keys["skey"].clone();
    let fetch = async |page: &str, id: &str, size: &str| {
        client.fetch(page, &[("MsgID", id), ("skey", &skey), ("type", size)], false).await
    };
    assert_eq!(fetch("webwxgetmsgimg", id(0), "").await.2, b"large");
    assert_ne!(fetch("webwxgetmsgimg", id(0), "slave").await.2, b"large");
    assert_eq!(fetch("webwxgetmsgimg", id(1), "big").await.1, "image/gif");
    assert_eq!(rules(&simulator), [""; 0]);
    assert_eq!(fetch("webwxgetmsgimg", id(0), "huge").await.2, b"");
    assert_eq!(fetch("webwxgetvoice", id(0), "").await.2, b"");
    assert_eq!(rules(&simulator), ["picture_type", "media_unknown"]);
}

#[tokio::test]
async fn media_break_off_or_come_slowly() {
    let (simulator, mut client) = logged_in().await;
    let world = simulator.world();
    let picture = Push::kind(From::friend("Friend 1"), Kind::Picture { width: 1, height: 1 }).media(vec![1; 100]);
    world.push(UIN, &picture).unwrap();
    let batch = client.sync().await;
    let id = batch["AddMsgList"][0]["MsgId"].as_str().unwrap();
    world.fault(Fault::on("webwxgetmsgimg").cut_after(10));
    world.fault(Fault::on("webwxgetmsgimg").status(200).body(""));
    world.fault(Fault::on("webwxgetmsgimg").bytes_per_s(10_000));
    let address = format!("webwxgetmsgimg?MsgID={id}");
    assert!(client.try_get(&address, &[]).await.is_err(), "fewer bytes than announced");
    assert_eq!(client.try_get(&address, &[]).await.unwrap(), "");
    assert_eq!(client.try_get(&address, &[]).await.unwrap().len(), 100);
}

#[tokio::test]
async fn the_picture_of_a_member_needs_its_room() {
    let (simulator, client) = logged_in().await;
    let world = simulator.world();
    let room = world.user_name(UIN, "Group 1").unwrap();
    let answer = client
        .post("webwxbatchgetcontact?type=ex", json!({"Count": 1, "List": [{"UserName": room, "EncryChatRoomId": ""}]}))
        .await;
    let encry = answer["ContactList"][0]["EncryChatRoomId"].as_str().unwrap();
    let member = answer["ContactList"][0]["MemberList"][4]["UserName"].as_str().unwrap();
    let friend = world.user_name(UIN, "Friend 1").unwrap();
    let skey = client.keys["skey"].clone();
    let fetch = async |name: &str, room: &str| {
        client.fetch("webwxgeticon", &[("username", name), ("skey", &skey), ("chatroomid", room)], false).await.2
    };
    assert!(!fetch(member, encry).await.is_empty());
    assert!(!fetch(&friend, "").await.is_empty() && !fetch(&friend, encry).await.is_empty());
    assert_eq!(rules(&simulator), [""; 0]);
    assert!(fetch(member, "").await.is_empty() && fetch(member, "@wrong").await.is_empty());
    assert_eq!(rules(&simulator), ["avatar_room", "avatar_room"]);
}

#[tokio::test]
async fn a_message_is_recalled_once_and_in_time() {
    let (simulator, client) = logged_in().await;
    let world = simulator.world();
    let id = client.send_text("filehelper", "oops").await["MsgID"].clone();
    let recall = json!({"SvrMsgId": id, "ToUserName": "filehelper", "ClientMsgId": "17000000000000001"});
    let elsewhere = json!({"SvrMsgId": id, "ToUserName": client.myself(), "ClientMsgId": "17000000000000001"});
    assert_eq!(client.post("webwxrevokemsg", elsewhere).await["BaseResponse"]["Ret"], 1);
    assert_eq!(client.post("webwxrevokemsg", recall.clone()).await["BaseResponse"]["Ret"], 0);
    assert!(world.sent(UIN)[0].revoked);
    assert_eq!(client.post("webwxrevokemsg", recall).await["BaseResponse"]["Ret"], 1);
    let late = client.send_text("filehelper", "late").await["MsgID"].clone();
    world.configure(&Settings { revoke_window_ms: Some(0), ..Settings::default() });
    let recall = json!({"SvrMsgId": late, "ToUserName": "filehelper", "ClientMsgId": "17000000000000001"});
    assert_eq!(client.post("webwxrevokemsg", recall).await["BaseResponse"]["Ret"], 1);
    assert!(!world.sent(UIN)[1].revoked);
    assert_eq!(rules(&simulator), ["revoke_unknown"]);
}

#[tokio::test]
async fn only_contacts_have_remarks() {
    let (simulator, mut client) = logged_in().await;
    let world = simulator.world();
    let remark =
        |name: &str| json!({"CmdId": 2, "RemarkName": "老王", "UserName": world.user_name(UIN, name).unwrap()});
    assert_eq!(client.post("webwxoplog", remark("Friend 1")).await["BaseResponse"]["Ret"], 0);
    assert_eq!(client.post("webwxoplog", remark("Group 1")).await["BaseResponse"]["Ret"], 1);
    assert_eq!(client.sync().await["ModContactList"][0]["RemarkName"], "老王");
    assert_eq!(rules(&simulator), ["remark"]);
}

#[tokio::test]
async fn quotes_posts_and_raw_entries_are_pushed() {
    let (simulator, mut client) = logged_in().await;
    let world = simulator.world();
    let article = |title: &str| Article {
        title: title.into(),
        url: "http://a".into(),
        digest: String::new(),
        cover: String::new(),
    };
    let quote = Kind::Quote { text: "yes".into(), msg_id: "7".into(), sender: "A".into(), quoted: "a < b".into() };
    let from = || From::friend("Friend 1");
    world.push(UIN, &Push::kind(from(), Kind::Post { articles: vec![article("A & B"), article("C")] })).unwrap();
    world.push(UIN, &Push::kind(from(), quote)).unwrap();
    let raw = r#"{"FromUserName":"{{from}}","ToUserName":"{{to}}","MsgId":"{{id}}"}"#;
    let id = world.push(UIN, &Push::entry(from(), raw)).unwrap();
    let batch = client.sync().await;
    let rows = batch["AddMsgList"].as_array().unwrap();
    assert_eq!((&rows[0]["AppMsgType"], &rows[0]["FileName"]), (&json!(5), &json!("A &amp; B")));
    assert_eq!(rows[0]["Content"].as_str().unwrap().matches("item&gt;").count(), 4);
    assert!(rows[1]["Content"].as_str().unwrap().contains("&lt;content&gt;a &amp;lt; b&lt;/content&gt;"));
    let friend = world.user_name(UIN, "Friend 1").unwrap();
    assert_eq!(rows[2], json!({"FromUserName": friend, "ToUserName": client.myself(), "MsgId": id.to_string()}));
    assert_eq!(batch["AddMsgCount"], 3);
}

#[tokio::test]
async fn avatars_are_the_same_in_every_session() {
    let (simulator, client) = logged_in().await;
    let picture = async |client: &Client| {
        let address = client.init["ContactList"][1]["HeadImgUrl"].as_str().unwrap().to_owned();
        let page = address.trim_start_matches("/cgi-bin/mmwebwx-bin/");
        (page.split('&').next().unwrap().to_owned(), client.fetch(page, &[], false).await.2)
    };
    let first = picture(&client).await;
    assert!(first.0.starts_with("webwxgeticon?seq=") && !first.1.is_empty(), "{}", first.0);
    let again = Client::log_in(&simulator, UIN).await;
    assert_eq!(first, picture(&again).await);
    assert_eq!(rules(&simulator), [""; 0]);
}

#[tokio::test]
async fn a_chunked_upload_can_be_sent_as_a_picture() {
    let (simulator, client) = logged_in().await;
    let world = simulator.world();
    let file: Vec<u8> = (0..CHUNK + 10).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let md5 = json!({"FileMd5": HEXLOWER.encode(&Md5::digest(&file))});
    let first = client.upload(&file[..CHUNK], file.len(), Some((0, 2)), md5.clone()).await;
    assert_eq!(first["MediaId"], "");
    let last = client.upload(&file[CHUNK..], file.len(), Some((1, 2)), md5).await;
    let media_id = last["MediaId"].as_str().unwrap();
    assert_eq!(&world.upload(media_id).unwrap().bytes[..], &file[..]);

    let msg = json!({
        "Type": 3, "MediaId": media_id, "FromUserName": client.myself(), "ToUserName": "filehelper",
        "LocalID": "1", "ClientMsgId": "1",
    });
    client.post("webwxsendmsgimg?fun=async&f=json", json!({"Msg": msg, "Scene": 0})).await;
    let sent = world.wait_sent(UIN, 1).await.remove(0);
    assert_eq!((sent.kind, sent.media_id.as_str()), (SentKind::Image, media_id));
    assert_eq!(rules(&simulator), [""; 0]);
}

#[tokio::test]
async fn a_file_message_refers_to_its_upload() {
    let (simulator, client) = logged_in().await;
    let upload = client.upload(b"hello", 5, None, Value::Null).await;
    let media_id = upload["MediaId"].as_str().unwrap();
    let content = format!(
        "<appmsg appid='' sdkver=''><title>a.txt</title><type>6</type><appattach><totallen>5</totallen>\
         <attachid>{media_id}</attachid><fileext>txt</fileext></appattach></appmsg>"
    );
    let msg = json!({
        "Type": 6, "Content": content, "FromUserName": client.myself(), "ToUserName": "filehelper",
        "LocalID": "1", "ClientMsgId": "1",
    });
    client.post("webwxsendappmsg?fun=async&f=json", json!({"Msg": msg.clone(), "Scene": 0})).await;
    assert_eq!(simulator.world().wait_sent(UIN, 1).await[0].media_id, media_id);
    assert_eq!(rules(&simulator), [""; 0]);

    let mut wrong = msg;
    wrong["Content"] = content.replace(media_id, "@nothing").into();
    let answer = client.post("webwxsendappmsg?fun=async&f=json", json!({"Msg": wrong, "Scene": 0})).await;
    assert_eq!(answer["BaseResponse"]["Ret"], 1);
    assert_eq!(rules(&simulator), ["media_id_unknown"]);
}

#[tokio::test]
async fn invalid_uploads_are_refused() {
    let (simulator, client) = logged_in().await;
    client.upload(&[0; 10], CHUNK + 10, Some((1, 2)), Value::Null).await;
    client.upload(&[0; 10], CHUNK + 10, Some((0, 2)), Value::Null).await;
    client.upload(&[0; 10], 10, Some((0, 1)), Value::Null).await;
    client.upload(&[0; 10], 10, None, json!({"FileMd5": "0123456789abcdef0123456789abcdef"})).await;
    assert_eq!(rules(&simulator), ["chunk_order", "chunk_numbers", "chunk_numbers", "md5_wrong"]);
}

#[tokio::test]
async fn a_large_file_needs_checkupload() {
    let (simulator, client) = logged_in().await;
    let size = 25 * 1024 * 1024 + 1;
    let (chunk, chunks) = (vec![0; CHUNK], Some((0, 51)));
    client.upload(&chunk, size, chunks, json!({"ClientMediaId": 1})).await;
    assert_eq!(rules(&simulator), ["upload_not_announced"]);
    simulator.world().clear_violations();
    let request = json!({
        "FileMd5": "0123456789abcdef0123456789abcdef", "FileName": "big", "FileSize": size, "FileType": 7,
        "FromUserName": client.myself(), "ToUserName": "filehelper",
    });
    let permit = client.post("webwxcheckupload", request).await;
    let keys = json!({"AESKey": permit["AESKey"], "Signature": permit["Signature"], "ClientMediaId": 2});
    client.upload(&chunk, size, chunks, keys).await;
    assert_eq!(rules(&simulator), [""; 0]);
}

#[tokio::test]
async fn a_friend_request_is_accepted_with_its_ticket() {
    let (simulator, mut client) = logged_in().await;
    let request = Kind::FriendRequest { person: Person::new("王五"), words: "我是王五".into() };
    simulator.world().push(UIN, &Push::kind(From::Special("fmessage".into()), request)).unwrap();
    let batch = client.sync().await;
    let row = &batch["AddMsgList"][0];
    assert_eq!((&row["MsgType"], &row["FromUserName"], &row["Ticket"]), (&json!(37), &json!("fmessage"), &json!("")));
    let info = &row["RecommendInfo"];
    let accept = |ticket: &Value| {
        json!({
            "Opcode": 3, "VerifyUserListSize": 1, "VerifyContent": "", "SceneListCount": 1, "SceneList": [33],
            "VerifyUserList": [{"Value": info["UserName"], "VerifyUserTicket": ticket}],
            "skey": client.keys["skey"],
        })
    };
    assert_eq!(client.post("webwxverifyuser", accept(&json!("v2_wrong"))).await["BaseResponse"]["Ret"], 1);
    assert_eq!(client.post("webwxverifyuser", accept(&info["Ticket"])).await["BaseResponse"]["Ret"], 0);
    assert_eq!(client.sync().await["ModContactList"][0]["UserName"], info["UserName"]);
    simulator.world().push_text(UIN, From::friend("王五"), "你好").unwrap();
    assert_eq!(client.sync().await["AddMsgList"][0]["FromUserName"], info["UserName"]);
    assert_eq!(rules(&simulator), ["verify_ticket"]);
}

#[tokio::test]
async fn a_client_creates_and_renames_a_group() {
    let (simulator, mut client) = logged_in().await;
    let world = simulator.world();
    let name = |friend: &str| json!({"UserName": world.user_name(UIN, friend).unwrap()});
    let members = json!([name("Friend 1"), name("Friend 2")]);
    let made =
        client.post("webwxcreatechatroom", json!({"MemberCount": 2, "MemberList": members, "Topic": "新"})).await;
    let room = &made["ChatRoomName"];
    client.post("webwxupdatechatroom?fun=modtopic", json!({"ChatRoomName": room, "NewTopic": "新新"})).await;
    let added = json!({"ChatRoomName": room, "AddMemberList": world.user_name(UIN, "Friend 3").unwrap()});
    client.post("webwxupdatechatroom?fun=addmember", added).await;
    let batch = client.sync().await;
    let last = &batch["ModContactList"][2];
    assert_eq!((&last["UserName"], &last["NickName"], &last["MemberCount"]), (room, &json!("新新"), &json!(4)));
    assert_eq!(rules(&simulator), [""; 0]);
}

#[tokio::test]
async fn a_location_is_a_text_message_with_its_address() {
    let (simulator, mut client) = logged_in().await;
    let place = Kind::Location {
        latitude: "31.230000".into(),
        longitude: "121.470000".into(),
        label: "人民广场 & 南京路".into(),
        poi_name: "广场".into(),
    };
    simulator.world().push(UIN, &Push::kind(From::member("Group 1", "Friend 1"), place)).unwrap();
    let batch = client.sync().await;
    let row = &batch["AddMsgList"][0];
    assert_eq!((&row["MsgType"], &row["SubMsgType"]), (&json!(1), &json!(48)));
    assert_eq!(row["Content"].as_str().unwrap().matches(":<br/>").count(), 2);
    assert!(row["OriContent"].as_str().unwrap().contains("label=\"人民广场 &amp; 南京路\""));
}
