//! Inbound media: pictures, voice messages, videos and files of messages, and avatars. For missing media
//! WeChat returns 200 with an empty body.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;

use super::BIN;
use crate::call::Call;
use crate::contact_ref::ContactRef;
use crate::names::{encry_chat_room_id, scramble};
use crate::session::Session;
use crate::state::SimulatorState;
use crate::validator::Validator;
use crate::wire::{image, media, response};
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxgetmsgimg"), get(picture))
        .route(&format!("{BIN}/webwxgetvoice"), get(voice))
        .route(&format!("{BIN}/webwxgetvideo"), get(video))
        .route(&format!("{BIN}/webwxgetmedia"), get(file))
        .route(&format!("{BIN}/webwxgetpubliclinkimg"), get(map))
        .route(&format!("{BIN}/webwxgeticon"), get(avatar))
        .route(&format!("{BIN}/webwxgetheadimg"), get(avatar))
}

fn empty() -> Response {
    response::text("")
}

/// The media of the message with this `MsgID`, if it has one of these `MsgType`s. itchat sends `msgid`.
fn message_media(validator: &mut Validator<'_>, session: &Session, types: &[u32]) -> Option<(u64, Vec<u8>)> {
    validator.check_skey(validator.call.query("skey"), session);
    let given = [validator.call.query("MsgID"), validator.call.query("msgid")];
    let id = given.into_iter().find(|id| !id.is_empty()).unwrap_or("").to_owned();
    let found = id.parse().ok().and_then(|id| {
        let message = validator.state.accounts.get(&session.uin)?.inbox.message(id)?;
        (!message.media.is_empty() && types.contains(&message.msg_type)).then(|| (id, message.media.clone()))
    });
    if found.is_none() {
        validator.report("media_unknown", format!("message {id:?} has no media of that kind"));
    }
    found
}

/// Returns a picture or a sticker: a small picture for `type=slave`, else the large one. `big` is what WeChat's own page
/// asks for with a sticker; wechat4u asks so for every picture.
async fn picture(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut validator = Validator::new(&mut state, &call);
    let Ok(session) = validator.authenticate_cookies() else { return empty() };
    let Some((id, bytes)) = message_media(&mut validator, &session, &[3, 47, 49]) else { return empty() };
    let bytes = match call.query("type") {
        "" | "big" => bytes,
        "slave" => media::thumbnail(id),
        other => {
            validator.report("picture_type", format!("type is {other:?}, not big or slave"));
            return empty();
        }
    };
    response::bytes(media::content_type(&bytes), bytes)
}

/// Returns a voice message.
async fn voice(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut validator = Validator::new(&mut state, &call);
    let Ok(session) = validator.authenticate_cookies() else { return empty() };
    match message_media(&mut validator, &session, &[34]) {
        Some((_, bytes)) => response::bytes(media::content_type(&bytes), bytes),
        None => empty(),
    }
}

/// Returns a video. A request without a range gets an empty body.
async fn video(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut validator = Validator::new(&mut state, &call);
    let Ok(session) = validator.authenticate_cookies() else { return empty() };
    if call.header("range") != "bytes=0-" {
        validator.report("range_missing", format!("Range is {:?}, not bytes=0-", call.header("range")));
        return empty();
    }
    let Some((_, bytes)) = message_media(&mut validator, &session, &[43, 62]) else { return empty() };
    let range = format!("bytes 0-{}/{}", bytes.len() - 1, bytes.len());
    let mut response = response::bytes("video/mp4", bytes);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    if let Ok(range) = HeaderValue::from_str(&range) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

/// Returns a file. The query must contain the data ticket.
async fn file(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut validator = Validator::new(&mut state, &call);
    validator.check_host("file.");
    let Ok(session) = validator.authenticate_cookies() else { return empty() };
    if call.query("webwx_data_ticket") != session.data_ticket {
        validator.report("data_ticket_wrong", "webwx_data_ticket is not the cookie's");
        return empty();
    }
    let sender = session.contact(call.query("sender"));
    let from_user = call.query("fromuser");
    if from_user != session.uin.to_string() && session.contact(from_user) != Some(ContactRef::Myself) {
        validator.report("from_wrong", format!("fromuser is {from_user:?}"));
    }
    let id = call.query("mediaid").strip_prefix("@cdn_").and_then(|id| u64::from_str_radix(id, 16).ok());
    let found = id.and_then(|id| {
        let message = validator.state.accounts.get(&session.uin)?.inbox.message(id)?;
        (Some(message.from) == sender).then(|| message.media.clone())
    });
    let Some(bytes) = found else {
        validator.report("media_unknown", "no file of that sender has that mediaid");
        return empty();
    };
    response::bytes("application/octet-stream", bytes)
}

/// Returns the map picture of a location.
async fn map(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    match Validator::new(&mut state, &call).authenticate_cookies() {
        Ok(_) => response::bytes("image/png", image::picture(scramble(7))),
        Err(_) => empty(),
    }
}

/// Returns the avatar of a person or group. It is the same in every session until it is changed.
async fn avatar(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut validator = Validator::new(&mut state, &call);
    let Ok(session) = validator.authenticate_cookies() else { return empty() };
    let given = [call.query("username"), call.query("userName")];
    let name = given.into_iter().find(|name| !name.is_empty()).unwrap_or("");
    let Some(contact) = validator.find_contact(&session, name) else {
        return empty();
    };
    if matches!(contact, ContactRef::Group(_)) != (call.endpoint == "webwxgetheadimg") {
        validator.report("avatar_page", format!("{} is not where that picture is", call.endpoint));
    }
    validator.check_skey(call.query("skey"), &session);
    if !check_room(&mut validator, &session, contact) {
        return empty();
    }
    match avatar_seed(&state, &session, contact) {
        Some(seed) => response::bytes("image/png", image::picture(seed)),
        None => empty(),
    }
}

/// Whether `chatroomid` allows the picture: a member who is no contact is shown only with the `EncryChatRoomId` of a
/// group. itchat sends the group's user name where it does not know it.
fn check_room(validator: &mut Validator<'_>, session: &Session, contact: ContactRef) -> bool {
    let given = validator.call.query("chatroomid").to_owned();
    let room = match contact {
        _ if given.is_empty() => None,
        ContactRef::Stranger { group, .. } => Some(group),
        _ => (0..session_groups(validator, session)).find(|group| given == encry_chat_room_id(session.salt, *group)),
    };
    match (contact, room) {
        (ContactRef::Stranger { .. }, None) => {
            validator.report("avatar_room", "a member who is no contact needs a chatroomid");
            false
        }
        (_, None) if given.is_empty() => true,
        (_, Some(group)) if given == encry_chat_room_id(session.salt, group) => true,
        _ if matches!(session.contact(&given), Some(ContactRef::Group(_))) => {
            validator.tolerate("avatar_room", "chatroomid is the group's user name, not its EncryChatRoomId");
            true
        }
        _ => {
            validator.report("avatar_room", format!("chatroomid {given:?} is no EncryChatRoomId"));
            false
        }
    }
}

fn session_groups(validator: &Validator<'_>, session: &Session) -> u32 {
    validator.state.accounts.get(&session.uin).map_or(0, |account| account.book.group_count())
}

fn avatar_seed(state: &SimulatorState, session: &Session, contact: ContactRef) -> Option<u64> {
    let book = &state.accounts.get(&session.uin)?.book;
    let seq = match contact {
        ContactRef::Group(group) => book.group(group)?.head_seq,
        ContactRef::Special(_) => 0,
        person => book.person(person)?.head_seq,
    };
    Some(scramble(session.uin ^ contact.code()) ^ u64::from(seq))
}
