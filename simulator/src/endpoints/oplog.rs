//! Changes by a client: remarks and pinned chats (`webwxoplog`), friend requests (`webwxverifyuser`).

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::BIN;
use crate::call::Call;
use crate::contact_ref::ContactRef;
use crate::inbox::Entry;
use crate::record::text_of;
use crate::session::Session;
use crate::validator::Validator;
use crate::wire::response;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxoplog"), post(oplog))
        .route(&format!("{BIN}/webwxverifyuser"), post(verify_user))
}

/// `CmdId` 2 sets a remark, which `ModContactList` then reports. `CmdId` 3 pins a chat.
async fn oplog(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, &call);
        let (body, session) = match validator.authenticate_post() {
            Ok(found) => found,
            Err(refusal) => return refusal.response(),
        };
        let name = text_of(&body["UserName"]);
        let Some(contact) = validator.find_contact(&session, &name) else {
            return response::ret(response::RET_PARAMETER);
        };
        match body["CmdId"].as_u64() {
            Some(2) => return set_remark(&mut validator, &session, contact, &body["RemarkName"]),
            Some(3) => {}
            _ => validator.report("oplog_command", format!("CmdId is {}", body["CmdId"])),
        }
        response::json(&json!({"BaseResponse": response::base(0)}))
    })
}

/// Only friends and official accounts have remarks.
fn set_remark(validator: &mut Validator<'_>, session: &Session, contact: ContactRef, remark: &Value) -> Response {
    let saved = matches!(contact, ContactRef::Friend(_) | ContactRef::OfficialAccount(_) | ContactRef::Petitioner(_));
    let account = validator.state.accounts.get_mut(&session.uin).filter(|_| saved);
    let person = account.as_ref().and_then(|account| account.book.person(contact).map(std::borrow::Cow::into_owned));
    let (Some(account), Some(mut person), Some(remark)) = (account, person, remark.as_str()) else {
        validator.report("remark", format!("{contact} cannot have the remark {remark}"));
        return response::ret(response::RET_PARAMETER);
    };
    remark.clone_into(&mut person.remark_name);
    account.book.edit(contact, person);
    validator.state.append(session.uin, Entry::Changed(contact));
    response::json(&json!({"BaseResponse": response::base(0)}))
}

/// `Opcode` 3 accepts a friend request with its ticket. `ModContactList` then reports the new friend.
/// `Opcode` 2 sends a friend request, which is never answered.
async fn verify_user(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, &call);
        let (body, session) = match validator.authenticate_post() {
            Ok(found) => found,
            Err(refusal) => return refusal.response(),
        };
        let item = &body["VerifyUserList"][0];
        let (name, ticket) = (text_of(&item["Value"]), text_of(&item["VerifyUserTicket"]));
        let Some(contact) = validator.find_contact(&session, &name) else {
            return response::ret(response::RET_PARAMETER);
        };
        if body["VerifyUserListSize"] != json!(1) || text_of(&body["skey"]) != session.skey {
            validator.report("verify_parameters", "VerifyUserListSize is 1 and skey the session's");
        }
        let scenes = body["SceneList"].as_array().map_or(0, Vec::len);
        if scenes == 0 || body["SceneListCount"] != json!(scenes) {
            validator.report("verify_parameters", "SceneList has SceneListCount scenes");
        }
        match body["Opcode"].as_u64() {
            Some(3) => return accept_request(&mut validator, &session, contact, &ticket),
            Some(1 | 2) => {}
            _ => validator.report("verify_opcode", format!("Opcode is {}", body["Opcode"])),
        }
        response::json(&json!({"BaseResponse": response::base(0)}))
    })
}

fn accept_request(validator: &mut Validator<'_>, session: &Session, contact: ContactRef, ticket: &str) -> Response {
    if ticket.is_empty() {
        validator.tolerate("verify_ticket", "no ticket, as itchat does; RecommendInfo has one");
    }
    let accepted = validator
        .state
        .accounts
        .get_mut(&session.uin)
        .is_some_and(|account| account.book.accept_request(contact, ticket));
    if !accepted {
        validator.report("verify_ticket", format!("{ticket:?} is not RecommendInfo.Ticket"));
        return response::ret(response::RET_PARAMETER);
    }
    validator.state.append(session.uin, Entry::Changed(contact));
    response::json(&json!({"BaseResponse": response::base(0)}))
}
