//! The heart of a session: `synccheck` waits, `webwxsync` fetches.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::BIN;
use crate::account::Account;
use crate::call::Call;
use crate::inbox::Entry;
use crate::record::text_of;
use crate::rules::{Judge, RET_COOKIE, RET_PARAMETER, Refused};
use crate::session::{KeyCount, Session, SyncKey, parse_keys};
use crate::state::State as Simulated;
use crate::wire::contact::Writer;
use crate::wire::{answer, message};
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new().route(&format!("{BIN}/synccheck"), get(synccheck)).route(&format!("{BIN}/webwxsync"), post(sync))
}

/// Waits until there is something after the keys, the login ends, or the time is up.
async fn synccheck(State(world): State<World>, call: Call) -> Response {
    let waiting = world.change(|state| admit(state, &call));
    let (poll, bell, wait) = match waiting {
        Ok(admitted) => admitted,
        Err(refused) => return answer::synccheck(refused.0, 0),
    };
    let poll = Polling::start(&world, poll);
    let told = async {
        loop {
            let rung = bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            if let Some(response) = poll.look() {
                return response;
            }
            rung.await;
        }
    };
    tokio::time::timeout(wait, told).await.unwrap_or_else(|_| answer::synccheck(0, 0))
}

/// A synccheck that may wait: its session and how far the client is.
struct Poll {
    sid: String,
    uin: u64,
    position: usize,
}

fn admit(state: &mut Simulated, call: &Call) -> Result<(Poll, Arc<Notify>, Duration), Refused> {
    let wait = state.config.long_poll;
    let mut judge = Judge::new(state, call);
    judge.host("webpush.");
    let session = judge.session(call.query("sid"))?;
    if call.query("uin") != session.uin.to_string() {
        judge.broken("uin_wrong", format!("uin is {:?}", call.query("uin")));
    }
    judge.skey(call.query("skey"), &session);
    judge.device_id(call.query("deviceid"), &session);
    judge.cookies_of(&session);
    if let Some(code) = session.ended {
        return Err(Refused(code));
    }
    let keys = call.query("synckey");
    let Some(position) = parse_keys(keys).and_then(|keys| session.position(&keys)) else {
        judge.broken("synckey_unknown", format!("{keys:?} was never sent out"));
        return Err(Refused(RET_PARAMETER));
    };
    confirm(state, &session, position);
    let account = state.accounts.get(&session.uin).ok_or(Refused(RET_COOKIE))?;
    Ok((Poll { sid: session.sid, uin: session.uin, position }, Arc::clone(&account.bell), wait))
}

/// A synccheck that waits, counted as long as it lives.
struct Polling<'a> {
    world: &'a World,
    poll: Poll,
}

impl<'a> Polling<'a> {
    fn start(world: &'a World, poll: Poll) -> Self {
        world.change(|state| {
            if let Some(session) = state.sessions.get_mut(&poll.sid) {
                session.polling += 1;
            }
        });
        Self { world, poll }
    }

    fn look(&self) -> Option<Response> {
        let state = self.world.lock();
        if let Some(code) = state.sessions.get(&self.poll.sid).and_then(|session| session.ended) {
            return Some(answer::synccheck(code, 0));
        }
        let account = state.accounts.get(&self.poll.uin)?;
        match account.inbox.after(self.poll.position, 1).first() {
            Some(Entry::Message(_)) => Some(answer::synccheck(0, 2)),
            Some(Entry::Changed(_) | Entry::Removed(_)) => Some(answer::synccheck(0, 4)),
            None if state.closed => Some(answer::synccheck(0, 0)),
            None => None,
        }
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.world.change(|state| {
            if let Some(session) = state.sessions.get_mut(&self.poll.sid) {
                session.polling -= 1;
            }
        });
    }
}

/// What came after the keys; asked again with the same keys, it answers the same again.
async fn sync(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut judge = Judge::new(state, &call);
        let (body, session) = match judge.posted() {
            Ok(found) => found,
            Err(refused) => return refused.answer(),
        };
        check_query(&mut judge, &session);
        let Some(position) = position(&mut judge, &session, &body["SyncKey"]) else {
            return answer::ret(RET_PARAMETER);
        };
        confirm(state, &session, position);
        let limit = state.config.sync_batch;
        match state.accounts.get(&session.uin) {
            Some(account) => news(account, &session, position, limit),
            None => answer::ret(RET_COOKIE),
        }
    })
}

fn check_query(judge: &mut Judge<'_>, session: &Session) {
    let sid = judge.call.query("sid").to_owned();
    if sid.replace(' ', "+") != session.sid {
        judge.broken("sid_wrong", format!("sid in the query is {sid:?}"));
    } else if sid != session.sid {
        judge.tolerated("sid_not_encoded", "the + of the sid came as a space");
    }
    judge.skey(judge.call.query("skey"), session);
}

fn position(judge: &mut Judge<'_>, session: &Session, given: &Value) -> Option<usize> {
    let keys: Option<SyncKey> = serde_json::from_value(given.clone()).ok();
    let found = keys.as_ref().and_then(|keys| session.position(&keys.list));
    match (&keys, found) {
        (Some(keys), Some(_)) if keys.count != keys.list.len() => {
            judge.broken("synckey_count", format!("Count is {}, the list has {}", keys.count, keys.list.len()));
        }
        (_, None) => judge.broken("synckey_unknown", format!("{} was never sent out", text_of(given))),
        _ => {}
    }
    found
}

fn confirm(state: &mut Simulated, session: &Session, position: usize) {
    if let Some(session) = state.sessions.get_mut(&session.sid) {
        session.confirmed = session.confirmed.max(position);
    }
}

fn news(account: &Account, session: &Session, position: usize, limit: usize) -> Response {
    let writer = Writer { book: &account.book, session };
    let entries = account.inbox.after(position, limit);
    let next = position + entries.len();
    let (mut messages, mut changed, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Message(message) => messages.push(message::row(message, session)),
            Entry::Changed(contact) => changed.extend(writer.changed(*contact)),
            Entry::Removed(contact) => removed.push(json!({
                "UserName": session.user_name(*contact),
                "ContactFlag": 0,
            })),
        }
    }
    let keys = session.sync_key(next, KeyCount::Seven);
    answer::json(&json!({
        "BaseResponse": answer::base(0),
        "AddMsgCount": messages.len(),
        "AddMsgList": messages,
        "ModContactCount": changed.len(),
        "ModContactList": changed,
        "DelContactCount": removed.len(),
        "DelContactList": removed,
        "ModChatRoomMemberCount": 0,
        "ModChatRoomMemberList": [],
        "Profile": {
            "BitFlag": 0, "UserName": {"Buff": ""}, "NickName": {"Buff": ""}, "BindUin": 0,
            "BindEmail": {"Buff": ""}, "BindMobile": {"Buff": ""}, "Status": 0, "Sex": 0,
            "PersonalCard": 0, "Alias": "", "HeadImgUpdateFlag": 0, "HeadImgUrl": "", "Signature": "",
        },
        "ContinueFlag": u8::from(next < account.inbox.len()),
        "SyncKey": keys,
        "SKey": "",
        "SyncCheckKey": keys,
    }))
}
