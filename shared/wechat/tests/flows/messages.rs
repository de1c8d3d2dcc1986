//! Inbound and outbound messages.

use channel::{Error, Incoming, Opened, Peer};
use domain::{
    contact::ContactKind,
    message::{Content, Direction, Refer},
};
use serde_json::json;
use simulator::{AccountSpec, Article, ContactRef, From, Group, Kind, Push, Settings};

use crate::support::{self, Stage, UIN};

async fn stage() -> (Stage, Opened) {
    let spec = AccountSpec::new(UIN, "小明 & 😄")
        .friends(2)
        .official_accounts(1)
        .group(Group { my_display_name: "班长".into(), ..Group::new("家").members(["Friend 1", "三叔"]) })
        .group(Group::new("密").members(["三叔"]).unsaved());
    let stage = Stage::set(spec).await;
    let mut opened = stage.log_in().await;
    // The first batch is the phone's answer to webwxstatusnotify.
    while !opened.connection.wait(&opened.cursor).await.unwrap() {}
    let batch = opened.connection.fetch(&opened.cursor).await.unwrap();
    assert_eq!(batch.messages, []);
    assert!(batch.mentioned.contains(&stage.group("密")), "{:?}", batch.mentioned);
    opened.cursor = batch.cursor;
    (stage, opened)
}

/// Waits for messages and fetches all of them.
async fn drain(opened: &mut Opened) -> Vec<Incoming> {
    assert!(opened.connection.wait(&opened.cursor).await.unwrap());
    support::drain(opened).await
}

#[tokio::test]
async fn a_poll_without_news_changes_nothing() {
    let (stage, mut opened) = stage().await;
    assert!(!opened.connection.wait(&opened.cursor).await.unwrap());
    let before = opened.connection.credentials();
    let batch = opened.connection.fetch(&opened.cursor).await.unwrap();
    assert_eq!((batch.messages.len(), batch.more), (0, false));
    assert_eq!(opened.connection.credentials(), before, "there is nothing to store");
    stage.assert_clean();
}

#[tokio::test]
async fn received_text_is_decoded() {
    let (stage, mut opened) = stage().await;
    let written = "你好 <b>&amp;</b>\n😂 🇨🇳 1️⃣ 👐 \"q\" <br/>";
    let id = stage.world.push_text(UIN, From::friend("Friend 1"), written).unwrap();
    let messages = drain(&mut opened).await;
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(message.id, i64::try_from(id).unwrap());
    assert!(message.id > 1 << 53);
    assert_eq!(message.content, Content::Text { text: written.into() });
    assert_eq!((message.direction, message.is_at), (Direction::In, None));
    let friend = stage.person("Friend 1");
    assert_eq!((&message.chat, message.sender.as_ref()), (&friend, Some(&friend)));
    stage.assert_clean();
}

#[tokio::test]
async fn messages_in_a_group_have_senders_and_mentions() {
    let (stage, mut opened) = stage().await;
    let home = stage.group("家");
    opened.connection.describe(std::slice::from_ref(&home)).await.unwrap();
    for text in ["hi", "@小明 & 😄\u{2005}在吗", "@班长\u{2005}在吗", "@三叔\u{2005}在吗"] {
        stage.world.push_text(UIN, From::member("家", "Friend 1"), text).unwrap();
    }
    let messages = drain(&mut opened).await;
    let mentions: Vec<Option<bool>> = messages.iter().map(|message| message.is_at).collect();
    assert_eq!(mentions, [Some(false), Some(true), Some(true), Some(false)]);
    for message in &messages {
        assert_eq!(message.chat, home);
        assert_eq!(message.sender, Some(stage.person("Friend 1")));
    }
    assert_eq!(messages[1].content, Content::Text { text: "@小明 & 😄\u{2005}在吗".into() });
    stage.assert_clean();
}

