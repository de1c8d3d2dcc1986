//! Groups that a client makes or changes: `webwxcreatechatroom`, `webwxupdatechatroom`.

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
use crate::rules::{Judge, RET_PARAMETER};
use crate::session::Session;
use crate::wire::answer;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxcreatechatroom"), post(create))
        .route(&format!("{BIN}/webwxupdatechatroom"), post(update))
}

/// A new group of at least two friends.
async fn create(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut judge = Judge::new(state, &call);
        let (body, session) = match judge.posted() {
            Ok(found) => found,
            Err(refused) => return refused.answer(),
        };
        let names: Vec<String> =
            body["MemberList"].as_array().into_iter().flatten().map(|item| text_of(&item["UserName"])).collect();
        let members = people(&mut judge, &session, &names);
        if members.len() < 2 || body["MemberCount"] != json!(names.len()) {
            judge.broken("create_members", format!("{} members, MemberCount {}", members.len(), body["MemberCount"]));
            return answer::ret(RET_PARAMETER);
        }
        let Some(account) = state.accounts.get_mut(&session.uin) else { return answer::ret(1102) };
        let group = Group { members, ..Group::new(text_of(&body["Topic"])).unsaved() };
        let contact = ContactRef::Group(account.book.add_group(group));
        state.append(session.uin, Entry::Changed(contact));
        answer::json(&json!({
            "BaseResponse": answer::base(0),
            "Topic": "", "PYInitial": "", "QuanPin": "",
            "MemberCount": names.len(),
            "MemberList": body["MemberList"],
            "ChatRoomName": session.user_name(contact),
            "BlackList": "",
        }))
    })
}

/// `fun` is `modtopic`, `addmember`, `invitemember` (who is asked, not added) or `delmember`.
async fn update(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut judge = Judge::new(state, &call);
        let (body, session) = match judge.posted() {
            Ok(found) => found,
            Err(refused) => return refused.answer(),
        };
        let Some(ContactRef::Group(index)) = session.contact(&text_of(&body["ChatRoomName"])) else {
            judge.broken("user_name_unknown", "ChatRoomName is no group of this session");
            return answer::ret(RET_PARAMETER);
        };
        let list = |field: &str| text_of(&body[field]).split(',').map(str::to_owned).collect::<Vec<_>>();
        let added = people(
            &mut judge,
            &session,
            &match call.query("fun") {
                "addmember" => list("AddMemberList"),
                _ => Vec::new(),
            },
        );
        let removed = people(
            &mut judge,
            &session,
            &match call.query("fun") {
                "delmember" => list("DelMemberList"),
                _ => Vec::new(),
            },
        );
        if !["modtopic", "addmember", "invitemember", "delmember"].contains(&call.query("fun")) {
            judge.broken("update_function", format!("fun is {:?}", call.query("fun")));
            return answer::ret(RET_PARAMETER);
        }
        let topic = (call.query("fun") == "modtopic").then(|| text_of(&body["NewTopic"]));
        let Some(account) = state.accounts.get_mut(&session.uin) else { return answer::ret(1102) };
        let Some(mut group) = account.book.group(index).map(std::borrow::Cow::into_owned) else {
            return answer::ret(RET_PARAMETER);
        };
        group.members.extend(added);
        group.members.retain(|member| !removed.iter().any(|gone| gone.person.nick_name == member.person.nick_name));
        group.nick_name = topic.unwrap_or(group.nick_name);
        account.book.edit_group(index, group);
        state.append(session.uin, Entry::Changed(ContactRef::Group(index)));
        answer::json(&json!({
            "BaseResponse": answer::base(0), "MemberCount": 0, "MemberList": Value::Array(Vec::new()),
        }))
    })
}

/// The people with these user names; others are kept as violations.
fn people(judge: &mut Judge<'_>, session: &Session, names: &[String]) -> Vec<Member> {
    let mut members = Vec::new();
    for name in names {
        let person = session.contact(name).and_then(|contact| {
            let book = &judge.state.accounts.get(&session.uin)?.book;
            book.person(contact).map(std::borrow::Cow::into_owned)
        });
        match person {
            Some(person) => members.push(Member { person, display_name: String::new() }),
            None => judge.broken("user_name_unknown", format!("nobody is called {name:?} in this session")),
        }
    }
    members
}
