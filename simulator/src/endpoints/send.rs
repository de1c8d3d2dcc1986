//! Outbound messages: text, pictures, stickers, videos and files; and recalls.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::BIN;
use super::upload::ANNOUNCE_ABOVE;
use crate::call::Call;
use crate::clock;
use crate::contact_ref::ContactRef;
use crate::record::{Sent, SentKind, text_of};
use crate::session::Session;
use crate::upload::UploadPermit;
use crate::validator::Validator;
use crate::wire::response;
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

/// Accepts a message of this kind. webwxsync does not return it to the sender.
fn send(world: &World, call: &Call, kind: SentKind) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, call);
        let (body, session) = match validator.authenticate_post() {
            Ok(found) => found,
            Err(refusal) => return refusal.response(),
        };
        let Some((to, sent)) = parse_message(&mut validator, &session, &body["Msg"], kind) else {
            return response::ret(response::RET_PARAMETER);
        };
        let msg_id = state.next_message_id();
        let Some(account) = state.accounts.get_mut(&session.uin) else { return response::ret(response::RET_COOKIE) };
        let to_name = account.book.nick_name(to);
        let local_id = sent.local_id.clone();
        account.sent.push(Sent { msg_id, to, to_name, at: clock::unix_micros(), ..sent });
        response::json(&json!({
            "BaseResponse": response::base(0),
            "MsgID": msg_id.to_string(),
            "LocalID": local_id,
        }))
    })
}

/// Validates the `Msg` of a request. Returns `None` if WeChat would refuse it.
fn parse_message(
    validator: &mut Validator<'_>,
    session: &Session,
    msg: &Value,
    kind: SentKind,
) -> Option<(ContactRef, Sent)> {
    let expected: &[u64] = match kind {
        SentKind::Text => &[1],
        SentKind::Image => &[3],
        SentKind::Sticker => &[47],
        SentKind::Video => &[43],
        SentKind::App => &[5, 6, 49],
    };
    if !msg["Type"].as_u64().is_some_and(|given| expected.contains(&given)) {
        validator.report("msg_type", format!("Type is {}, not one of {expected:?}", msg["Type"]));
    }
    if text_of(&msg["FromUserName"]) != session.user_name(ContactRef::Myself) {
        validator.report("from_wrong", "FromUserName is not the account's own");
        return None;
    }
    let (local_id, client_msg_id) = (text_of(&msg["LocalID"]), text_of(&msg["ClientMsgId"]));
    let ids = format!("LocalID {local_id:?}, ClientMsgId {client_msg_id:?}");
    if local_id.is_empty() || client_msg_id.is_empty() {
        validator.report("local_id", ids);
    } else if local_id != client_msg_id {
        // itchat reads the clock once for each of the two ids.
        validator.tolerate("local_id", ids);
    }
    let to_user_name = text_of(&msg["ToUserName"]);
    let to = validator.find_contact(session, &to_user_name)?;
    let text = text_of(&msg["Content"]);
    let media_id = referenced_upload(validator, session, msg, kind)?;
    if kind == SentKind::Text && text.is_empty() {
        validator.report("text_empty", "Content is empty");
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

/// The `MediaId` of the upload that the message refers to, or empty if its kind needs none. Returns `None` if
/// the upload does not exist. A sticker may use its MD5 instead.
fn referenced_upload(validator: &mut Validator<'_>, session: &Session, msg: &Value, kind: SentKind) -> Option<String> {
    let content = text_of(&msg["Content"]);
    let id = match kind {
        SentKind::Text => return Some(String::new()),
        SentKind::App if !content.contains("<type>6</type>") => return Some(String::new()),
        SentKind::App => between(&content, "<attachid>", "</attachid>").to_owned(),
        SentKind::Sticker if !text_of(&msg["EMoticonMd5"]).is_empty() => return Some(String::new()),
        SentKind::Image | SentKind::Sticker | SentKind::Video => text_of(&msg["MediaId"]),
    };
    let required = match kind {
        SentKind::Sticker => [("fun", "sys"), ("fun", "sys")],
        _ => [("fun", "async"), ("f", "json")],
    };
    for (name, value) in required {
        if validator.call.query(name) != value {
            validator.report("send_parameters", format!("{name} is not {value}"));
        }
    }
    let Some(upload) = validator.state.uploads.get(&id).filter(|upload| upload.uin == session.uin) else {
        validator.report("media_id_unknown", format!("nothing was uploaded as {id:?}"));
        return None;
    };
    let upload = upload.clone();
    let size = upload.bytes.len().to_string();
    let media_type = match kind {
        SentKind::Image => "pic",
        SentKind::Video => "video",
        _ => &*upload.media_type,
    };
    if upload.media_type != media_type {
        let detail = format!("it was uploaded as {:?}, not as {media_type:?}", upload.media_type);
        validator.tolerate("upload_media_type", detail);
    }
    if kind == SentKind::App && between(&content, "<totallen>", "</totallen>") != size {
        validator.report("file_size", format!("totallen is not {size}"));
    }
    if upload.bytes.len() as u64 > ANNOUNCE_ABOVE {
        let permit = UploadPermit {
            size: upload.bytes.len() as u64,
            aes_key: text_of(&msg["AESKey"]),
            signature: text_of(&msg["Signature"]),
        };
        if !validator.state.upload_permits.contains(&permit) {
            validator.report("upload_not_announced", "AESKey and Signature are not webwxcheckupload's");
        }
    }
    Some(id)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(inner, _)| inner)
}

/// Recalls a message that was sent to this chat, once, within the time that WeChat allows.
async fn revoke(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, &call);
        let (body, session) = match validator.authenticate_post() {
            Ok(found) => found,
            Err(refusal) => return refusal.response(),
        };
        let (id, to) = (text_of(&body["SvrMsgId"]), text_of(&body["ToUserName"]));
        let contact = session.contact(&to);
        let window = u64::try_from(validator.state.config.revoke_window.as_micros()).unwrap_or(u64::MAX);
        let account = validator.state.accounts.get_mut(&session.uin);
        let sent = account
            .and_then(|account| account.sent.iter_mut().find(|sent| sent.msg_id.to_string() == id))
            .filter(|sent| Some(sent.to) == contact);
        let Some(sent) = sent else {
            validator.report("revoke_unknown", format!("no message {id:?} was sent to {to:?}"));
            return response::ret(response::RET_PARAMETER);
        };
        if sent.revoked || sent.at.saturating_add(window) < clock::unix_micros() {
            return response::ret(response::RET_PARAMETER);
        }
        sent.revoked = true;
        let (expected, given) = (sent.client_msg_id.clone(), text_of(&body["ClientMsgId"]));
        if given.is_empty() {
            validator.report("local_id", "there is no ClientMsgId");
        } else if given != expected {
            // itchat reads the clock again.
            validator.tolerate("local_id", format!("ClientMsgId is {given:?}, the message has {expected:?}"));
        }
        response::json(&json!({
            "BaseResponse": response::base(0),
            "Introduction": "你可以撤回 2 分钟内的消息",
            "SysWording": "",
        }))
    })
}
