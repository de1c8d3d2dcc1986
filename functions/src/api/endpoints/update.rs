//! `POST /update`: reads friends, groups, members and official accounts from the channel again. It responds at once;
//! `GET /session` shows the progress. A request during an update joins it.

use axum::routing::on;
use boot::{
    Grant::{Commands, Table},
    QueueOperation::SendMessage,
    TableOperation::{BatchGetItem, GetItem, PutItem},
};
use domain::{
    channel::Capability,
    id::JobId,
    job::Command,
    session::{Progress, SessionState},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::{
        auth::Caller,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::ApiError,
        openapi::{Auth, Failure, LocalTime, Operation, Reply},
        response::ApiResponse,
        state::AppState,
    },
    times::Times,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "update",
    title: Title { zh: "更新通讯录", en: "Update of the contacts" },
    routes: &[Route { method: Method::Post, path: "/update", handler: |method| on(method, handle) }],
    needs: Some(Capability::Contacts),
    grants: &[Table(BatchGetItem), Table(GetItem), Table(PutItem), Commands(SendMessage)],
    sample: Sample {
        auth: SampleAuth::Signature,
        online: true,
        query: "",
        fields: &["contacts", "id", "last_sync", "state", "status", "updating"],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Post,
    paths: &["/update"],
    summary: "Reads friends, groups, members and official accounts from the channel again.",
    auth: Auth::Signature,
    parameters: &[],
    body: &[],
    file: None,
    replies: &[Reply::accepted::<ApiResponse<AcceptedUpdate>>(
        "The update was queued, or is running. `GET /session` shows its progress. A request during an update joins it.",
    )],
    failures: &[Failure::SESSION_OFFLINE],
}];

#[derive(Serialize, JsonSchema)]
struct AcceptedUpdate {
    /// The job; the same for every request that joins it.
    id: JobId,
    status: &'static str,
    state: &'static str,
    /// Whether the worker has begun.
    updating: bool,
    contacts: Progress,
    #[schemars(with = "Option<LocalTime>")]
    last_sync: Option<String>,
}

async fn handle(state: AppState, caller: Caller) -> Result<ApiResponse<AcceptedUpdate>, ApiError> {
    let session = state.relay.store.session(&caller.app.id).await?;
    let session = session.filter(|session| session.state == SessionState::Online).ok_or(ApiError::SessionOffline)?;
    let job = state.enqueue(&caller.app, session.update_job(&caller.app.id), Command::Update).await?;
    Ok(ApiResponse::accepted(AcceptedUpdate {
        id: job.id,
        status: job.state.as_str(),
        state: session.state.as_str(),
        updating: session.updating,
        contacts: session.contacts,
        last_sync: session.last_sync.map(|at| Times(&state.relay.zone).iso(at)),
    }))
}

#[cfg(test)]
mod tests {
    use domain::job::JobState;

    use super::*;
    use crate::support::Api;

    #[tokio::test]
    async fn an_update_is_accepted_and_a_second_request_joins_it() {
        let api = Api::start().await;
        api.online().await;
        let now = api.fixture.relay.now();
        api.session(|session| {
            (session.login_number, session.syncs) = (2, 7);
            session.contacts = Progress { done: 313, total: 313 };
            session.last_sync = Some(now);
        })
        .await;
        let first = api.post("/update", &[], "").await;
        insta::assert_snapshot!(first, @r#"
        202 Accepted
        {
          "contacts": {
            "done": 313,
            "total": 313
          },
          "id": "06cd5202298dee4ebad734413faa9917",
          "last_sync": "2020-01-07T11:25:45.988020",
          "state": "online",
          "status": "queued",
          "success": true,
          "updating": false
        }
        "#);
        let jobs = api.commands(1).await;
        assert_eq!(jobs[0].command, Command::Update);

        api.session(|session| session.updating = true).await;
        let second = api.post("/update/", &[], "").await;
        assert_eq!((&second.json["id"], &second.json["updating"]), (&first.json["id"], &true.into()));

        // The worker counts the sync before it ends the job.
        api.session(|session| (session.updating, session.syncs) = (false, 8)).await;
        api.finish(&jobs[0], JobState::Failed { why: "the contacts could not be read".to_owned() }).await;
        let third = api.post("/update", &[], "").await;
        assert_eq!(third.json["status"], "queued");
        assert_ne!(third.json["id"], first.json["id"]);
    }

    #[tokio::test]
    async fn an_app_that_is_not_online_cannot_be_updated() {
        let api = Api::start().await;
        insta::assert_snapshot!(api.post("/update", &[], "").await, @r#"
        409 Conflict
        {
          "code": "session_offline",
          "errmsg": "The app is not online: log in first.",
          "success": false
        }
        "#);
        api.waiting().await;
        assert_eq!(api.post("/update", &[], "").await.json["code"], "session_offline");
        assert_eq!(api.signed("/update").await.header("allow"), Some("POST"));
    }
}
