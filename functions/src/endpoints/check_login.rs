//! `GET /check-login?uuid=`: how a login stands. With `wait=<seconds>` and `seen=<status>` the answer waits until the
//! status is another than the one seen.

use axum::{Router, routing::get};
use domain::session::{Ending, Session, State as SessionState};
use serde::Serialize;

use super::at;
use crate::{
    ApiError, State,
    auth::Holder,
    reply::Success,
    view::session::{LoginStatus, User},
};

#[derive(Serialize)]
struct Standing {
    status: &'static str,
    /// Whether the app is online; null while a login is under way.
    alive: Option<bool>,
    /// The picture of who scanned, a data URI.
    avatar: Option<String>,
    user: Option<serde_json::Value>,
}

pub fn route() -> Router<State> {
    at(&["/check-login"], &get(handle))
}

async fn handle(state: State, holder: Holder) -> Result<Success<Standing>, ApiError> {
    let (uuid, seen) = (holder.params.required("uuid")?, holder.params.get("seen"));
    let wait = state.wait(holder.params.wait()?);
    loop {
        let session = state.relay.store.session(&holder.app.id).await?;
        let session = session.unwrap_or_else(|| Session::offline(state.relay.now()));
        let status = LoginStatus::of(&session, uuid);
        if seen == Some(status.as_str()) && wait.again().await {
            continue;
        }
        let latest = session.login.as_ref().is_some_and(|login| login.uuid == uuid);
        if latest && status == LoginStatus::Over && session.ending == Some(Ending::AccountMismatch) {
            return Err(ApiError::AccountMismatch);
        }
        return standing(&session, status).map(Success::new);
    }
}

fn standing(session: &Session, status: LoginStatus) -> Result<Standing, ApiError> {
    let user = session.user.as_ref().filter(|_| status == LoginStatus::LoggedIn).map(User::from);
    let user = user.map(serde_json::to_value).transpose().map_err(|error| ApiError::Internal(error.to_string()))?;
    let shown = matches!(status, LoginStatus::Scanned | LoginStatus::LoggedIn);
    Ok(Standing {
        status: status.as_str(),
        alive: match session.state {
            SessionState::Online => Some(true),
            SessionState::Offline => Some(false),
            SessionState::Starting | SessionState::Waiting | SessionState::Scanned => None,
        },
        avatar: session.login.as_ref().filter(|_| shown).and_then(|login| login.avatar.clone()),
        user,
    })
}
