//! The stream of messages: synccheck waits, webwxsync brings.

use domain::contact::ContactKind;

use crate::{
    Batch, Cursor, Error, Session, WebWeChat,
    call::{Address, POLL},
    incoming::{self, Read},
    wire::{
        contact::Listed,
        envelope::BaseRequest,
        script,
        sync::{SyncAnswer, SyncKey, SyncRequest},
    },
};

impl WebWeChat {
    pub(crate) async fn check(&self, session: &mut Session, cursor: &Cursor) -> Result<bool, Error> {
        let address = Address::page(&self.hosts().push(&session.host), "synccheck")
            .with("r", self.millis())
            .with("skey", &session.skey)
            .with("sid", &session.sid)
            .with("uin", session.uin)
            .with("deviceid", &session.device_id)
            .with("synckey", cursor.check_key())
            .with("_", self.millis());
        let reply = self.get("synccheck", address).patience(POLL).by(session).await?;
        self.remember(&mut session.cookies, &reply);
        checked(reply.text()?)
    }

    pub(crate) async fn sync(&self, session: &mut Session, cursor: &Cursor) -> Result<Batch<Cursor>, Error> {
        let address = self.page(session, "webwxsync").with("sid", &session.sid).with("skey", &session.skey);
        let request = SyncRequest {
            base_request: BaseRequest::from(&*session),
            sync_key: SyncKey::of(&cursor.sync),
            time: !self.seconds(),
        };
        let reply = self.post("webwxsync", address, &request).by(session).await?;
        self.remember(&mut session.cookies, &reply);
        let answer: SyncAnswer = reply.json()?;
        answer.base_response.check("webwxsync")?;
        Ok(batch(session, cursor, answer))
    }
}

/// Whether there is something to fetch: any selector but 0 says so.
fn checked(script: &str) -> Result<bool, Error> {
    let number = |key| script::value(script, key).and_then(|value| value.parse::<i64>().ok());
    match (number("retcode"), number("selector")) {
        (Some(0), Some(selector)) => Ok(selector != 0),
        (Some(0) | None, _) => Err(Error::protocol("synccheck", "the answer is not understood")),
        (Some(code), _) => Err(Error::from_code("synccheck", code)),
    }
}

fn batch(session: &mut Session, cursor: &Cursor, answer: SyncAnswer) -> Batch<Cursor> {
    if !answer.skey.is_empty() {
        session.skey = answer.skey;
    }
    let contacts = answer.mod_contact_list.into_iter().filter(|entry| !entry.user_name.is_empty());
    let changed: Vec<_> = contacts.map(|entry| entry.card(&session.user_name, Listed::Anywhere)).collect();
    for card in &changed {
        match card.kind {
            ContactKind::Group => session.learn_from(card),
            ContactKind::Myself if !card.nick_name.is_empty() => session.nick_name.clone_from(&card.nick_name),
            _ => {}
        }
    }
    let (mut messages, mut mentioned) = (Vec::new(), Vec::new());
    for message in answer.add_msg_list {
        match incoming::read(session, message) {
            Read::Message(message) => messages.push(*message),
            Read::Groups(names) => mentioned.extend(names),
        }
    }
    Batch {
        messages,
        changed,
        deleted: answer.del_contact_list.into_iter().map(|gone| gone.user_name).collect(),
        mentioned,
        cursor: next(cursor, answer.sync_key.pairs(), answer.sync_check_key.pairs()),
        more: answer.continue_flag != 0,
    }
}

/// The new place. An answer without keys leaves the old ones.
fn next(old: &Cursor, sync: Vec<(i64, i64)>, check: Vec<(i64, i64)>) -> Cursor {
    if sync.is_empty() {
        return old.clone();
    }
    let check = if check == sync { Vec::new() } else { check };
    Cursor { sync, check }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::session;

    #[test]
    fn any_selector_but_zero_means_fetch() {
        let answer = |retcode, selector| format!("window.synccheck={{retcode:\"{retcode}\",selector:\"{selector}\"}}");
        assert_eq!(checked(&answer(0, 0)), Ok(false));
        for selector in [1, 2, 3, 4, 6, 7] {
            assert_eq!(checked(&answer(0, selector)), Ok(true));
        }
        for code in [1100, 1101, 1102] {
            assert_eq!(checked(&answer(code, 0)), Err(Error::LoggedOut { code }));
        }
        assert!(matches!(checked("<html>"), Err(Error::Protocol { .. })));
        assert!(matches!(checked("window.synccheck={retcode:\"0\"}"), Err(Error::Protocol { .. })));
    }

    #[test]
    fn keys_grow_and_an_empty_answer_keeps_them() {
        let old = Cursor { sync: vec![(1, 1), (2, 2), (3, 3), (1000, 4)], check: vec![] };
        let grown: Vec<(i64, i64)> = [1, 2, 3, 11, 201, 1000, 1001].map(|key| (key, 9)).to_vec();
        let other = vec![(1, 9), (2, 10)];
        assert_eq!(next(&old, grown.clone(), other.clone()), Cursor { sync: grown.clone(), check: other });
        assert_eq!(next(&old, grown.clone(), grown.clone()), Cursor { sync: grown, check: vec![] });
        assert_eq!(next(&old, vec![], vec![]), old);
    }

    #[test]
    fn a_batch_brings_everything_at_once() {
        let answer = serde_json::from_str(
            r#"{"BaseResponse":{"Ret":0,"ErrMsg":""},"AddMsgCount":2,"AddMsgList":[
            {"MsgId":"6050338562629220245","FromUserName":"@a","ToUserName":"@me","MsgType":1,"Content":"hi",
             "CreateTime":1578367966,"NewMsgId":6050338562629220245,"FileSize":"","RecommendInfo":{}},
            {"MsgId":"2","FromUserName":"@me","ToUserName":"@me","MsgType":51,"NewMsgId":2,
             "StatusNotifyUserName":"@a,@@g,filehelper,@@h,@@g"}],
            "ModContactCount":2,"ModContactList":[
            {"UserName":"@@g","NickName":"g","MemberList":[{"UserName":"@me","NickName":"小明","DisplayName":"班长"}]},
            {"UserName":"@me","NickName":"新名<span class=\"emoji emoji1f604\"></span>"}],
            "DelContactList":[{"UserName":"@gone","ContactFlag":0}],"ModChatRoomMemberList":[],
            "ContinueFlag":1,"SyncKey":{"Count":1,"List":[{"Key":1,"Val":5}]},"SKey":"@crypt_new",
            "SyncCheckKey":{"Count":1,"List":[{"Key":1,"Val":6}]}}"#,
        )
        .unwrap();
        let mut session = session();
        let batch = batch(&mut session, &Cursor { sync: vec![(1, 1)], check: vec![] }, answer);
        assert_eq!(batch.messages.len(), 1);
        assert_eq!(batch.messages[0].id, 6_050_338_562_629_220_245);
        assert_eq!(batch.mentioned, ["@@g", "@@h"]);
        assert_eq!(batch.changed.len(), 2);
        assert_eq!(batch.deleted, ["@gone"]);
        assert!(batch.more);
        assert_eq!(batch.cursor, Cursor { sync: vec![(1, 5)], check: vec![(1, 6)] });
        assert_eq!(session.skey, "@crypt_new");
        assert_eq!(session.nick_name, "新名😄");
        assert!(session.is_mentioned("@@g", "@班长\u{2005}"));
    }
}
