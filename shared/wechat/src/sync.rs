//! The stream of messages: synccheck waits, webwxsync fetches.

use channel::{Batch, Error};
use domain::contact::ContactKind;

use crate::{
    WebConnection,
    call::{Address, POLL_TIMEOUT, parse},
    error::{code_error, protocol_error},
    incoming::{Entries, Entry},
    peer::peer,
    session::{SyncCursor, WebSession},
    wire::{
        contact::Source,
        envelope::BaseRequest,
        script,
        sync::{SyncAnswer, SyncKey, SyncRequest},
    },
};

impl WebConnection {
    pub(crate) async fn synccheck(&mut self, cursor: &SyncCursor) -> Result<bool, Error> {
        const CALL: &str = "synccheck";
        let session = &self.session;
        let address = Address::page(&self.client.hosts().push(&session.host), CALL)
            .with("r", self.client.millis())
            .with("skey", &session.skey)
            .with("sid", &session.sid)
            .with("uin", session.uin)
            .with("deviceid", &session.device_id)
            .with("synckey", cursor.check_key())
            .with("_", self.client.millis());
        let reply = self.send(self.client.get(CALL, address).timeout(POLL_TIMEOUT)).await?;
        has_news(&reply.text())
    }

    pub(crate) async fn sync(&mut self, cursor: &SyncCursor) -> Result<Batch, Error> {
        const CALL: &str = "webwxsync";
        let address = self.page(CALL).with("sid", &self.session.sid).with("skey", &self.session.skey);
        let request = SyncRequest {
            base_request: BaseRequest::from(&self.session),
            sync_key: SyncKey::of(&cursor.sync),
            time: !self.client.seconds(),
        };
        let reply = self.send(self.client.post(CALL, address, &request)).await?;
        let text = reply.json_text();
        let answer: SyncAnswer = parse(CALL, &text)?;
        answer.base_response.check(CALL)?;
        Ok(batch(&mut self.session, cursor, answer))
    }
}

/// Whether there is something to fetch: every selector except 0 means so.
fn has_news(script: &str) -> Result<bool, Error> {
    let number = |key| script::value(script, key).and_then(|value| value.parse::<i64>().ok());
    match (number("retcode"), number("selector")) {
        (Some(0), Some(selector)) => Ok(selector != 0),
        (Some(0) | None, _) => Err(protocol_error("synccheck", "the answer is not understood")),
        (Some(code), _) => Err(code_error("synccheck", code)),
    }
}

fn batch(session: &mut WebSession, cursor: &SyncCursor, answer: SyncAnswer<'_>) -> Batch {
    if !answer.skey.is_empty() {
        session.skey = answer.skey;
    }
    let contacts = answer.mod_contact_list.into_iter().filter(|contact| !contact.user_name.is_empty());
    let changed: Vec<_> = contacts.map(|contact| contact.card(&session.user_name, Source::Other)).collect();
    for card in &changed {
        match card.kind {
            ContactKind::Group => session.update_display_name(card),
            ContactKind::Myself if !card.nick_name.is_empty() => session.nick_name.clone_from(&card.nick_name),
            _ => {}
        }
    }
    let (mut messages, mut mentioned) = (Vec::new(), Vec::new());
    let mut entries = Entries::default();
    for raw in answer.add_msg_list {
        match entries.read(session, raw.get()) {
            Entry::Message(message) => messages.push(*message),
            Entry::RecentGroups(groups) => mentioned.extend(groups),
        }
    }
    let deleted = answer.del_contact_list.into_iter().filter(|contact| !contact.user_name.is_empty());
    Batch {
        messages,
        changed,
        deleted: deleted.map(|contact| peer(contact.user_name, &session.user_name)).collect(),
        mentioned,
        cursor: next(cursor, answer.sync_key.pairs(), answer.sync_check_key.pairs()).cursor(),
        more: answer.continue_flag != 0,
    }
}

