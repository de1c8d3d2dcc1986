//! `/_sim/contacts`: changes of the contacts, and user names.

use axum::extract::{Query, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{ControlResult, ok};
use crate::person::{Group, Member, Person};
use crate::spec::Uin;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new().route("/_sim/contacts", post(change).get(user_name))
}

#[derive(Debug, Deserialize)]
struct ChangeRequest {
    uin: Uin,
    change: Change,
}

/// A change of the contacts. A contact is named by nickname, remark or key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    AddFriend(Person),
    AddGroup(Group),
    AddMember { group: String, member: Member },
    RemoveMember { group: String, member: String },
    Rename { contact: String, nick_name: String },
    Remark { contact: String, remark_name: String },
    RenameGroup { group: String, nick_name: String },
    Picture { contact: String, head_seq: u32 },
    Remove { contact: String },
}

async fn change(State(world): State<World>, Json(request): Json<ChangeRequest>) -> ControlResult {
    let uin = request.uin;
    match request.change {
        Change::AddFriend(person) => return ok(&json!({"contact": world.add_friend(uin, person)?})),
        Change::AddGroup(group) => return ok(&json!({"contact": world.add_group(uin, group)?})),
        Change::AddMember { group, member } => world.add_member(uin, &group, member)?,
        Change::RemoveMember { group, member } => world.remove_member(uin, &group, &member)?,
        Change::Picture { contact, head_seq } => world.change_picture(uin, &contact, head_seq)?,
        Change::Rename { contact, nick_name } => {
            world.edit_contact(uin, &contact, |person| person.nick_name = nick_name)?;
        }
        Change::Remark { contact, remark_name } => {
            world.edit_contact(uin, &contact, |person| person.remark_name = remark_name)?;
        }
        Change::RenameGroup { group, nick_name } => {
            world.edit_group(uin, &group, |group| group.nick_name = nick_name)?;
        }
        Change::Remove { contact } => world.remove_contact(uin, &contact)?,
    }
    ok(&json!({}))
}

#[derive(Debug, Deserialize)]
struct UserNameQuery {
    uin: Uin,
    name: String,
}

/// Returns the user name of a contact in the current session.
async fn user_name(State(world): State<World>, Query(query): Query<UserNameQuery>) -> ControlResult {
    ok(&json!({"user_name": world.user_name(query.uin, &query.name)?}))
}
