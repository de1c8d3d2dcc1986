//! `POST /friends/remark`: sets or removes the remark name of a friend.

use axum::routing::on;
use boot::{
    Grant::{Commands, Table},
    QueueOperation::SendMessage,
    TableOperation::{BatchGetItem, GetItem, PutItem},
};
use domain::{channel::Capability, contact::ContactKind, id::JobId, job::Command};

use crate::api::{
    auth::Caller,
    endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
    error::ApiError,
    openapi::{Auth, Failure, Kind, Operation, Parameter, Reply, WAIT},
    params::{Params, present},
    response::ApiResponse,
    state::AppState,
    view::job::JobRow,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "friends-remark",
    title: Title { zh: "设置好友备注", en: "Set a friend's remark name" },
    routes: &[Route { method: Method::Post, path: "/friends/remark", handler: |method| on(method, handle) }],
    needs: Some(Capability::Remarks),
    grants: &[Table(BatchGetItem), Table(GetItem), Table(PutItem), Commands(SendMessage)],
    sample: Sample {
        auth: SampleAuth::Signature,
        online: true,
        query: "puid={friend}&remark_name=buddy",
        fields: &["id", "status"],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Post,
    paths: &["/friends/remark"],
    summary: "Sets the remark name of a friend, or removes it.",
    auth: Auth::Signature,
    parameters: &[],
    body: &[
        Parameter::query("puid", Kind::Puid, "The friend.", "1fee435b").required(),
        Parameter::query("remark_name", Kind::Text(MAX_REMARK), "The remark name.", "老友"),
        Parameter::query("remove", Kind::Boolean, "Removes the remark name: instead of `remark_name`.", "false"),
        WAIT,
    ],
    file: None,
    replies: &[Reply::ok::<ApiResponse<JobRow>>("The job. `GET /send/<id>` shows it later.")],
    failures: &[Failure::NOT_FOUND, Failure::SESSION_OFFLINE],
}];

/// The longest remark name, in characters. WeChat's own programs take fewer.
const MAX_REMARK: usize = 64;

async fn handle(state: AppState, caller: Caller) -> Result<ApiResponse<JobRow>, ApiError> {
    let (params, app) = (&caller.params, &caller.app);
    let polling = state.poll_for(params.wait()?);
    let puid = present("puid", params.puid("puid")?)?;
    let remark = remark(params)?;
    if state.contact(&app.id, &puid).await?.kind != ContactKind::Friend {
        return Err(ApiError::NotFound("friend"));
    }
    state.check_online(&app.id).await?;
    let command = Command::SetRemark { to: puid, remark };
    let job = state.enqueue(app, JobId::generate(&*state.relay.ids), command).await?;
    Ok(ApiResponse::new(JobRow::from(&state.wait_for(job, &polling).await?)))
}

/// The new remark name; empty to remove it.
fn remark(params: &Params) -> Result<String, ApiError> {
    match (params.get("remark_name"), params.boolean("remove")?.unwrap_or(false)) {
        (Some(_), true) => Err(ApiError::field("remove", "stands beside a remark_name: send one of them")),
        (None, true) => Ok(String::new()),
        (None, false) => Err(ApiError::field("remark_name", "is required, or remove=true")),
        (Some(name), false) if name.chars().count() > MAX_REMARK => {
            Err(ApiError::field("remark_name", "may have 64 characters"))
        }
        (Some(name), false) if name.contains(char::is_control) => {
            Err(ApiError::field("remark_name", "must not have control characters"))
        }
        (Some(name), false) => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use domain::{puid::Puid, session::SessionState};
    use testing::contact;

    use super::*;
    use crate::support::Api;

    async fn api() -> Api {
        let api = Api::start().await;
        let mut gone = contact("90000000", ContactKind::Friend, "gone");
        gone.present = false;
        let group = contact("973e46d8", ContactKind::Group, "群");
        let myself = contact("e1d54615", ContactKind::Myself, "我");
        api.contacts(vec![contact("1fee435b", ContactKind::Friend, "朋友"), group, gone, myself]).await;
        api.online().await;
        api
    }

    #[tokio::test]
    async fn a_remark_becomes_a_job() {
        let api = api().await;
        insta::assert_snapshot!(api.post("/friends/remark?puid=1fee435b&remark_name=老友", &[], "").await, @r#"
        200 OK
        {
          "id": "00000000000000000000000000000009",
          "status": "queued",
          "success": true
        }
        "#);
        api.post("/friends/remark/?puid=1fee435b&remove=true", &[], "").await;
        let jobs = api.commands(2).await;
        let command = |remark: &str| Command::SetRemark { to: Puid::new("1fee435b"), remark: remark.to_owned() };
        assert_eq!([&jobs[0].command, &jobs[1].command], [&command("老友"), &command("")]);
    }

    #[tokio::test]
    async fn only_a_friend_gets_a_remark() {
        let api = api().await;
        let mut refusals = String::new();
        let long = format!("puid=1fee435b&remark_name={}", "长".repeat(65));
        for query in [
            "remark_name=x",
            "puid=1fee435b",
            "puid=1fee435b&remark_name=",
            "puid=1fee435b&remark_name=x&remove=true",
            "puid=1fee435b&remove=perhaps",
            "puid=1fee435b&remark_name=a%0Ab",
            &long,
            "puid=973e46d8&remark_name=x",
            "puid=90000000&remark_name=x",
            "puid=e1d54615&remark_name=x",
            "puid=00000000&remark_name=x",
        ] {
            let answer = api.post(&format!("/friends/remark?{query}"), &[], "").await;
            let (code, fields) = (&answer.json["code"], &answer.json["fields"]);
            writeln!(refusals, "{} {code} {fields}", answer.status.as_u16()).unwrap();
        }
        insta::assert_snapshot!(refusals, @r#"
        400 "invalid_parameter" {"puid":"is required"}
        400 "invalid_parameter" {"remark_name":"is required, or remove=true"}
        400 "invalid_parameter" {"remark_name":"is required, or remove=true"}
        400 "invalid_parameter" {"remove":"stands beside a remark_name: send one of them"}
        400 "invalid_parameter" {"remove":"must be true or false"}
        400 "invalid_parameter" {"remark_name":"must not have control characters"}
        400 "invalid_parameter" {"remark_name":"may have 64 characters"}
        404 "not_found" null
        404 "not_found" null
        404 "not_found" null
        404 "not_found" null
        "#);
        api.session(|session| session.state = SessionState::Offline).await;
        let offline = api.post("/friends/remark?puid=1fee435b&remark_name=x", &[], "").await;
        assert_eq!(offline.json["code"], "session_offline");
    }
}