#[tokio::test]
async fn the_phones_messages_arrive_and_our_own_do_not() {
    let (stage, mut opened) = stage().await;
    opened.connection.send_text(&stage.person("Friend 1"), "from here", "1").await.unwrap();
    stage.world.push_text(UIN, From::phone("家"), "from the phone").unwrap();
    let messages = drain(&mut opened).await;
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((message.direction, &message.chat), (Direction::Out, &stage.group("家")));
    assert_eq!(message.sender, Some(Peer::new(&*opened.user.user_name, ContactKind::Myself)));
    assert_eq!(message.content, Content::Text { text: "from the phone".into() });
    stage.assert_clean();
}

#[tokio::test]
async fn an_official_account_is_a_chat() {
    let (stage, mut opened) = stage().await;
    let fields =
        json!({"MsgType": 49, "AppMsgType": 5, "FileName": "News &amp; more", "Url": "http://mp/?a=1&amp;b=2"});
    let push = Push::raw(From::official_account("Official 1"), fields.as_object().unwrap().clone());
    stage.world.push(UIN, &push).unwrap();
    let messages = drain(&mut opened).await;
    assert_eq!(messages[0].chat, stage.person("Official 1"));
    assert_eq!(
        messages[0].content,
        Content::Sharing { url: "http://mp/?a=1&b=2".into(), text: "News & more".into(), articles: Vec::new() }
    );
    stage.assert_clean();
}

#[tokio::test]
async fn a_post_has_its_articles_and_a_quote_what_it_quotes() {
    let (stage, mut opened) = stage().await;
    let article = |title: &str, url: &str, digest: &str| Article {
        title: title.into(),
        url: url.into(),
        digest: digest.into(),
        cover: "http://mp/c?x=1&y=2".into(),
    };
    let articles = vec![article("A & B", "http://mp/?a=1&b=2", "一"), article("<C>", "http://mp/c", "")];
    stage.world.push(UIN, &Push::kind(From::official_account("Official 1"), Kind::Post { articles })).unwrap();
    let quote = Kind::Quote {
        text: "@小明 & 😄\u{2005}好 <的>".into(),
        msg_id: "6050338562629220245".into(),
        sender: "三叔 & co".into(),
        quoted: "吃饭 <吗>?".into(),
    };
    stage.world.push(UIN, &Push::kind(From::member("家", "三叔"), quote)).unwrap();
    let older = "「三叔：吃饭吗」\n- - - - - - - - - - - - - - -\n吃了\n两碗";
    stage.world.push_text(UIN, From::friend("Friend 1"), older).unwrap();
    let messages = drain(&mut opened).await;
    let Content::Sharing { url, text, articles } = &messages[0].content else { panic!("{messages:?}") };
    assert_eq!((url.as_str(), text.as_str(), articles.len()), ("http://mp/?a=1&b=2", "A & B", 2));
    assert_eq!(articles[0].cover.as_deref(), Some("http://mp/c?x=1&y=2"));
    assert_eq!((articles[1].title.as_str(), articles[1].digest.as_deref()), ("<C>", None));
    assert_eq!(messages[1].content, Content::Text { text: "@小明 & 😄\u{2005}好 <的>".into() });
    assert_eq!(messages[1].is_at, Some(true));
    let refer = |id, sender: &str, text: &str| Some(Refer { id, sender: Some(sender.into()), text: text.into() });
    assert_eq!(messages[1].refer, refer(Some(6_050_338_562_629_220_245), "三叔 & co", "吃饭 <吗>?"));
    assert_eq!(messages[2].content, Content::Text { text: "吃了\n两碗".into() });
    assert_eq!(messages[2].refer, refer(None, "三叔", "吃饭吗"));
    stage.assert_clean();
}

#[tokio::test]
async fn a_sent_message_is_recalled_once() {
    let (stage, mut opened) = stage().await;
    let to = stage.person("Friend 1");
    let sent = opened.connection.send_text(&to, "oops", "k").await.unwrap();
    opened.connection.recall(&to, sent.id, "k").await.unwrap();
    assert!(stage.world.sent(UIN)[0].revoked);
    let again = opened.connection.recall(&to, sent.id, "k").await;
    assert_eq!(again, Err(Error::Protocol { reason: "webwxrevokemsg: code 1".into() }));
    let late = opened.connection.send_text(&to, "late", "l").await.unwrap();
    stage.world.configure(&Settings { revoke_window_ms: Some(0), ..Settings::default() });
    assert!(opened.connection.recall(&to, late.id, "l").await.is_err());
    assert!(!stage.world.sent(UIN)[1].revoked);
    stage.assert_clean();
}