/// The position after an answer. An answer without keys keeps the old ones.
fn next(old: &SyncCursor, sync: Vec<(i64, i64)>, check: Vec<(i64, i64)>) -> SyncCursor {
    if sync.is_empty() {
        return old.clone();
    }
    let check = if check == sync { Vec::new() } else { check };
    SyncCursor { sync, check }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::session;
    use channel::Peer;

    #[test]
    fn every_selector_except_zero_means_news() {
        let answer = |retcode, selector| format!("window.synccheck={{retcode:\"{retcode}\",selector:\"{selector}\"}}");
        assert_eq!(has_news(&answer(0, 0)), Ok(false));
        for selector in [1, 2, 3, 4, 6, 7] {
            assert_eq!(has_news(&answer(0, selector)), Ok(true));
        }
        for code in [1100, 1101, 1102] {
            assert_eq!(has_news(&answer(code, 0)), Err(Error::LoggedOut { code }));
        }
        assert!(matches!(has_news("<html>"), Err(Error::Protocol { .. })));
        assert!(matches!(has_news("window.synccheck={retcode:\"0\"}"), Err(Error::Protocol { .. })));
    }

    #[test]
    fn keys_may_grow_and_an_empty_answer_keeps_them() {
        let old = SyncCursor { sync: vec![(1, 1), (2, 2), (3, 3), (1000, 4)], check: vec![] };
        let grown: Vec<(i64, i64)> = [1, 2, 3, 11, 201, 1000, 1001].map(|key| (key, 9)).to_vec();
        let other = vec![(1, 9), (2, 10)];
        assert_eq!(next(&old, grown.clone(), other.clone()), SyncCursor { sync: grown.clone(), check: other });
        assert_eq!(next(&old, grown.clone(), grown.clone()), SyncCursor { sync: grown, check: vec![] });
        assert_eq!(next(&old, vec![], vec![]), old);
    }

    #[test]
    fn a_batch_holds_messages_contacts_and_the_new_cursor() {
        let answer = serde_json::from_str(
            r#"{"BaseResponse":{"Ret":0,"ErrMsg":""},"AddMsgCount":2,"AddMsgList":[
            {"MsgId":"6050338562629220245","FromUserName":"@a","ToUserName":"@me","MsgType":1,"Content":"hi",
             "CreateTime":1578367966,"NewMsgId":6050338562629220245,"FileSize":"","RecommendInfo":{}},
            {"MsgId":"2","FromUserName":"@me","ToUserName":"@me","MsgType":51,"NewMsgId":2,
             "StatusNotifyUserName":"@a,@@g,filehelper,@@h,@@g"}],
            "ModContactCount":2,"ModContactList":[
            {"UserName":"@@g","NickName":"g","MemberList":[{"UserName":"@me","NickName":"小明","DisplayName":"班长"}]},
            {"UserName":"@me","NickName":"新名<span class=\"emoji emoji1f604\"></span>"}],
            "DelContactList":[{"UserName":"@gone","ContactFlag":0},{"UserName":"@@gone","ContactFlag":0}],"ModChatRoomMemberList":[],
            "ContinueFlag":1,"SyncKey":{"Count":1,"List":[{"Key":1,"Val":5}]},"SKey":"@crypt_new",
            "SyncCheckKey":{"Count":1,"List":[{"Key":1,"Val":6}]}}"#,
        )
        .unwrap();
        let mut session = session();
        let group = |name: &str| Peer::new(name, ContactKind::Group);
        let batch = batch(&mut session, &SyncCursor { sync: vec![(1, 1)], check: vec![] }, answer);
        assert_eq!(batch.messages.len(), 1);
        assert_eq!(batch.messages[0].id, 6_050_338_562_629_220_245);
        assert_eq!(batch.mentioned, [group("@@g"), group("@@h")]);
        assert_eq!(batch.changed.len(), 2);
        assert_eq!(batch.deleted, [Peer::new("@gone", ContactKind::Stranger), group("@@gone")]);
        assert!(batch.more);
        assert_eq!(batch.cursor, SyncCursor { sync: vec![(1, 5)], check: vec![(1, 6)] }.cursor());
        assert_eq!(session.skey, "@crypt_new");
        assert_eq!(session.nick_name, "新名😄");
        assert!(session.is_mentioned("@@g", "@班长\u{2005}"));
    }
}
