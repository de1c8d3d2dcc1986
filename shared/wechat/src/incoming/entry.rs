//! Reads `AddMsgList` an entry at a time, so that an odd one never hides the others.

use std::collections::HashMap;

use channel::Incoming;
use domain::message::{Content, Direction};
use sha2::{Digest, Sha256};

use super::{Entry, parse, time};
use crate::{peer::peer, session::WebSession, wire::lenient};

/// Reads the entries of one batch.
#[derive(Default)]
pub(crate) struct Entries<'a> {
    /// How often each message without an id has come in this batch.
    without_id: HashMap<&'a str, u64>,
}

impl<'a> Entries<'a> {
    /// Translates an entry. One that is no message is kept as a message with its JSON, in the account's own chat. A
    /// message without an id gets a derived one.
    pub(crate) fn read(&mut self, session: &WebSession, json: &'a str) -> Entry {
        let mut entry = lenient::entry(json).map_or_else(
            || {
                tracing::warn!(bytes = json.len(), "an entry of AddMsgList is not understood; its JSON is kept");
                Entry::Message(Box::new(unreadable(session, json)))
            },
            |message| parse(session, message),
        );
        if let Entry::Message(message) = &mut entry
            && message.id == 0
        {
            let times = self.without_id.entry(json).or_default();
            message.id = derived_id(json, *times);
            *times += 1;
        }
        entry
    }
}

fn unreadable(session: &WebSession, json: &str) -> Incoming {
    let me = session.user_name.as_str();
    Incoming {
        id: 0,
        direction: Direction::In,
        chat: peer(me, me),
        sender: None,
        is_at: None,
        create_time: time(0),
        content: Content::System { text: json.to_owned() },
        media: None,
        refer: None,
    }
}

/// The id of a message that came without one: the same when the batch comes again, and different for every message, also
/// for the `times`th repetition in the batch. Negative, which WeChat's ids are not.
fn derived_id(json: &str, times: u64) -> i64 {
    let digest = Sha256::new().chain_update(times.to_be_bytes()).chain_update(json).finalize();
    let number = digest.iter().take(8).fold(0, |number: i64, byte| number << 8 | i64::from(*byte));
    number | i64::MIN
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::session::tests::session;

    fn read(entry: &str) -> Incoming {
        match Entries::default().read(&session(), entry) {
            Entry::Message(message) => *message,
            Entry::RecentGroups(groups) => panic!("groups {groups:?}"),
        }
    }

    /// All fields of an entry, as WeChat sends them.
    fn full(kind: i64, app: i64) -> Value {
        json!({
            "MsgId": "6050338562629220245", "FromUserName": "@b506", "ToUserName": "@me", "MsgType": kind,
            "Content": "&lt;msg&gt;&lt;appmsg&gt;&lt;title&gt;t&lt;/title&gt;&lt;type&gt;57&lt;/type&gt;&lt;/appmsg&gt;&lt;/msg&gt;",
            "Status": 3, "ImgStatus": 1, "CreateTime": 1_578_367_966, "VoiceLength": 1, "PlayLength": 1,
            "FileName": "a", "FileSize": "1", "MediaId": "@cdn", "Url": "http://a/?coord=1,2", "AppMsgType": app,
            "StatusNotifyCode": 0, "StatusNotifyUserName": "", "RecommendInfo": {"UserName": "@x", "NickName": "n",
            "QQNum": 0, "Province": "p", "City": "c", "Content": "w", "Signature": "s", "Alias": "a", "Scene": 1,
            "VerifyFlag": 0, "AttrStatus": 0, "Sex": 1, "Ticket": "v2_x@stranger", "OpCode": 2}, "ForwardFlag": 0,
            "AppInfo": {"AppID": "", "Type": 0}, "HasProductId": 0, "Ticket": "", "ImgHeight": 1, "ImgWidth": 1,
            "SubMsgType": 0, "NewMsgId": 6_050_338_562_629_220_245_i64, "OriContent": "", "EncryFileName": "a"
        })
    }

    /// Sets one field after another, nested ones too.
    fn each_field(entry: &Value, value: &Value, mut check: impl FnMut(&str, &Value)) {
        for (name, old) in entry.as_object().unwrap() {
            let mut changed = entry.clone();
            changed[name] = value.clone();
            check(name, &changed);
            for inner in old.as_object().into_iter().flatten().map(|(inner, _)| inner) {
                let mut changed = entry.clone();
                changed[name][inner] = value.clone();
                check(inner, &changed);
            }
        }
    }

    #[test]
    fn every_field_may_have_any_value() {
        let kinds = [
            (1, 0),
            (3, 0),
            (34, 0),
            (37, 0),
            (42, 0),
            (43, 0),
            (47, 0),
            (48, 0),
            (49, 5),
            (49, 6),
            (49, 8),
            (49, 57),
            (49, 2000),
            (62, 0),
            (10_000, 0),
            (10_002, 0),
            (77, 0),
        ];
        for (kind, app) in kinds {
            let whole = read(&full(kind, app).to_string());
            for value in [json!(null), json!(-1), json!("x"), json!([1]), json!({"a": null}), json!(1e300), json!(true)]
            {
                each_field(&full(kind, app), &value, |name, entry| {
                    let message = read(&entry.to_string());
                    assert_ne!(message.id, 0, "{kind} {name}");
                    if !["MsgType", "AppMsgType", "Content", "Url"].contains(&name) {
                        assert_eq!(message.content.kind(), whole.content.kind(), "{kind} {name} {value}");
                    }
                    let elsewhere = ["FromUserName", "ToUserName"].contains(&name);
                    assert!(elsewhere || message.chat == whole.chat, "{kind} {name} {value}");
                });
            }
        }
    }

    #[test]
    fn a_message_that_names_no_chat_is_in_the_accounts_own() {
        let mut entry = full(1, 0);
        entry["FromUserName"] = json!(null);
        let message = read(&entry.to_string());
        assert_eq!((message.chat, message.direction), (peer("@me", "@me"), Direction::In));
    }

    #[test]
    fn a_derived_id_depends_on_the_message_and_its_repetition() {
        let (mut first, mut second, session) = (Entries::default(), Entries::default(), session());
        let id = |entries: &mut Entries<'static>, json| match entries.read(&session, json) {
            Entry::Message(message) => message.id,
            Entry::RecentGroups(_) => unreachable!("there are none"),
        };
        let ids = ["{}", "null", "{}"].map(|json| id(&mut first, json));
        assert!(ids.iter().all(|id| *id < 0));
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
        assert_eq!(["{}", "{}", "null"].map(|json| id(&mut second, json)), [ids[0], ids[2], ids[1]]);
    }
}