#[tokio::test]
async fn all_batches_are_fetched_and_an_old_cursor_repeats_them() {
    let (stage, mut opened) = stage().await;
    let ids: Vec<i64> = (0..12)
        .map(|n| stage.world.push_text(UIN, From::friend("Friend 2"), n.to_string()).unwrap().cast_signed())
        .collect();
    let old = opened.cursor.clone();
    let first = opened.connection.fetch(&old).await.unwrap();
    assert_eq!((first.messages.len(), first.more), (5, true));
    let again = opened.connection.fetch(&old).await.unwrap();
    assert_eq!(again, first);
    let messages = drain(&mut opened).await;
    assert_eq!(messages.iter().map(|message| message.id).collect::<Vec<_>>(), ids);
    assert!(!opened.connection.wait(&opened.cursor).await.unwrap());
    stage.assert_clean();
}

#[tokio::test]
async fn a_batch_reports_changes_of_contacts() {
    let (stage, mut opened) = stage().await;
    let (friend, gone) = (stage.name("Friend 1"), stage.person("Friend 2"));
    stage.world.edit_contact(UIN, "Friend 1", |person| person.remark_name = "A & B".into()).unwrap();
    stage.world.edit_group(UIN, "家", |group| group.my_display_name = "舵手".into()).unwrap();
    stage.world.remove_contact(UIN, "Friend 2").unwrap();
    let batch = opened.connection.fetch(&opened.cursor).await.unwrap();
    assert_eq!(batch.deleted, [gone]);
    let kinds: Vec<ContactKind> = batch.changed.iter().map(|card| card.kind).collect();
    assert_eq!(kinds, [ContactKind::Friend, ContactKind::Group]);
    assert_eq!((&batch.changed[0].user_name, batch.changed[0].remark_name.as_deref()), (&friend, Some("A & B")));
    assert_eq!(batch.changed[1].members.len(), 3);
    opened.cursor = batch.cursor;
    stage.world.push_text(UIN, From::member("家", "三叔"), "@舵手\u{2005}").unwrap();
    let messages = drain(&mut opened).await;
    assert_eq!(messages[0].is_at, Some(true), "the new name is stored");
    stage.assert_clean();
}

#[tokio::test]
async fn sent_text_is_not_escaped() {
    let (stage, mut opened) = stage().await;
    let text = "你好 <b> & \"q\" \\ \n😄";
    let chats = [
        ("Friend 1", stage.person("Friend 1"), "j", "74207161109815705"),
        ("家", stage.group("家"), "0f3c5a7e9b1d2468", "69097131453812587"),
    ];
    for (to, peer, key, client_msg_id) in chats {
        let sent = opened.connection.send_text(&peer, text, key).await.unwrap();
        let record = stage.world.sent(UIN).pop().unwrap();
        assert_eq!((sent.id, record.to_name.as_str()), (record.msg_id.cast_signed(), to));
        assert_eq!(record.text, text);
        assert_eq!((record.local_id.as_str(), record.client_msg_id.as_str()), (client_msg_id, client_msg_id));
    }
    let filehelper = Peer::new("filehelper", ContactKind::Stranger);
    opened.connection.send_text(&filehelper, "bell\u{7}", "3").await.unwrap();
    let record = stage.world.sent(UIN).pop().unwrap();
    assert!(matches!(record.to, ContactRef::Special(_)));
    assert_eq!(record.text, "bell");
    stage.assert_clean();
}

#[tokio::test]
async fn a_poll_may_be_cancelled() {
    let (stage, mut opened) = stage().await;
    let idle = opened.connection.wait(&opened.cursor);
    tokio::select! {
        biased;
        _ = idle => panic!("nothing came"),
        () = stage.world.wait_polling(UIN) => {}
    }
    stage.world.push_text(UIN, From::friend("Friend 1"), "later").unwrap();
    assert_eq!(drain(&mut opened).await.len(), 1);
    stage.assert_clean();
}
