//! Groups that a client creates or changes: `webwxcreatechatroom`, `webwxupdatechatroom`.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::BIN;
use crate::call::Call;
use crate::contact_ref::ContactRef;
use crate::inbox::Entry;
use crate::person::{Group, Member};
use crate::record::text_of;
use crate::session::Session;
use crate::validator::Validator;
use crate::wire::response;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxcreatechatroom"), post(create))
        .route(&format!("{BIN}/webwxupdatechatroom"), post(update))
}

/// Creates a group of at least two friends.
async fn create(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, &call);
        let (body, session) = match validator.authenticate_post() {
            Ok(found) => found,
            Err(refusal) => return refusal.response(),
        };
        let names: Vec<String> =
            body["MemberList"].as_array().into_iter().flatten().map(|item| text_of(&item["UserName"])).collect();
        let members = members_by_user_name(&mut validator, &session, &names);
        if members.len() < 2 || body["MemberCount"] != json!(names.len()) {
            validator
                .report("create_members", format!("{} members, MemberCount {}", members.len(), body["MemberCount"]));
            return response::ret(response::RET_PARAMETER);
        }
        let Some(account) = state.accounts.get_mut(&session.uin) else { return response::ret(response::RET_COOKIE) };
        let group = Group { members, ..Group::new(text_of(&body["Topic"])).unsaved() };
        let contact = ContactRef::Group(account.book.add_group(group));
        state.append(session.uin, Entry::Changed(contact));
        response::json(&json!({
            "BaseResponse": response::base(0),
            "Topic": "", "PYInitial": "", "QuanPin": "",
            "MemberCount": names.len(),
            "MemberList": body["MemberList"],
            "ChatRoomName": session.user_name(contact),
            "BlackList": "",
        }))
    })
}

/// Changes a group. `fun` is `modtopic`, `addmember`, `delmember` or `invitemember`, which invites a person
/// without adding them.
async fn update(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, &call);
        let (body, session) = match validator.authenticate_post() {
            Ok(found) => found,
            Err(refusal) => return refusal.response(),
        };
        let Some(ContactRef::Group(index)) = session.contact(&text_of(&body["ChatRoomName"])) else {
            validator.report("user_name_unknown", "ChatRoomName is no group of this session");
            return response::ret(response::RET_PARAMETER);
        };
        let list = |field: &str| text_of(&body[field]).split(',').map(str::to_owned).collect::<Vec<_>>();
        let added = members_by_user_name(
            &mut validator,
            &session,
            &match call.query("fun") {
                "addmember" => list("AddMemberList"),
                _ => Vec::new(),
            },
        );
        let removed = members_by_user_name(
            &mut validator,
            &session,
            &match call.query("fun") {
                "delmember" => list("DelMemberList"),
                _ => Vec::new(),
            },
        );
        if !["modtopic", "addmember", "invitemember", "delmember"].contains(&call.query("fun")) {
            validator.report("update_function", format!("fun is {:?}", call.query("fun")));
            return response::ret(response::RET_PARAMETER);
        }
        let topic = (call.query("fun") == "modtopic").then(|| text_of(&body["NewTopic"]));
        let Some(account) = state.accounts.get_mut(&session.uin) else { return response::ret(response::RET_COOKIE) };
        let Some(mut group) = account.book.group(index).map(std::borrow::Cow::into_owned) else {
            return response::ret(response::RET_PARAMETER);
        };
        group.members.extend(added);
        for member in &mut group.members {
            member.left |= removed.iter().any(|gone| gone.person.nick_name == member.person.nick_name);
        }
        group.nick_name = topic.unwrap_or(group.nick_name);
        account.book.edit_group(index, group);
        state.append(session.uin, Entry::Changed(ContactRef::Group(index)));
        response::json(&json!({
            "BaseResponse": response::base(0), "MemberCount": 0, "MemberList": Value::Array(Vec::new()),
        }))
    })
}

/// Resolves the user names to people. Unknown names are recorded as violations.
fn members_by_user_name(validator: &mut Validator<'_>, session: &Session, names: &[String]) -> Vec<Member> {
    let mut members = Vec::new();
    for name in names {
        let person = session.contact(name).and_then(|contact| {
            let book = &validator.state.accounts.get(&session.uin)?.book;
            book.person(contact).map(std::borrow::Cow::into_owned)
        });
        match person {
            Some(person) => members.push(Member { person, ..Member::default() }),
            None => validator.report("user_name_unknown", format!("nobody is called {name:?} in this session")),
        }
    }
    members
}
