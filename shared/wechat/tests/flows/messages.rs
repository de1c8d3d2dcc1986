//! Messages both ways.

use crate::support::{Stage, UIN};
use domain::{
    contact::ContactKind,
    message::{Content, Direction},
};
use serde_json::json;
use simulator::{AccountSpec, ContactRef, From, Group, Push};
use wechat::{Channel, Cursor, Incoming, Opened, Session};

async fn stage() -> (Stage, Opened<Session, Cursor>) {
    let spec = AccountSpec::new(UIN, "小明 & 😄")
        .friends(2)
        .official_accounts(1)
        .group(Group { my_display_name: "班长".into(), ..Group::new("家").members(["Friend 1", "三叔"]) })
        .group(Group::new("密").members(["三叔"]).unsaved());
    let stage = Stage::set(spec).await;
    let mut opened = stage.log_in().await;
    // The phone's answer to webwxstatusnotify comes first.
    let cursor = opened.cursor.clone();
    while !stage.client.wait(&mut opened.session, &cursor).await.unwrap() {}
    let batch = stage.client.fetch(&mut opened.session, &cursor).await.unwrap();
    assert_eq!(batch.messages, []);
    assert!(batch.mentioned.contains(&stage.name("密")), "{:?}", batch.mentioned);
    opened.cursor = batch.cursor;
    (stage, opened)
}

/// Everything that waits, as the worker fetches it.
async fn drain(stage: &Stage, opened: &mut Opened<Session, Cursor>) -> Vec<Incoming> {
    let mut messages = Vec::new();
    assert!(stage.client.wait(&mut opened.session, &opened.cursor).await.unwrap());
    loop {
        let batch = stage.client.fetch(&mut opened.session, &opened.cursor).await.unwrap();
        messages.extend(batch.messages);
        opened.cursor = batch.cursor;
        if !batch.more {
            return messages;
        }
    }
}

#[tokio::test]
async fn a_quiet_poll_brings_nothing() {
    let (stage, mut opened) = stage().await;
    assert!(!stage.client.wait(&mut opened.session, &opened.cursor).await.unwrap());
    let before = opened.session.clone();
    let batch = stage.client.fetch(&mut opened.session, &opened.cursor).await.unwrap();
    assert_eq!((batch.messages.len(), batch.more), (0, false));
    assert_eq!(opened.session, before, "nothing to keep");
    stage.assert_clean();
}

#[tokio::test]
async fn text_comes_as_it_was_written() {
    let (stage, mut opened) = stage().await;
    let written = "你好 <b>&amp;</b>\n😂 🇨🇳 1️⃣ 👐 \"q\" <br/>";
    let id = stage.world.push_text(UIN, From::friend("Friend 1"), written).unwrap();
    let messages = drain(&stage, &mut opened).await;
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(message.id, i64::try_from(id).unwrap());
    assert!(message.id > 1 << 53);
    assert_eq!(message.content, Content::Text { text: written.into() });
    assert_eq!((message.direction, message.is_at), (Direction::In, None));
    let friend = stage.name("Friend 1");
    assert_eq!((&message.chat, message.sender.as_ref()), (&friend, Some(&friend)));
    stage.assert_clean();
}

#[tokio::test]
async fn groups_have_senders_and_mentions() {
    let (stage, mut opened) = stage().await;
    let home = stage.name("家");
    stage.client.describe(&mut opened.session, std::slice::from_ref(&home)).await.unwrap();
    for text in ["hi", "@小明 & 😄\u{2005}在吗", "@班长\u{2005}在吗", "@三叔\u{2005}在吗"] {
        stage.world.push_text(UIN, From::member("家", "Friend 1"), text).unwrap();
    }
    let messages = drain(&stage, &mut opened).await;
    let mentions: Vec<Option<bool>> = messages.iter().map(|message| message.is_at).collect();
    assert_eq!(mentions, [Some(false), Some(true), Some(true), Some(false)]);
    for message in &messages {
        assert_eq!(message.chat, home);
        assert_eq!(message.sender, Some(stage.name("Friend 1")));
    }
    assert_eq!(messages[1].content, Content::Text { text: "@小明 & 😄\u{2005}在吗".into() });
    stage.assert_clean();
}

#[tokio::test]
async fn the_phone_is_heard_and_we_are_not_echoed() {
    let (stage, mut opened) = stage().await;
    let friend = stage.name("Friend 1");
    stage.client.send_text(&mut opened.session, &friend, "from here", "1").await.unwrap();
    stage.world.push_text(UIN, From::phone("家"), "from the phone").unwrap();
    let messages = drain(&stage, &mut opened).await;
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((message.direction, &message.chat), (Direction::Out, &stage.name("家")));
    assert_eq!(message.sender.as_deref(), Some(opened.session.user_name()));
    assert_eq!(message.content, Content::Text { text: "from the phone".into() });
    stage.assert_clean();
}

