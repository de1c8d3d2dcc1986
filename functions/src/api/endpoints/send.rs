//! `POST /send` sends a text into a chat, `GET /send/<id>` shows the job. The response to `POST` repeats the request with
//! the job's id and status; with `wait=<seconds>` it waits for the job to end. `Idempotency-Key` makes a retry safe.

use axum::{http::HeaderMap, routing::on};
use boot::{
    Grant::{Commands, Table},
    QueueOperation::SendMessage,
    TableOperation::{BatchGetItem, GetItem, PutItem},
};
use domain::{
    contact::ContactKind,
    id::{InvalidId, JobId},
    job::{Command, Job, derived_id},
    puid::Puid,
    session::SessionState,
};
use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::{
        auth::Caller,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::ApiError,
        jobs,
        openapi::{Auth, Failure, Kind, Operation, Parameter, Reply, WAIT},
        params::Params,
        path_segment::PathSegment,
        response::ApiResponse,
        state::AppState,
    },
    outgoing::{self, Unsendable},
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "send",
    title: Title { zh: "发送消息、查询结果", en: "Send a message; its result" },
    routes: &[
        Route { method: Method::Post, path: "/send", handler: |method| on(method, handle) },
        Route { method: Method::Get, path: "/send/{id}", handler: |method| on(method, job_status) },
    ],
    needs: None,
    grants: &[Table(BatchGetItem), Table(GetItem), Table(PutItem), Commands(SendMessage)],
    sample: Sample {
        auth: SampleAuth::Signature,
        online: true,
        query: "msg_type=text&puid={friend}&text=666",
        fields: &["id", "msg_type", "puid", "status", "text"],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::Post,
        paths: &["/send"],
        summary: "Sends a message into a chat.",
        auth: Auth::Signature,
        parameters: &[&[Parameter::header(
            "Idempotency-Key",
            Kind::Text(MAX_KEY),
            "Makes a retry safe: the same key sends the message once.",
            "order-17",
        )]],
        body: &[
            Parameter::query(
                "msg_type",
                Kind::OneOf(|| vec!["text", "image", "file", "video"]),
                "What to send.",
                "text",
            )
            .required(),
            Parameter::query("puid", Kind::Puid, "The chat.", "1fee435b").required(),
            Parameter::query("group", Kind::Boolean, "Whether the chat is a group.", "false"),
            Parameter::query("text", Kind::Text(outgoing::MAX_TEXT), "The text of a `text`.", "666"),
            WAIT,
        ],
        file: None,
        replies: &[Reply::ok::<ApiResponse<Sent>>("The request, with the job's id and status.")],
        failures: &[
            Failure::NOT_FOUND,
            Failure::SESSION_OFFLINE,
            Failure::UNSUPPORTED_MSG_TYPE,
            Failure::IDEMPOTENCY_CONFLICT,
        ],
    },
    Operation {
        method: Method::Get,
        paths: &["/send/{id}"],
        summary: "How far a message is.",
        auth: Auth::Signature,
        parameters: &[&[Parameter::path(
            "id",
            Kind::Id,
            "The job's id, from `/send`.",
            "0000000000000000000000000000000a",
        )]],
        body: &[],
        file: None,
        replies: &[Reply::ok::<ApiResponse<JobRow>>("The job.")],
        failures: &[Failure::NOT_FOUND],
    },
];

/// The longest `Idempotency-Key`, in bytes.
const MAX_KEY: usize = 255;

#[derive(Serialize, JsonSchema)]
struct Sent {
    msg_type: &'static str,
    puid: Puid,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<bool>,
    text: String,
    #[serde(flatten)]
    job: JobRow,
}

#[derive(Serialize, JsonSchema)]
struct JobRow {
    id: JobId,
    #[schemars(extend("enum" = ["queued", "sending", "sent", "failed"]))]
    status: &'static str,
    /// WeChat's id of the message, once it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id_str: Option<String>,
    /// Why the job failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<&Job> for JobRow {
    fn from(job: &Job) -> Self {
        let (message_id, why) = jobs::outcome(&job.state);
        Self {
            id: job.id.clone(),
            status: job.state.as_str(),
            message_id,
            message_id_str: message_id.map(|id| id.to_string()),
            why: why.map(str::to_owned),
        }
    }
}

async fn handle(state: AppState, headers: HeaderMap, caller: Caller) -> Result<ApiResponse<Sent>, ApiError> {
    let request = SendRequest::parse(&caller.params)?;
    let polling = state.poll_for(caller.params.wait()?);
    let key = idempotency_key(&headers)?.map(|key| derived_id(&["send", &caller.app.id, key]));
    let command = Command::SendText { to: request.puid.clone(), text: request.text.clone() };
    let known = match &key {
        Some(id) => state.relay.store.job(&caller.app.id, id).await?,
        None => None,
    };
    if known.is_none() {
        request.check(&state, &caller).await?;
    }
    let job =
        state.enqueue(&caller.app, key.unwrap_or_else(|| JobId::generate(&*state.relay.ids)), command.clone()).await?;
    if job.command != command {
        return Err(ApiError::IdempotencyConflict);
    }
    let job = JobRow::from(&state.wait_for(job, &polling).await?);
    Ok(ApiResponse::new(Sent { msg_type: "text", puid: request.puid, group: request.group, text: request.text, job }))
}

