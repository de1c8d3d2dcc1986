//! `POST /logout`: ends the session or the login, at WeChat and here. It succeeds as well if there is neither.

use axum::routing::on;
use boot::{
    Grant::{Commands, Table},
    QueueOperation::SendMessage,
    TableOperation::{BatchGetItem, GetItem, PutItem},
};
use domain::{id::JobId, job::Command, session::SessionState};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::{
    auth::Caller,
    endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
    error::ApiError,
    openapi::{Auth, Failure, Operation, Reply},
    response::ApiResponse,
    state::AppState,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "logout",
    title: Title { zh: "登出", en: "Logout" },
    routes: &[Route { method: Method::Post, path: "/logout", handler: |method| on(method, handle) }],
    needs: None,
    grants: &[Table(BatchGetItem), Table(GetItem), Table(PutItem), Commands(SendMessage)],
    sample: Sample { auth: SampleAuth::Signature, online: false, query: "", fields: &["state"] },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Post,
    paths: &["/logout"],
    summary: "Ends the session or the login, at WeChat and here.",
    auth: Auth::Signature,
    parameters: &[],
    body: &[],
    file: None,
    replies: &[Reply::ok::<ApiResponse<LoggedOut>>("The app is offline.")],
    failures: &[Failure::WORKER_UNAVAILABLE],
}];

#[derive(Serialize, JsonSchema)]
struct LoggedOut {
    #[schemars(extend("const" = "offline"))]
    state: &'static str,
}

async fn handle(state: AppState, caller: Caller) -> Result<ApiResponse<LoggedOut>, ApiError> {
    let session = state.relay.store.session(&caller.app.id).await?;
    if session.is_some_and(|session| session.state != SessionState::Offline) {
        let job = state.enqueue(&caller.app, JobId::generate(&*state.relay.ids), Command::Logout).await?;
        let job = state.wait_for(job, &state.poll_for(state.config.worker_wait)).await?;
        if !job.state.is_final() {
            return Err(ApiError::WorkerUnavailable);
        }
    }
    Ok(ApiResponse::new(LoggedOut { state: SessionState::Offline.as_str() }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::job::JobState;

    use super::*;
    use crate::{api::state::Config, support::Api};

    #[tokio::test]
    async fn the_worker_ends_the_session() {
        let api = Api::start().await;
        assert_eq!(api.post("/logout", &[], "").await.json["success"], true, "nothing to end");
        api.online().await;
        let worker = async {
            let jobs = api.commands(1).await;
            assert_eq!(jobs[0].command, Command::Logout);
            api.finish(&jobs[0], JobState::Sent { message_id: None }).await;
        };
        let (answer, ()) = tokio::join!(api.post("/logout/", &[], ""), worker);
        insta::assert_snapshot!(answer, @r#"
        200 OK
        {
          "state": "offline",
          "success": true
        }
        "#);
    }

    #[tokio::test]
    async fn without_a_worker_the_logout_fails() {
        let api = Api::with(Config { worker_wait: Duration::ZERO, ..Config::default() }).await;
        api.online().await;
        assert_eq!(api.post("/logout", &[], "").await.json["code"], "worker_unavailable");
        assert_eq!(api.signed("/logout").await.header("allow"), Some("POST"));
    }
}
