//! `POST /logout`: ends the session, or the login under way, at WeChat and here. Nothing to end is a success too.

use axum::{Router, routing::post};
use domain::{job::Command, session::State as SessionState};
use serde::Serialize;

use super::at;
use crate::{ApiError, State, auth::Caller, reply::Success};

#[derive(Serialize)]
struct LoggedOut {
    state: &'static str,
}

pub fn route() -> Router<State> {
    at(&["/logout"], &post(handle))
}

async fn handle(state: State, caller: Caller) -> Result<Success<LoggedOut>, ApiError> {
    let session = state.relay.store.session(&caller.app.id).await?;
    if session.is_some_and(|session| session.state != SessionState::Offline) {
        let job = state.ask(&caller.app, state.relay.ids.hex(), Command::Logout).await?;
        let job = state.follow(job, &state.wait(state.config.worker_wait)).await?;
        if !job.state.is_final() {
            return Err(ApiError::WorkerUnavailable);
        }
    }
    Ok(Success::new(LoggedOut { state: SessionState::Offline.as_str() }))
}