async fn job_status(
    state: AppState,
    PathSegment(id): PathSegment,
    caller: Caller,
) -> Result<ApiResponse<JobRow>, ApiError> {
    let id = id.parse().map_err(|InvalidId| ApiError::NotFound("job"))?;
    let job = state.job(&caller.app.id, &id).await?;
    match job.command {
        Command::Login | Command::Logout | Command::Update => Err(ApiError::NotFound("job")),
        _ => Ok(ApiResponse::new(JobRow::from(&job))),
    }
}

/// A text and its chat.
struct SendRequest {
    puid: Puid,
    /// Whether the caller says that the chat is a group.
    group: Option<bool>,
    text: String,
}

impl SendRequest {
    fn parse(params: &Params) -> Result<Self, ApiError> {
        let text = outgoing::text(params.get("msg_type"), params.get("text")).map_err(|why| match why {
            Unsendable::Missing(name) => ApiError::field(name, "is required"),
            Unsendable::Kind if matches!(params.get("msg_type"), Some("image" | "file" | "video")) => {
                ApiError::UnsupportedMsgType
            }
            Unsendable::Kind => ApiError::field("msg_type", "must be text, image, file or video"),
            Unsendable::TooLong => ApiError::TooLarge("a text may have 16 KiB"),
        })?;
        let puid = params.puid("puid")?.ok_or_else(|| ApiError::field("puid", "is required"))?;
        Ok(Self { puid, group: params.boolean("group")?, text: text.to_owned() })
    }