#[tokio::test]
async fn an_official_account_is_a_chat_of_its_own() {
    let (stage, mut opened) = stage().await;
    let fields =
        json!({"MsgType": 49, "AppMsgType": 5, "FileName": "News &amp; more", "Url": "http://mp/?a=1&amp;b=2"});
    let push = Push::raw(From::official_account("Official 1"), fields.as_object().unwrap().clone());
    stage.world.push(UIN, &push).unwrap();
    let messages = drain(&stage, &mut opened).await;
    assert_eq!(messages[0].chat, stage.name("Official 1"));
    assert_eq!(messages[0].content, Content::Sharing { url: "http://mp/?a=1&b=2".into(), text: "News & more".into() });
    stage.assert_clean();
}

#[tokio::test]
async fn every_batch_is_fetched_and_an_old_cursor_brings_it_again() {
    let (stage, mut opened) = stage().await;
    let ids: Vec<i64> = (0..12)
        .map(|n| stage.world.push_text(UIN, From::friend("Friend 2"), n.to_string()).unwrap().cast_signed())
        .collect();
    let old = opened.cursor.clone();
    let first = stage.client.fetch(&mut opened.session, &old).await.unwrap();
    assert_eq!((first.messages.len(), first.more), (5, true));
    let again = stage.client.fetch(&mut opened.session, &old).await.unwrap();
    assert_eq!(again, first);
    let messages = drain(&stage, &mut opened).await;
    assert_eq!(messages.iter().map(|message| message.id).collect::<Vec<_>>(), ids);
    assert!(!stage.client.wait(&mut opened.session, &opened.cursor).await.unwrap());
    stage.assert_clean();
}

#[tokio::test]
async fn changes_of_contacts_come_with_the_messages() {
    let (stage, mut opened) = stage().await;
    let (friend, gone) = (stage.name("Friend 1"), stage.name("Friend 2"));
    stage.world.edit_contact(UIN, "Friend 1", |person| person.remark_name = "A & B".into()).unwrap();
    stage.world.edit_group(UIN, "家", |group| group.my_display_name = "舵手".into()).unwrap();
    stage.world.remove_contact(UIN, "Friend 2").unwrap();
    let batch = stage.client.fetch(&mut opened.session, &opened.cursor).await.unwrap();
    assert_eq!(batch.deleted, [gone]);
    let kinds: Vec<ContactKind> = batch.changed.iter().map(|card| card.kind).collect();
    assert_eq!(kinds, [ContactKind::Friend, ContactKind::Group]);
    assert_eq!((&batch.changed[0].user_name, batch.changed[0].remark_name.as_deref()), (&friend, Some("A & B")));
    assert_eq!(batch.changed[1].members.len(), 3);
    opened.cursor = batch.cursor;
    stage.world.push_text(UIN, From::member("家", "三叔"), "@舵手\u{2005}").unwrap();
    let messages = drain(&stage, &mut opened).await;
    assert_eq!(messages[0].is_at, Some(true), "the new name was learned");
    stage.assert_clean();
}

#[tokio::test]
async fn text_goes_out_unescaped() {
    let (stage, mut opened) = stage().await;
    let text = "你好 <b> & \"q\" \\ \n😄";
    for (to, client_id) in [("Friend 1", "17000000000001"), ("家", "17000000000002")] {
        let name = stage.name(to);
        let sent = stage.client.send_text(&mut opened.session, &name, text, client_id).await.unwrap();
        let record = stage.world.sent(UIN).pop().unwrap();
        assert_eq!((sent.id, record.to_name.as_str()), (record.msg_id.cast_signed(), to));
        assert_eq!(record.text, text);
        assert_eq!((record.local_id.as_str(), record.client_msg_id.as_str()), (client_id, client_id));
    }
    stage.client.send_text(&mut opened.session, "filehelper", "bell\u{7}", "3").await.unwrap();
    let record = stage.world.sent(UIN).pop().unwrap();
    assert!(matches!(record.to, ContactRef::Special(_)));
    assert_eq!(record.text, "bell");
    stage.assert_clean();
}

#[tokio::test]
async fn a_poll_may_be_dropped_and_taken_up_again() {
    let (stage, mut opened) = stage().await;
    let idle = stage.client.wait(&mut opened.session, &opened.cursor);
    tokio::select! {
        biased;
        _ = idle => panic!("nothing came"),
        () = stage.world.wait_polling(UIN) => {}
    }
    stage.world.push_text(UIN, From::friend("Friend 1"), "later").unwrap();
    assert_eq!(drain(&stage, &mut opened).await.len(), 1);
    stage.assert_clean();
}
