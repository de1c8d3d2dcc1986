//! Odd entries in WeChat's answers: each is kept, and the messages after it arrive.

use channel::{Incoming, Opened};
use domain::message::{Content, Direction};
use simulator::{AccountSpec, From, Push};

use crate::support::{Stage, UIN, drain};

async fn stage() -> (Stage, Opened) {
    let stage = Stage::set(AccountSpec::new(UIN, "me").friends(1)).await;
    let mut opened = stage.log_in().await;
    drain(&mut opened).await;
    (stage, opened)
}

/// The message that an entry becomes. Ten texts after it arrive as well.
async fn kept(stage: &Stage, opened: &mut Opened, entry: impl Into<Vec<u8>>) -> Incoming {
    let from = || From::friend("Friend 1");
    stage.world.push(UIN, &Push::entry(from(), entry)).unwrap();
    for number in 0..10 {
        stage.world.push_text(UIN, from(), number.to_string()).unwrap();
    }
    let mut messages = drain(opened).await;
    let texts: Vec<Content> = messages.drain(1..).map(|message| message.content).collect();
    let expected: Vec<Content> = (0..10).map(|number| Content::Text { text: number.to_string() }).collect();
    assert_eq!(texts, expected);
    messages.remove(0)
}

/// A text with the given content, which is not escaped.
fn text(content: &[u8]) -> Vec<u8> {
    let head = br#"{"MsgId":"{{id}}","FromUserName":"{{from}}","ToUserName":"{{to}}","MsgType":1,"CreateTime":1578367966,"Content":""#;
    [head, content, br#""}"#].concat()
}

#[tokio::test]
async fn text_of_any_bytes_is_kept() {
    let (stage, mut opened) = stage().await;
    let long = "长".repeat(500_000);
    for (content, expected) in [
        (&b"a\xff\xc3(b"[..], "a\u{fffd}\u{fffd}(b"),
        (b"\x00\x01\x0b\n", "\0\u{1}\u{b}\n"),
        (br"\ud800 \udc00\ud83d\ude04", "\u{fffd} \u{fffd}😄"),
        (br"C:\Windows \u12", r"C:\Windows \u12"),
        (long.as_bytes(), &long),
    ] {
        let message = kept(&stage, &mut opened, text(content)).await;
        assert!(message.content == Content::Text { text: expected.into() }, "{}", String::from_utf8_lossy(content));
        assert_eq!((message.chat, message.sender), (stage.person("Friend 1"), Some(stage.person("Friend 1"))));
    }
    stage.assert_clean();
}

#[tokio::test]
async fn an_entry_that_is_no_message_is_kept_whole() {
    let (stage, mut opened) = stage().await;
    for entry in ["null", "7", "[1,{}]", r#""text""#, "1e999"] {
        let message = kept(&stage, &mut opened, entry).await;
        assert_eq!(message.content, Content::System { text: entry.into() });
        assert_eq!((message.chat, message.direction), (opened.user.peer(), Direction::In));
        assert!(message.id < 0);
    }
    stage.assert_clean();
}

#[tokio::test]
async fn a_message_with_odd_fields_is_kept() {
    let (stage, mut opened) = stage().await;
    for (fields, content, create_time) in [
        (r#""MsgType":9999,"Content":"?""#, Content::System { text: "?".into() }, "1970-01-01T00:00:00Z"),
        (r#""MsgType":-1,"Content":{"a":1}"#, Content::System { text: String::new() }, "1970-01-01T00:00:00Z"),
        (
            r#""MsgType":10002,"Content":"&lt;sysmsg&gt;&lt;revokemsg&gt;&lt;msgid&gt;1","CreateTime":-5"#,
            Content::System { text: "&lt;sysmsg&gt;&lt;revokemsg&gt;&lt;msgid&gt;1".into() },
            "1970-01-01T00:00:00Z",
        ),
        (
            r#""MsgType":1,"Content":"a","CreateTime":9223372036854775807,"RecommendInfo":{"Sex":1e999}"#,
            Content::Text { text: "a".into() },
            "9999-12-30T22:00:00Z",
        ),
        (
            r#""MsgType":1,"MsgType":1,"Content":"twice","CreateTime":1e999"#,
            Content::Text { text: "twice".into() },
            "1970-01-01T00:00:00Z",
        ),
    ] {
        let entry =
            format!(r#"{{"NewMsgId":"{{{{id}}}}","FromUserName":"{{{{from}}}}","ToUserName":"{{{{to}}}}",{fields}}}"#);
        let message = kept(&stage, &mut opened, entry).await;
        assert_eq!((message.content, message.create_time.to_string().as_str()), (content, create_time));
        assert!(message.id > 0);
    }
    stage.assert_clean();
}

#[tokio::test]
async fn messages_without_an_id_get_one_that_stays() {
    let (stage, mut opened) = stage().await;
    let entry = |content: &str| {
        format!(
            r#"{{"MsgId":0,"NewMsgId":0,"FromUserName":"{{{{from}}}}","ToUserName":"{{{{to}}}}","MsgType":1,"Content":"{content}"}}"#
        )
    };
    for content in ["one", "two", "two"] {
        stage.world.push(UIN, &Push::entry(From::friend("Friend 1"), entry(content))).unwrap();
    }
    let before = opened.cursor.clone();
    let ids: Vec<i64> = drain(&mut opened).await.iter().map(|message| message.id).collect();
    assert!(ids.iter().all(|id| *id < 0), "{ids:?}");
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    opened.cursor = before;
    let again: Vec<i64> = drain(&mut opened).await.iter().map(|message| message.id).collect();
    assert_eq!(again, ids, "a repeated batch is recognised");
    stage.assert_clean();
}
