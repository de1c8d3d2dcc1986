//! `GET /session`: how the app's session stands, and what waits.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use domain::session::{Ending, Progress, Session};
use serde::Serialize;

use super::at;
use crate::{
    ApiError, State,
    auth::Caller,
    reply::Success,
    view::{Times, session::User},
};

#[derive(Serialize)]
struct Standing<'a> {
    state: &'static str,
    since: String,
    user: Option<User<'a>>,
    /// Why the last session or login ended.
    ending: Option<&'a Ending>,
    last_error: Option<&'a str>,
    last_sync: Option<String>,
    contacts: Progress,
    queues: Depths,
    /// Chats whose delivery waits for another attempt.
    parked: usize,
}

/// Messages in the queues that serve the app, others' among them.
#[derive(Serialize)]
struct Depths {
    inbound: u64,
    commands: u64,
}

pub fn route() -> Router<State> {
    at(&["/session"], &get(handle))
}

async fn handle(state: State, caller: Caller) -> Result<Response, ApiError> {
    let (relay, app) = (&state.relay, &caller.app);
    let session = relay.store.session(&app.id).await?.unwrap_or_else(|| Session::offline(app.created));
    let (times, online) = (Times(&relay.zone), session.state == domain::session::State::Online);
    let commands = relay.queues.commands.get(usize::from(app.shard));
    let commands = commands.ok_or_else(|| ApiError::Internal(format!("no queue for shard {}", app.shard)))?;
    let standing = Standing {
        state: session.state.as_str(),
        since: times.iso(session.since),
        user: session.user.as_ref().filter(|_| online).map(User::from),
        ending: session.ending.as_ref(),
        last_error: session.last_error.as_deref(),
        last_sync: session.last_sync.map(|at| times.iso(at)),
        contacts: session.contacts,
        queues: Depths { inbound: relay.queues.inbound.depth().await?, commands: commands.depth().await? },
        parked: relay.store.parked_chats(&app.id).await?.len(),
    };
    Ok(Success::new(standing).into_response())
}
