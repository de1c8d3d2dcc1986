//! `webwxgetcontact` returns contacts by pages, `webwxbatchgetcontact` by user names.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::BIN;
use crate::call::Call;
use crate::contact_ref::ContactRef;
use crate::names;
use crate::record::text_of;
use crate::session::Session;
use crate::validator::Validator;
use crate::wire::contact::{Contact, ContactWriter, Members};
use crate::wire::response;
use crate::world::World;

/// The maximum number of user names per request. WeChat ignores the others.
const MAX_BATCH: usize = 50;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxgetcontact"), get(get_contact).post(get_contact))
        .route(&format!("{BIN}/webwxbatchgetcontact"), post(batch_get_contact))
}

/// Returns friends, official accounts and saved groups. `Seq` is the start of the next page, or 0 at the end.
async fn get_contact(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut validator = Validator::new(&mut state, &call);
    let session = match validator.authenticate_cookies() {
        Ok(session) => session,
        Err(refusal) => return refusal.response(),
    };
    validator.check_skey(call.query("skey"), &session);
    let start: usize = match call.query("seq") {
        "" => 0,
        seq => seq.parse().unwrap_or_else(|_| {
            validator.report("seq_wrong", format!("seq is {seq:?}"));
            0
        }),
    };
    let size = state.config.contact_page;
    let Some(account) = state.accounts.get(&session.uin) else { return response::ret(response::RET_COOKIE) };
    let writer = ContactWriter { book: &account.book, session: &session };
    let mut saved = account.book.saved().skip(start);
    let page: Vec<Contact> =
        saved.by_ref().take(size).filter_map(|contact| writer.contact(contact, Members::None)).collect();
    let next = if saved.next().is_some() { start + size } else { 0 };
    response::json(&json!({
        "BaseResponse": response::base(0),
        "MemberCount": page.len(),
        "MemberList": page,
        "Seq": next,
    }))
}

/// Returns groups with all members, other contacts, and members of a group by its `EncryChatRoomId`.
async fn batch_get_contact(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut validator = Validator::new(&mut state, &call);
    let (body, session) = match validator.authenticate_post() {
        Ok(found) => found,
        Err(refusal) => return refusal.response(),
    };
    if call.query("type") != "ex" {
        validator.report("batch_type", "type is not ex");
    }
    let list = body["List"].as_array().cloned().unwrap_or_default();
    if body["Count"] != json!(list.len()) {
        validator.report("batch_count", format!("Count is {}, the list has {}", body["Count"], list.len()));
    }
    if list.len() > MAX_BATCH {
        validator.report("batch_too_large", format!("{} names in a call", list.len()));
    }
    let wanted: Vec<ContactRef> =
        list.iter().take(MAX_BATCH).filter_map(|item| requested_contact(&mut validator, &session, item)).collect();
    let Some(account) = state.accounts.get(&session.uin) else { return response::ret(response::RET_COOKIE) };
    let writer = ContactWriter { book: &account.book, session: &session };
    let found: Vec<Contact> = wanted.into_iter().filter_map(|contact| writer.contact(contact, Members::All)).collect();
    response::json(&json!({
        "BaseResponse": response::base(0),
        "Count": found.len(),
        "ContactList": found,
    }))
}

/// Resolves an item of the list. A stranger is returned only with the `EncryChatRoomId` of the group.
fn requested_contact(validator: &mut Validator<'_>, session: &Session, item: &Value) -> Option<ContactRef> {
    let name = text_of(&item["UserName"]);
    let contact = validator.find_contact(session, &name)?;
    let room = text_of(&item["EncryChatRoomId"]);
    if let ContactRef::Stranger { group, .. } = contact
        && room != names::encry_chat_room_id(session.salt, group)
    {
        validator.report("encry_chat_room_id", format!("{name} is asked for with the group {room:?}"));
        return None;
    }
    Some(contact)
}
