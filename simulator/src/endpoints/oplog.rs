//! What a client changes: remarks and pins (`webwxoplog`), friend requests (`webwxverifyuser`).

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::BIN;
use crate::book::ContactRef;
use crate::call::Call;
use crate::inbox::Entry;
use crate::record::text_of;
use crate::rules::{Judge, RET_PARAMETER};
use crate::session::Session;
use crate::state::State as Simulated;
use crate::wire::answer;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new().route(&format!("{BIN}/webwxoplog"), post(oplog))
}

/// `CmdId` 2 sets a remark, which comes back by ModContactList; 3 pins a chat.
async fn oplog(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut judge = Judge::new(state, &call);
        let (body, session) = match judge.posted() {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let name = text_of(&body["UserName"]);
        let Some(contact) = session.contact(&name) else {
            judge.broken("user_name_unknown", format!("nobody is called {name:?} in this session"));
            return answer::ret(RET_PARAMETER);
        };
        match body["CmdId"].as_u64() {
            Some(2) => remark(state, &session, contact, &body["RemarkName"]),
            Some(3) => {}
            _ => judge.broken("oplog_command", format!("CmdId is {}", body["CmdId"])),
        }
        answer::json(&json!({"BaseResponse": answer::base(0)}))
    })
}

fn remark(state: &mut Simulated, session: &Session, contact: ContactRef, remark: &Value) {
    let Some(account) = state.accounts.get_mut(&session.uin) else { return };
    let Some(mut person) = account.book.person(contact).map(std::borrow::Cow::into_owned) else {
        return;
    };
    person.remark_name = text_of(remark);
    account.book.edit(contact, person);
    state.append(session.uin, Entry::Changed(contact));
}
