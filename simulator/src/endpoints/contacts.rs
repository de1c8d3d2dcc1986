//! `webwxgetcontact` by pages, `webwxbatchgetcontact` by names.

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
use crate::rules::Judge;
use crate::session::Session;
use crate::wire::answer;
use crate::wire::contact::{Contact, Members, Writer};
use crate::world::World;

/// More than this many names in a call are left unanswered.
const BATCH: usize = 50;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxgetcontact"), get(get_contact).post(get_contact))
        .route(&format!("{BIN}/webwxbatchgetcontact"), post(batch_get_contact))
}

/// Friends, official accounts and saved groups; `Seq` is where the next page starts, 0 at the end.
async fn get_contact(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut judge = Judge::new(&mut state, &call);
    let session = match judge.by_cookies() {
        Ok(session) => session,
        Err(refused) => return refused.answer(),
    };
    judge.skey(call.query("skey"), &session);
    let start: usize = match call.query("seq") {
        "" => 0,
        seq => seq.parse().unwrap_or_else(|_| {
            judge.broken("seq_wrong", format!("seq is {seq:?}"));
            0
        }),
    };
    let size = state.config.contact_page;
    let Some(account) = state.accounts.get(&session.uin) else { return answer::ret(1102) };
    let writer = Writer { book: &account.book, session: &session };
    let mut saved = account.book.saved().skip(start);
    let page: Vec<Contact> =
        saved.by_ref().take(size).filter_map(|contact| writer.contact(contact, Members::None)).collect();
    let next = if saved.next().is_some() { start + size } else { 0 };
    answer::json(&json!({
        "BaseResponse": answer::base(0),
        "MemberCount": page.len(),
        "MemberList": page,
        "Seq": next,
    }))
}

/// Groups with their members; people; and members in full by the group's `EncryChatRoomId`.
async fn batch_get_contact(State(world): State<World>, call: Call) -> Response {
    let mut state = world.lock();
    let mut judge = Judge::new(&mut state, &call);
    let (body, session) = match judge.posted() {
        Ok(found) => found,
        Err(refused) => return refused.answer(),
    };
    if call.query("type") != "ex" {
        judge.broken("batch_type", "type is not ex");
    }
    let list = body["List"].as_array().cloned().unwrap_or_default();
    if body["Count"] != json!(list.len()) {
        judge.broken("batch_count", format!("Count is {}, the list has {}", body["Count"], list.len()));
    }
    if list.len() > BATCH {
        judge.broken("batch_too_large", format!("{} names in a call", list.len()));
    }
    let wanted: Vec<ContactRef> =
        list.iter().take(BATCH).filter_map(|item| asked(&mut judge, &session, item)).collect();
    let Some(account) = state.accounts.get(&session.uin) else { return answer::ret(1102) };
    let writer = Writer { book: &account.book, session: &session };
    let found: Vec<Contact> = wanted.into_iter().filter_map(|contact| writer.contact(contact, Members::All)).collect();
    answer::json(&json!({
        "BaseResponse": answer::base(0),
        "Count": found.len(),
        "ContactList": found,
    }))
}

/// Whom an item of the list means; strangers are told only with their group's id.
fn asked(judge: &mut Judge<'_>, session: &Session, item: &Value) -> Option<ContactRef> {
    let name = text_of(&item["UserName"]);
    let Some(contact) = session.contact(&name) else {
        judge.broken("user_name_unknown", format!("nobody is called {name:?} in this session"));
        return None;
    };
    let room = text_of(&item["EncryChatRoomId"]);
    if let ContactRef::Stranger { group, .. } = contact
        && room != names::encry_chat_room_id(session.salt, group)
    {
        judge.broken("encry_chat_room_id", format!("{name} is asked for with the group {room:?}"));
        return None;
    }
    Some(contact)
}
