//! What clients send: text, pictures, stickers, videos, files, and taking it back.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::BIN;
use crate::call::Call;
use crate::clock;
use crate::contact_ref::ContactRef;
use crate::record::{Sent, SentKind, text_of};
use crate::rules::{Judge, RET_PARAMETER};
use crate::session::Session;
use crate::wire::answer;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxsendmsg"), post(text))
        .route(&format!("{BIN}/webwxsendmsgimg"), post(image))
        .route(&format!("{BIN}/webwxsendemoticon"), post(sticker))
        .route(&format!("{BIN}/webwxsendvideomsg"), post(video))
        .route(&format!("{BIN}/webwxsendappmsg"), post(app))
        .route(&format!("{BIN}/webwxrevokemsg"), post(revoke))
}

async fn text(world: State<World>, call: Call) -> Response {
    send(&world.0, &call, SentKind::Text)
}

async fn image(world: State<World>, call: Call) -> Response {
    send(&world.0, &call, SentKind::Image)
}

async fn sticker(world: State<World>, call: Call) -> Response {
    send(&world.0, &call, SentKind::Sticker)
}

async fn video(world: State<World>, call: Call) -> Response {
    send(&world.0, &call, SentKind::Video)
}

async fn app(world: State<World>, call: Call) -> Response {
    send(&world.0, &call, SentKind::App)
}

/// Takes a message of this kind; it is not echoed by webwxsync.
fn send(world: &World, call: &Call, kind: SentKind) -> Response {
    world.change(|state| {
        let mut judge = Judge::new(state, call);
        let (body, session) = match judge.posted() {
            Ok(found) => found,
            Err(refused) => return refused.answer(),
        };
        let Some((to, sent)) = check(&mut judge, &session, &body["Msg"], kind) else {
            return answer::ret(RET_PARAMETER);
        };
        let msg_id = state.next_message_id();
        let Some(account) = state.accounts.get_mut(&session.uin) else { return answer::ret(1102) };
        let to_name = account.book.nick_name(to);
        let local_id = sent.local_id.clone();
        account.sent.push(Sent { msg_id, to, to_name, at: clock::unix_micros(), ..sent });
        answer::json(&json!({
            "BaseResponse": answer::base(0),
            "MsgID": msg_id.to_string(),
            "LocalID": local_id,
        }))
    })
}

/// The `Msg` of a send, or `None` if WeChat would not take it.
fn check(judge: &mut Judge<'_>, session: &Session, msg: &Value, kind: SentKind) -> Option<(ContactRef, Sent)> {
    let expected: &[u64] = match kind {
        SentKind::Text => &[1],
        SentKind::Image => &[3],
        SentKind::Sticker => &[47],
        SentKind::Video => &[43],
        SentKind::App => &[5, 6, 49],
    };
    if !msg["Type"].as_u64().is_some_and(|given| expected.contains(&given)) {
        judge.broken("msg_type", format!("Type is {}, not one of {expected:?}", msg["Type"]));
    }
    if text_of(&msg["FromUserName"]) != session.user_name(ContactRef::Myself) {
        judge.broken("from_wrong", "FromUserName is not the account's own");
        return None;
    }
    let (local_id, client_msg_id) = (text_of(&msg["LocalID"]), text_of(&msg["ClientMsgId"]));
    let ids = format!("LocalID {local_id:?}, ClientMsgId {client_msg_id:?}");
    if local_id.is_empty() || client_msg_id.is_empty() {
        judge.broken("local_id", ids);
    } else if local_id != client_msg_id {
        // itchat looks at the clock twice.
        judge.tolerated("local_id", ids);
    }
    let to_user_name = text_of(&msg["ToUserName"]);
    let Some(to) = session.contact(&to_user_name) else {
        judge.broken("user_name_unknown", format!("nobody is called {to_user_name:?} in this session"));
        return None;
    };
    let text = text_of(&msg["Content"]);
    let media_id = media(judge, session, msg, kind)?;
    if kind == SentKind::Text && text.is_empty() {
        judge.broken("text_empty", "Content is empty");
        return None;
    }
    let sent = Sent {
        msg_id: 0,
        to,
        to_name: String::new(),
        to_user_name,
        kind,
        text,
        media_id,
        local_id,
        client_msg_id,
        revoked: false,
        at: 0,
    };
    Some((to, sent))
}

/// The upload that the message refers to; `None` if there is none such. A sticker may be known by
/// its MD5, and only files and media have one at all.
fn media(judge: &mut Judge<'_>, session: &Session, msg: &Value, kind: SentKind) -> Option<String> {
    let content = text_of(&msg["Content"]);
    let id = match kind {
        SentKind::Text => return Some(String::new()),
        SentKind::App if !content.contains("<type>6</type>") => return Some(String::new()),
        SentKind::App => between(&content, "<attachid>", "</attachid>").to_owned(),
        SentKind::Sticker if !text_of(&msg["EMoticonMd5"]).is_empty() => return Some(String::new()),
        SentKind::Image | SentKind::Sticker | SentKind::Video => text_of(&msg["MediaId"]),
    };
    let asked = match kind {
        SentKind::Sticker => [("fun", "sys"), ("fun", "sys")],
        _ => [("fun", "async"), ("f", "json")],
    };
    for (name, value) in asked {
        if judge.call.query(name) != value {
            judge.broken("send_parameters", format!("{name} is not {value}"));
        }
    }
    let Some(upload) = judge.state.uploads.get(&id).filter(|upload| upload.uin == session.uin) else {
        judge.broken("media_id_unknown", format!("nothing was uploaded as {id:?}"));
        return None;
    };
    let size = upload.bytes.len().to_string();
    if kind == SentKind::App && between(&content, "<totallen>", "</totallen>") != size {
        judge.broken("file_size", format!("totallen is not {size}"));
    }
    Some(id)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(inner, _)| inner)
}

/// Takes back a message that was sent to that chat.
async fn revoke(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut judge = Judge::new(state, &call);
        let (body, session) = match judge.posted() {
            Ok(found) => found,
            Err(refused) => return refused.answer(),
        };
        let (id, to) = (text_of(&body["SvrMsgId"]), text_of(&body["ToUserName"]));
        let contact = session.contact(&to);
        let sent = judge
            .state
            .accounts
            .get_mut(&session.uin)
            .and_then(|account| account.sent.iter_mut().find(|sent| sent.msg_id.to_string() == id))
            .filter(|sent| Some(sent.to) == contact);
        let Some(sent) = sent else {
            judge.broken("revoke_unknown", format!("no message {id:?} was sent to {to:?}"));
            return answer::ret(RET_PARAMETER);
        };
        sent.revoked = true;
        answer::json(&json!({
            "BaseResponse": answer::base(0),
            "Introduction": "你可以撤回 2 分钟内的消息",
            "SysWording": "",
        }))
    })
}
