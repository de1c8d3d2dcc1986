//! Inbound messages: `synccheck` waits for them, `webwxsync` fetches them.

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
use crate::session::{KeyCount, Session, SyncKey, parse_sync_key};
use crate::state::SimulatorState;
use crate::validator::{Refusal, Validator};
use crate::wire::contact::ContactWriter;
use crate::wire::{message, response};
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new().route(&format!("{BIN}/synccheck"), get(synccheck)).route(&format!("{BIN}/webwxsync"), post(sync))
}

/// Waits until there are entries after the sync key, the login ends, or the long poll times out.
async fn synccheck(State(world): State<World>, call: Call) -> Response {
    let waiting = world.change(|state| accept_poll(state, &call));
    let (poll, poll_wakeup, wait) = match waiting {
        Ok(accepted) => accepted,
        Err(refusal) => return response::synccheck(refusal.0, 0),
    };
    let poll = ActivePoll::start(&world, poll);
    let waiting_response = async {
        loop {
            let woken = poll_wakeup.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            if let Some(response) = poll.ready_response() {
                return response;
            }
            woken.await;
        }
    };
    tokio::time::timeout(wait, waiting_response).await.unwrap_or_else(|_| response::synccheck(0, 0))
}

/// A valid synccheck: its session and the inbox position of its sync key.
struct PollRequest {
    sid: String,
    uin: u64,
    position: usize,
}

fn accept_poll(state: &mut SimulatorState, call: &Call) -> Result<(PollRequest, Arc<Notify>, Duration), Refusal> {
    let wait = state.config.long_poll;
    let mut validator = Validator::new(state, call);
    validator.check_host("webpush.");
    let session = validator.find_session(call.query("sid"))?;
    if call.query("uin") != session.uin.to_string() {
        validator.report("uin_wrong", format!("uin is {:?}", call.query("uin")));
    }
    validator.check_skey(call.query("skey"), &session);
    validator.check_device_id(call.query("deviceid"), &session);
    validator.check_cookies(&session);
    if let Some(code) = session.ended {
        return Err(Refusal(code));
    }
    let keys = call.query("synckey");
    let Some(position) = parse_sync_key(keys).and_then(|keys| session.position_of(&keys)) else {
        validator.report("synckey_unknown", format!("{keys:?} was never sent out"));
        return Err(Refusal(response::RET_PARAMETER));
    };
    confirm_position(state, &session, position);
    let account = state.accounts.get(&session.uin).ok_or(Refusal(response::RET_COOKIE))?;
    Ok((PollRequest { sid: session.sid, uin: session.uin, position }, Arc::clone(&account.poll_wakeup), wait))
}

/// A waiting synccheck. The session counts it until it is dropped.
struct ActivePoll<'a> {
    world: &'a World,
    poll: PollRequest,
}

impl<'a> ActivePoll<'a> {
    fn start(world: &'a World, poll: PollRequest) -> Self {
        world.change(|state| {
            if let Some(session) = state.sessions.get_mut(&poll.sid) {
                session.polling += 1;
            }
        });
        Self { world, poll }
    }

    fn ready_response(&self) -> Option<Response> {
        let state = self.world.lock();
        if let Some(code) = state.sessions.get(&self.poll.sid).and_then(|session| session.ended) {
            return Some(response::synccheck(code, 0));
        }
        let account = state.accounts.get(&self.poll.uin)?;
        match account.inbox.after(self.poll.position, 1).first() {
            Some(Entry::Message(_)) => Some(response::synccheck(0, 2)),
            Some(Entry::Changed(_) | Entry::Removed(_)) => Some(response::synccheck(0, 4)),
            None if state.closed => Some(response::synccheck(0, 0)),
            None => None,
        }
    }
}

impl Drop for ActivePoll<'_> {
    fn drop(&mut self) {
        self.world.change(|state| {
            if let Some(session) = state.sessions.get_mut(&self.poll.sid) {
                session.polling -= 1;
            }
        });
    }
}

/// Returns the entries after the sync key. The same key returns the same entries again.
async fn sync(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, &call);
        let (body, session) = match validator.authenticate_post() {
            Ok(found) => found,
            Err(refusal) => return refusal.response(),
        };
        check_query(&mut validator, &session);
        let Some(position) = parse_position(&mut validator, &session, &body["SyncKey"]) else {
            return response::ret(response::RET_PARAMETER);
        };
        confirm_position(state, &session, position);
        let limit = state.config.sync_batch;
        match state.accounts.get(&session.uin) {
            Some(account) => sync_response(account, &session, position, limit),
            None => response::ret(response::RET_COOKIE),
        }
    })
}

fn check_query(validator: &mut Validator<'_>, session: &Session) {
    let sid = validator.call.query("sid").to_owned();
    if sid.replace(' ', "+") != session.sid {
        validator.report("sid_wrong", format!("sid in the query is {sid:?}"));
    } else if sid != session.sid {
        validator.tolerate("sid_not_encoded", "the + of the sid came as a space");
    }
    validator.check_skey(validator.call.query("skey"), session);
}

fn parse_position(validator: &mut Validator<'_>, session: &Session, given: &Value) -> Option<usize> {
    let keys: Option<SyncKey> = serde_json::from_value(given.clone()).ok();
    let found = keys.as_ref().and_then(|keys| session.position_of(&keys.list));
    match (&keys, found) {
        (Some(keys), Some(_)) if keys.count != keys.list.len() => {
            validator.report("synckey_count", format!("Count is {}, the list has {}", keys.count, keys.list.len()));
        }
        (_, None) => validator.report("synckey_unknown", format!("{} was never sent out", text_of(given))),
        _ => {}
    }
    found
}

fn confirm_position(state: &mut SimulatorState, session: &Session, position: usize) {
    if let Some(session) = state.sessions.get_mut(&session.sid) {
        session.confirmed = session.confirmed.max(position);
    }
}

fn sync_response(account: &Account, session: &Session, position: usize, limit: usize) -> Response {
    let writer = ContactWriter { book: &account.book, session };
    let entries = account.inbox.after(position, limit);
    let next = position + entries.len();
    let (mut messages, mut changed, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Message(message) => messages.push(message::entry(message, session)),
            Entry::Changed(contact) => changed.extend(writer.mod_contact(*contact)),
            Entry::Removed(contact) => removed.push(json!({
                "UserName": session.user_name(*contact),
                "ContactFlag": 0,
            })),
        }
    }
    let keys = session.sync_key(next, KeyCount::Seven);
    let rest = json!({
        "BaseResponse": response::base(0),
        "AddMsgCount": messages.len(),
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
    });
    // Entries may be any bytes, so the list is put in front of the other fields.
    let mut body = b"{\"AddMsgList\":[".to_vec();
    body.extend(messages.join(&b','));
    body.extend(b"],");
    body.extend(&rest.to_string().as_bytes()[1..]);
    response::text(body)
}
