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
use crate::session::{KeyCount, Session};
use crate::state::SimulatorState;
use crate::validator::Validator;
use crate::wire::contact::{Contact, ContactWriter, Members};
use crate::wire::response;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxinit"), post(init))
        .route(&format!("{BIN}/webwxstatusnotify"), post(status_notify))
        .route(&format!("{BIN}/webwxstatreport"), post(|| async { response::ret(0) }))
}

/// Returns the account, its recent chats, and the first sync key with four pairs.
async fn init(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let session = match Validator::new(state, &call).authenticate_post() {
            Ok((_, session)) => session,
            Err(refusal) => return refusal.response(),
        };
        let Some(account) = state.accounts.get(&session.uin) else { return response::ret(response::RET_COOKIE) };
        let position = account.inbox.len();
        let response = init_response(account, &session, position);
        if let Some(session) = state.sessions.get_mut(&session.sid) {
            session.online = true;
            session.confirmed = session.confirmed.max(position);
        }
        response
    })
}

fn init_response(account: &crate::account::Account, session: &Session, position: usize) -> Response {
    let writer = ContactWriter { book: &account.book, session };
    let recent = account.book.recent();
    let chats: Vec<Contact> = recent.iter().filter_map(|contact| writer.contact(*contact, Members::Names)).collect();
    let names: Vec<String> = recent.iter().map(|contact| session.user_name(*contact)).collect();
    response::json(&json!({
        "BaseResponse": response::base(0),
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

/// Code 3 tells the phone that a web login is active. The phone answers with a message of type 51 that lists
/// its chats. Code 1 marks a chat as read.
async fn status_notify(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, &call);
        let (body, session) = match validator.authenticate_post() {
            Ok(found) => found,
            Err(refusal) => return refusal.response(),
        };
        let myself = session.user_name(ContactRef::Myself);
        if text_of(&body["FromUserName"]) != myself {
            validator.report("from_wrong", "FromUserName is not the account's own");
            return response::ret(response::RET_PARAMETER);
        }
        if text_of(&body["ClientMsgId"]).is_empty() {
            validator.report("client_msg_id_missing", "no ClientMsgId");
        }
        if body["Code"] == json!(3) {
            push_chat_list(state, &session);
        }
        let id = state.next_message_id();
        response::json(&json!({"BaseResponse": response::base(0), "MsgID": id.to_string()}))
    })
}

fn push_chat_list(state: &mut SimulatorState, session: &Session) {
    let Some(account) = state.accounts.get(&session.uin) else { return };
    let chats = account.book.recent();
    let ids: Vec<String> = chats.iter().map(|chat| phone_user_name(*chat)).collect();
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
        raw: Vec::new(),
        create_time: clock::unix_seconds(),
    };
    state.append_message(session.uin, message);
}

/// The permanent user name that the phone uses for a chat.
fn phone_user_name(contact: ContactRef) -> String {
    match contact {
        ContactRef::Special(name) => name.into(),
        ContactRef::Group(group) => format!("{}@chatroom", 2_000_000_000 + u64::from(group)),
        ContactRef::OfficialAccount(index) => format!("gh_{index:012x}"),
        other => format!("wxid_{:014}", other.code() & 0xffff_ffff),
    }
}
