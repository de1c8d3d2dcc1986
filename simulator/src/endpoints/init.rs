//! The start of a session: `webwxinit`, then `webwxstatusnotify`.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Map, Value, json};

use super::BIN;
use crate::call::Call;
use crate::clock;
use crate::contact_ref::ContactRef;
use crate::inbox::Message;
use crate::record::text_of;
use crate::rules::{Judge, RET_PARAMETER};
use crate::session::{KeyCount, Session};
use crate::state::State as Simulated;
use crate::wire::answer;
use crate::wire::contact::{Contact, Members, Writer};
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxinit"), post(init))
        .route(&format!("{BIN}/webwxstatusnotify"), post(status_notify))
        .route(&format!("{BIN}/webwxstatreport"), post(|| async { answer::ret(0) }))
}

/// The account, the chats it used last, and the first four sync keys.
async fn init(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let session = match Judge::new(state, &call).posted() {
            Ok((_, session)) => session,
            Err(refused) => return refused.answer(),
        };
        let Some(account) = state.accounts.get(&session.uin) else { return answer::ret(1102) };
        let position = account.inbox.len();
        let response = greeting(account, &session, position);
        if let Some(session) = state.sessions.get_mut(&session.sid) {
            session.online = true;
            session.confirmed = session.confirmed.max(position);
        }
        response
    })
}

fn greeting(account: &crate::account::Account, session: &Session, position: usize) -> Response {
    let writer = Writer { book: &account.book, session };
    let recent = account.book.recent();
    let chats: Vec<Contact> = recent.iter().filter_map(|contact| writer.contact(*contact, Members::Names)).collect();
    let names: Vec<String> = recent.iter().map(|contact| session.user_name(*contact)).collect();
    answer::json(&json!({
        "BaseResponse": answer::base(0),
        "Count": chats.len(),
        "ContactList": chats,
        "SyncKey": session.sync_key(position, KeyCount::Four),
        "User": writer.user(),
        "ChatSet": format!("{},", names.join(",")),
        "SKey": session.skey,
        "ClientVersion": 369_299_473,
        "SystemTime": clock::unix_seconds(),
        "GrayScale": 1,
        "InviteStartCount": 40,
        "MPSubscribeMsgCount": 0,
        "MPSubscribeMsgList": [],
        "ClickReportInterval": 600_000,
    }))
}

/// Code 3 tells the phone that the web is here; the phone answers with a message of type 51 that
/// lists its chats. Code 1 marks a chat as read.
async fn status_notify(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut judge = Judge::new(state, &call);
        let (body, session) = match judge.posted() {
            Ok(found) => found,
            Err(refused) => return refused.answer(),
        };
        let myself = session.user_name(ContactRef::Myself);
        if text_of(&body["FromUserName"]) != myself {
            judge.broken("from_wrong", "FromUserName is not the account's own");
            return answer::ret(RET_PARAMETER);
        }
        if text_of(&body["ClientMsgId"]).is_empty() {
            judge.broken("client_msg_id_missing", "no ClientMsgId");
        }
        if body["Code"] == json!(3) {
            list_chats(state, &session);
        }
        let id = state.next_message_id();
        answer::json(&json!({"BaseResponse": answer::base(0), "MsgID": id.to_string()}))
    })
}

fn list_chats(state: &mut Simulated, session: &Session) {
    let Some(account) = state.accounts.get(&session.uin) else { return };
    let chats = account.book.recent();
    let ids: Vec<String> = chats.iter().map(|chat| permanent_name(*chat)).collect();
    let content = format!(
        "&lt;msg&gt;<br/>&lt;op id='4'&gt;<br/>&lt;username&gt;{}&lt;/username&gt;<br/>\
         &lt;unreadchatlist&gt;<br/>&lt;/unreadchatlist&gt;<br/>&lt;/op&gt;<br/>&lt;/msg&gt;",
        ids.join(","),
    );
    let message = Message {
        id: state.next_message_id(),
        from: ContactRef::Myself,
        to: ContactRef::Myself,
        member: None,
        msg_type: 51,
        content,
        fields: Map::<String, Value>::new(),
        chats,
        petitioner: None,
        media: Vec::new(),
        create_time: clock::unix_seconds(),
    };
    state.append_message(session.uin, message);
}

/// The name that the phone knows a chat by.
fn permanent_name(contact: ContactRef) -> String {
    match contact {
        ContactRef::Special(name) => name.into(),
        ContactRef::Group(group) => format!("{}@chatroom", 2_000_000_000 + u64::from(group)),
        ContactRef::OfficialAccount(index) => format!("gh_{index:012x}"),
        other => format!("wxid_{:014}", other.code() & 0xffff_ffff),
    }
}
