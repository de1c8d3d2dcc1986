//! Media in: pictures, recordings, videos and files of messages; avatars. What WeChat has not got
//! it answers with 200 and nothing.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;

use super::BIN;
use crate::call::Call;
use crate::contact_ref::ContactRef;
use crate::names::scramble;
use crate::rules::Judge;
use crate::session::Session;
use crate::state::State as Simulated;
use crate::wire::{answer, image, media};
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxgetmsgimg"), get(of_message))
        .route(&format!("{BIN}/webwxgetvoice"), get(of_message))
        .route(&format!("{BIN}/webwxgetvideo"), get(video))
        .route(&format!("{BIN}/webwxgetmedia"), get(file))
        .route(&format!("{BIN}/webwxgetpubliclinkimg"), get(map))
        .route(&format!("{BIN}/webwxgeticon"), get(avatar))
        .route(&format!("{BIN}/webwxgetheadimg"), get(avatar))
}

fn nothing() -> Response {
    answer::text("")
}

/// The message's bytes by `MsgID` (or `msgid`, as itchat has it).
fn bytes_of(judge: &mut Judge<'_>, session: &Session) -> Option<Vec<u8>> {
    judge.skey(judge.call.query("skey"), session);
    let given = [judge.call.query("MsgID"), judge.call.query("msgid")];
    let id = given.into_iter().find(|id| !id.is_empty()).unwrap_or("").to_owned();
    let found = id.parse().ok().and_then(|id| {
        let message = judge.state.accounts.get(&session.uin)?.inbox.message(id)?;
        (!message.media.is_empty()).then(|| message.media.clone())
    });
    if found.is_none() {
        judge.broken("media_unknown", format!("message {id:?} has no media"));
    }
    found
}

/// A picture, sticker or recording.
async fn of_message(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut judge = Judge::new(&mut state, &call);
    let Ok(session) = judge.by_cookies() else { return nothing() };
    match bytes_of(&mut judge, &session) {
        Some(bytes) => answer::bytes(media::content_type(&bytes), bytes),
        None => nothing(),
    }
}

/// A video; without a range there is none.
async fn video(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut judge = Judge::new(&mut state, &call);
    let Ok(session) = judge.by_cookies() else { return nothing() };
    if call.header("range") != "bytes=0-" {
        judge.broken("range_missing", format!("Range is {:?}, not bytes=0-", call.header("range")));
        return nothing();
    }
    let Some(bytes) = bytes_of(&mut judge, &session) else { return nothing() };
    let range = format!("bytes 0-{}/{}", bytes.len() - 1, bytes.len());
    let mut response = answer::bytes("video/mp4", bytes);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    if let Ok(range) = HeaderValue::from_str(&range) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

/// A file, for whoever shows the data ticket in the query.
async fn file(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut judge = Judge::new(&mut state, &call);
    judge.host("file.");
    let Ok(session) = judge.by_cookies() else { return nothing() };
    if call.query("webwx_data_ticket") != session.data_ticket {
        judge.broken("data_ticket_wrong", "webwx_data_ticket is not the cookie's");
        return nothing();
    }
    let sender = session.contact(call.query("sender"));
    let from_user = call.query("fromuser");
    if from_user != session.uin.to_string() && session.contact(from_user) != Some(ContactRef::Myself) {
        judge.broken("from_wrong", format!("fromuser is {from_user:?}"));
    }
    let id = call.query("mediaid").strip_prefix("@cdn_").and_then(|id| u64::from_str_radix(id, 16).ok());
    let found = id.and_then(|id| {
        let message = judge.state.accounts.get(&session.uin)?.inbox.message(id)?;
        (Some(message.from) == sender).then(|| message.media.clone())
    });
    let Some(bytes) = found else {
        judge.broken("media_unknown", "no file of that sender has that mediaid");
        return nothing();
    };
    answer::bytes("application/octet-stream", bytes)
}

/// The little map of a location.
async fn map(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    match Judge::new(&mut state, &call).by_cookies() {
        Ok(_) => answer::bytes("image/png", image::picture(scramble(7))),
        Err(_) => nothing(),
    }
}

/// The picture of a person or group: the same in every session, another one after a change.
async fn avatar(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut judge = Judge::new(&mut state, &call);
    let Ok(session) = judge.by_cookies() else { return nothing() };
    let given = [call.query("username"), call.query("userName")];
    let name = given.into_iter().find(|name| !name.is_empty()).unwrap_or("");
    let Some(contact) = session.contact(name) else {
        judge.broken("user_name_unknown", format!("nobody is called {name:?} in this session"));
        return nothing();
    };
    if matches!(contact, ContactRef::Group(_)) != (call.endpoint == "webwxgetheadimg") {
        judge.broken("avatar_page", format!("{} is not where that picture is", call.endpoint));
    }
    match seed(&state, &session, contact) {
        Some(seed) => answer::bytes("image/png", image::picture(seed)),
        None => nothing(),
    }
}

fn seed(state: &Simulated, session: &Session, contact: ContactRef) -> Option<u64> {
    let book = &state.accounts.get(&session.uin)?.book;
    let seq = match contact {
        ContactRef::Group(group) => book.group(group)?.head_seq,
        ContactRef::Special(_) => 0,
        person => book.person(person)?.head_seq,
    };
    Some(scramble(session.uin ^ contact.code()) ^ u64::from(seq))
}