    /// Fails unless the contact exists and the app is online.
    async fn check(&self, state: &AppState, caller: &Caller) -> Result<(), ApiError> {
        // Only this contact's row: a cold function would have to read the whole contact book.
        let (store, app) = (&state.relay.store, &caller.app.id);
        let (contact, session) = try_join(store.contact(app, &self.puid), store.session(app)).await?;
        let contact = contact.filter(|contact| contact.present).ok_or(ApiError::NotFound("contact"))?;
        if self.group.is_some_and(|group| group != (contact.kind == ContactKind::Group)) {
            return Err(ApiError::NotFound("contact"));
        }
        let online = session.is_some_and(|session| session.state == SessionState::Online);
        if online { Ok(()) } else { Err(ApiError::SessionOffline) }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()));
    key.map(Some).ok_or_else(|| ApiError::field("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use domain::job::JobState;
    use testing::contact;

    use super::*;
    use crate::api::params::NO_PUID;
    use crate::support::{Answer, Api};

    const JSON: (&str, &str) = ("content-type", "application/json");
    const BODY: &str = r#"{"msg_type": "text", "puid": "1fee435b", "text": "666"}"#;

    async fn online() -> Api {
        let api = Api::start().await;
        let group = contact("973e46d8", ContactKind::Group, "群");
        api.contacts(vec![contact("1fee435b", ContactKind::Friend, "朋友"), group]).await;
        api.online().await;
        api
    }

    async fn send(api: &Api, body: &'static str) -> Answer {
        api.post("/send", &[JSON], body).await
    }

    #[tokio::test]
    async fn a_text_becomes_a_command_from_json_form_or_query() {
        let api = online().await;
        let answer = send(&api, BODY).await;
        insta::assert_snapshot!(answer, @r#"
        200 OK
        {
          "id": "00000000000000000000000000000009",
          "msg_type": "text",
          "puid": "1fee435b",
          "status": "queued",
          "success": true,
          "text": "666"
        }
        "#);
        let form = ("content-type", "application/x-www-form-urlencoded");
        let form = api.post("/send", &[form], "msg_type=text&puid=973e46d8&group=True&text=%E5%A5%BD").await;
        assert_eq!((&form.json["text"], &form.json["group"]), (&"好".into(), &true.into()));
        assert_eq!(api.post("/send/?msg_type=text&puid=1fee435b&text=三", &[], "").await.json["text"], "三");
        let sent = api.commands(3).await;
        assert_eq!(sent[0].id.as_str(), answer.json["id"].as_str().unwrap());
        assert_eq!(sent[0].request_id(), Some("request-1"));
        assert_eq!(sent[1].command, Command::SendText { to: Puid::new("973e46d8"), text: "好".to_owned() });
    }

    #[tokio::test]
    async fn a_repeated_key_sends_once() {
        let api = online().await;
        let key = ("Idempotency-Key", "order 17");
        let ask = async |body| api.post("/send", &[JSON, key], body).await;
        let first = ask(BODY).await;
        api.session(|session| session.state = SessionState::Offline).await;
        assert_eq!(ask(BODY).await, first, "even if it could not be sent now");
        let other = ask(r#"{"msg_type": "text", "puid": "1fee435b", "text": "777"}"#).await;
        insta::assert_snapshot!(other, @r#"
        422 Unprocessable Entity
        {
          "code": "idempotency_conflict",
          "errmsg": "This Idempotency-Key was used for another message.",
          "success": false
        }
        "#);
        api.commands(1).await;
        let long = "k".repeat(256);
        let refused = api.post("/send", &[JSON, ("idempotency-key", &long)], BODY).await;
        assert_eq!(refused.json["code"], "invalid_parameter");
    }

    #[tokio::test]
    async fn a_waiting_request_gets_the_end_of_the_job() {
        let api = online().await;
        let worker = async |state| {
            let jobs = api.commands(1).await;
            api.finish(&jobs[0], state).await;
        };
        let sent = worker(JobState::Sent { message_id: Some(6_050_338_562_629_220_245) });
        let (answer, ()) = tokio::join!(api.post("/send?wait=20", &[JSON], BODY), sent);
        insta::assert_snapshot!(answer, @r#"
        200 OK
        {
          "id": "00000000000000000000000000000009",
          "message_id": 6050338562629220245,
          "message_id_str": "6050338562629220245",
          "msg_type": "text",
          "puid": "1fee435b",
          "status": "sent",
          "success": true,
          "text": "666"
        }
        "#);
        let id = answer.json["id"].as_str().unwrap();
        assert_eq!(api.signed(&format!("/send/{id}")).await.json["message_id_str"], "6050338562629220245");

        let failed = worker(JobState::Failed { why: "the session is offline".to_owned() });
        let (answer, ()) = tokio::join!(api.post("/send?wait=20", &[JSON], BODY), failed);
        let id = answer.json["id"].as_str().unwrap();
        insta::assert_snapshot!(api.signed(&format!("/send/{id}/")).await, @r#"
        200 OK
        {
          "id": "0000000000000000000000000000000a",
          "status": "failed",
          "success": true,
          "why": "the session is offline"
        }
        "#);
        for unknown in ["0".repeat(32), "é".repeat(1200)] {
            assert_eq!(api.signed(&format!("/send/{unknown}")).await.json["code"], "not_found");
        }
    }

    #[tokio::test]
    async fn an_invalid_request_is_refused_with_its_reason() {
        let api = online().await;
        let mut refusals = String::new();
        for body in [
            "{",
            r#"{"puid": "1fee435b", "text": "x"}"#,
            r#"{"msg_type": "text", "puid": "1fee435b", "text": ""}"#,
            r#"{"msg_type": "text", "text": "x"}"#,
            r#"{"msg_type": "poem", "puid": "1fee435b", "text": "x"}"#,
            r#"{"msg_type": "image", "puid": "1fee435b", "url": "http://a.example/b.png"}"#,
            r#"{"msg_type": "text", "puid": "1fee435b", "text": "x", "group": "perhaps"}"#,
            r#"{"msg_type": "text", "puid": "1fee435b", "text": "x", "group": true}"#,
            r#"{"msg_type": "text", "puid": "973e46d8", "text": "x", "group": false}"#,
            r#"{"msg_type": "text", "puid": "00000000", "text": "x"}"#,
        ] {
            let answer = send(&api, body).await;
            let (code, fields) = (&answer.json["code"], &answer.json["fields"]);
            writeln!(refusals, "{} {code} {fields}", answer.status.as_u16()).unwrap();
        }
        insta::assert_snapshot!(refusals, @r#"
        400 "invalid_body" null
        400 "invalid_parameter" {"msg_type":"is required"}
        400 "invalid_parameter" {"text":"is required"}
        400 "invalid_parameter" {"puid":"is required"}
        400 "invalid_parameter" {"msg_type":"must be text, image, file or video"}
        400 "unsupported_msg_type" null
        400 "invalid_parameter" {"group":"must be true or false"}
        404 "not_found" null
        404 "not_found" null
        404 "not_found" null
        "#);
        let malformed = format!("/send?msg_type=text&text=x&puid={}", "é".repeat(1_200));
        assert_eq!(api.post(&malformed, &[], "").await.json["fields"]["puid"], NO_PUID);
        let long = format!("/send?msg_type=text&puid=1fee435b&text={}", "x".repeat(outgoing::MAX_TEXT + 1));
        assert_eq!(api.post(&long, &[], "").await.status, 413);
        let body: &'static str = Box::leak("x".repeat(300_000).into_boxed_str());
        assert_eq!(api.post("/send", &[JSON], body).await.json["code"], "too_large");
    }

    #[tokio::test]
    async fn an_app_that_is_offline_sends_nothing() {
        let api = online().await;
        api.session(|session| session.state = SessionState::Waiting).await;
        insta::assert_snapshot!(send(&api, BODY).await, @r#"
        409 Conflict
        {
          "code": "session_offline",
          "errmsg": "The app is not online: log in first.",
          "success": false
        }
        "#);
    }
}
