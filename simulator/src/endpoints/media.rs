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
use crate::names::scramble;
use crate::session::Session;
use crate::state::SimulatorState;
use crate::validator::Validator;
use crate::wire::{image, media, response};
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxgetmsgimg"), get(picture_or_voice))
        .route(&format!("{BIN}/webwxgetvoice"), get(picture_or_voice))
        .route(&format!("{BIN}/webwxgetvideo"), get(video))
        .route(&format!("{BIN}/webwxgetmedia"), get(file))
        .route(&format!("{BIN}/webwxgetpubliclinkimg"), get(map))
        .route(&format!("{BIN}/webwxgeticon"), get(avatar))
        .route(&format!("{BIN}/webwxgetheadimg"), get(avatar))
}

fn empty() -> Response {
    response::text("")
}

/// The media of the message with this `MsgID`. itchat sends `msgid`.
fn message_media(validator: &mut Validator<'_>, session: &Session) -> Option<Vec<u8>> {
    validator.check_skey(validator.call.query("skey"), session);
    let given = [validator.call.query("MsgID"), validator.call.query("msgid")];
    let id = given.into_iter().find(|id| !id.is_empty()).unwrap_or("").to_owned();
    let found = id.parse().ok().and_then(|id| {
        let message = validator.state.accounts.get(&session.uin)?.inbox.message(id)?;
        (!message.media.is_empty()).then(|| message.media.clone())
    });
    if found.is_none() {
        validator.report("media_unknown", format!("message {id:?} has no media"));
    }
    found
}

/// Returns a picture, a sticker or a voice message.
async fn picture_or_voice(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut validator = Validator::new(&mut state, &call);
    let Ok(session) = validator.authenticate_cookies() else { return empty() };
    match message_media(&mut validator, &session) {
        Some(bytes) => response::bytes(media::content_type(&bytes), bytes),
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
    let Some(bytes) = message_media(&mut validator, &session) else { return empty() };
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
    match avatar_seed(&state, &session, contact) {
        Some(seed) => response::bytes("image/png", image::picture(seed)),
        None => empty(),
    }
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
