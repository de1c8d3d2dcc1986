//! `POST /revoke`: recalls a message that the relay has sent, within WeChat's two minutes. The message is named by the job
//! that sent it (`id`), or by WeChat's id.

use std::time::Duration;

use axum::routing::on;
use boot::{
    Grant::{Commands, Table},
    QueueOperation::SendMessage,
    TableOperation::{BatchGetItem, GetItem, PutItem, Query},
};
use domain::{
    channel::Capability,
    id::{InvalidId, JobId},
    job::{Command, Job, JobState, derived_id},
    message::Direction,
    puid::Puid,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::{
    auth::Caller,
    endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
    error::ApiError,
    jobs,
    openapi::{Auth, Failure, Kind, Operation, Parameter, Reply, WAIT},
    params::Params,
    response::ApiResponse,
    state::AppState,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "revoke",
    title: Title { zh: "撤回消息", en: "Recall a message" },
    routes: &[Route { method: Method::Post, path: "/revoke", handler: |method| on(method, handle) }],
    needs: Some(Capability::Recall),
    grants: &[Table(BatchGetItem), Table(GetItem), Table(PutItem), Table(Query), Commands(SendMessage)],
    sample: Sample {
        auth: SampleAuth::Signature,
        online: true,
        query: "id={job}",
        fields: &["id", "message_id", "message_id_str", "puid", "status"],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Post,
    paths: &["/revoke"],
    summary: "Recalls a message that was sent within the last two minutes. One of the three ids is needed.",
    auth: Auth::Signature,
    parameters: &[],
    body: &[
        Parameter::query("id", Kind::Id, "The job that sent it, from `/send`.", "0000000000000000000000000000000a"),
        Parameter::query("message_id", Kind::Whole(0, i64::MAX as u64), "WeChat's id of it.", "6050338562629220245"),
        Parameter::query("message_id_str", Kind::Text(20), "The same as a string.", "6050338562629220245"),
        WAIT,
    ],
    file: None,
    replies: &[Reply::ok::<ApiResponse<Recalled>>("The message, with the recall's job.")],
    failures: &[Failure::NOT_FOUND, Failure::NOT_SENT, Failure::TOO_LATE, Failure::SESSION_OFFLINE],
}];

/// How long WeChat recalls a message.
const RECALLABLE: Duration = Duration::from_mins(2);
/// The newest messages among which one is searched by WeChat's id.
const SEARCHED: u64 = 1_000;

#[derive(Serialize, JsonSchema)]
struct Recalled {
    /// The chat.
    puid: Puid,
    /// WeChat's id of the recalled message.
    message_id: i64,
    message_id_str: String,
    /// The recall's job.
    id: JobId,
    #[schemars(extend("enum" = ["queued", "sending", "sent", "failed"]))]
    status: &'static str,
    /// Why the job failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

async fn handle(state: AppState, caller: Caller) -> Result<ApiResponse<Recalled>, ApiError> {
    let polling = state.poll_for(caller.params.wait()?);
    let sent = SentMessage::find(&state, &caller).await?;
    if state.relay.since(sent.at) > RECALLABLE {
        return Err(ApiError::TooLate);
    }
    state.check_online(&caller.app.id).await?;
    let SentMessage { to, message_id, sent_by, .. } = sent;
    let id = derived_id(&["recall", &caller.app.id, &sent_by]);
    let command = Command::Recall { to: to.clone(), message_id, sent_by };
    let job = state.enqueue_once(&caller.app, id, command).await?;
    let job = state.wait_for(job, &polling).await?;
    let (_, why) = jobs::outcome(&job.state);
    let (status, why) = (job.state.as_str(), why.map(str::to_owned));
    Ok(ApiResponse::new(Recalled {
        puid: to,
        message_id,
        message_id_str: message_id.to_string(),
        id: job.id,
        status,
        why,
    }))
}

/// A message that a job has sent.
struct SentMessage {
    to: Puid,
    message_id: i64,
    sent_by: JobId,
    at: Timestamp,
}

impl SentMessage {
    async fn find(state: &AppState, caller: &Caller) -> Result<Self, ApiError> {
        let (params, app) = (&caller.params, &caller.app.id);
        let (id, message_id) = (job_id(params)?, message_id(params)?);
        match (id, message_id) {
            (Some(id), _) => Self::of_job(state.job(app, &id).await?),
            (None, Some(id)) => {
                let sent = |message: &domain::message::Message| message.direction == Direction::Out && message.id == id;
                let found = state.relay.store.newest(app, SEARCHED, sent).await?;
                let found = found.and_then(|row| Some((row.sent_by?, row.message)));
                let (sent_by, message) = found.ok_or(ApiError::NotFound("message that the relay has sent"))?;
                Ok(Self { to: message.chat, message_id: id, sent_by, at: message.receive_time })
            }
            (None, None) => Err(ApiError::field("id", "is required, or message_id")),
        }
    }

    fn of_job(job: Job) -> Result<Self, ApiError> {
        match (job.command, job.state) {
            (
                Command::SendText { to, .. } | Command::SendMedia { to, .. },
                JobState::Sent { message_id: Some(message_id) },
            ) => Ok(Self { to, message_id, sent_by: job.id, at: job.updated }),
            (Command::SendText { .. } | Command::SendMedia { .. }, _) => Err(ApiError::NotSent),
            _ => Err(ApiError::NotFound("job that sends a message")),
        }
    }
}

fn job_id(params: &Params) -> Result<Option<JobId>, ApiError> {
    let id = params.get("id").map(str::parse).transpose();
    id.map_err(|InvalidId| ApiError::field("id", "must be the id of a job: 32 hexadecimal digits"))
}

/// WeChat's id, from either parameter.
fn message_id(params: &Params) -> Result<Option<i64>, ApiError> {
    let number = params.get("message_id").map(str::parse::<u64>).transpose().ok();
    let number = number.and_then(|number| number.map(i64::try_from).transpose().ok());
    let number = number.ok_or_else(|| ApiError::field("message_id", "must be WeChat's id of a message: a number"))?;
    let text = params.get("message_id_str").map(str::parse).transpose();
    let text = text.map_err(|_| ApiError::field("message_id_str", "must be WeChat's id of a message: a number"))?;
    Ok(number.or(text))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use domain::{message::Message, session::SessionState};
    use store::Checkpoint;
    use testing::message;

    use super::*;
    use crate::support::{Api, SENT_JOB};

    const MESSAGE: i64 = 6_050_338_562_629_220_245;

    /// An app that has just sent a message, as the row 1.
    async fn sent() -> Api {
        let api = Api::start().await;
        api.online().await;
        let (relay, id) = (&api.fixture.relay, JobId::trusted(SENT_JOB));
        let command = Command::SendText { to: Puid::new("1fee435b"), text: "x".to_owned() };
        let job = Job::queued(id, api.app.id.clone(), 0, command, relay.now());
        assert!(relay.store.put_job(&job).await.unwrap());
        let row = Message { id: MESSAGE, direction: Direction::Out, receive_time: relay.now(), ..message(1) };
        let checkpoint = Checkpoint { login_number: 1, cursor: domain::channel::Cursor::new("") };
        relay.store.append_sent(&row, &checkpoint, &job, relay.now()).await.unwrap();
        api
    }

    async fn revoke(api: &Api, query: &str) -> crate::support::Answer {
        api.post(&format!("/revoke?{query}"), &[], "").await
    }

    #[tokio::test]
    async fn a_sent_message_is_recalled_by_its_job_or_by_wechats_id() {
        let api = sent().await;
        let answer = revoke(&api, &format!("id={SENT_JOB}")).await;
        insta::assert_snapshot!(answer, @r#"
        200 OK
        {
          "id": "150fb4e63d190a2e8b58d0668cb4af5f",
          "message_id": 6050338562629220245,
          "message_id_str": "6050338562629220245",
          "puid": "1fee435b",
          "status": "queued",
          "success": true
        }
        "#);
        let [job] = &api.commands(1).await[..] else { panic!("one job") };
        let sent_by = JobId::trusted(SENT_JOB);
        assert_eq!(job.command, Command::Recall { to: Puid::new("1fee435b"), message_id: MESSAGE, sent_by });
        for again in [format!("message_id={MESSAGE}"), format!("message_id_str={MESSAGE}")] {
            assert_eq!(revoke(&api, &again).await, answer, "the same job");
        }
        let json =
            api.post("/revoke", &[("content-type", "application/json")], r#"{"message_id": 6050338562629220245}"#);
        assert_eq!(json.await, answer);
        // A recall that has failed is tried again, as another job.
        api.finish(job, JobState::Failed { why: "WeChat refused".to_owned() }).await;
        let worker = async {
            let again = api.commands(1).await;
            api.finish(&again[0], JobState::Sent { message_id: None }).await;
        };
        let waiting = format!("id={SENT_JOB}&wait=20");
        let (shown, ()) = tokio::join!(revoke(&api, &waiting), worker);
        assert_eq!(shown.json["status"], "sent");
        assert_ne!(shown.json["id"], answer.json["id"]);
        assert_eq!(api.signed(&format!("/send/{}", job.id)).await.json["status"], "failed");
    }

    #[tokio::test]
    async fn what_cannot_be_recalled_is_refused_with_its_reason() {
        let api = sent().await;
        let store = &api.fixture.relay.store;
        let put = async |id: u32, command| {
            let id = JobId::trusted(format!("{id:032x}"));
            let job = Job::queued(id, api.app.id.clone(), 0, command, api.fixture.relay.now());
            assert!(store.put_job(&job).await.unwrap());
        };
        put(0xa0, Command::SendText { to: Puid::new("1fee435b"), text: "x".to_owned() }).await;
        put(0xa1, Command::Login).await;
        api.append(message(2)).await;
        let mut refusals = String::new();
        for query in [
            String::new(),
            "id=x".to_owned(),
            "message_id=x".to_owned(),
            "message_id=-1".to_owned(),
            "message_id_str=99999999999999999999".to_owned(),
            format!("id={:032x}", 0xa0),
            format!("id={:032x}", 0xa1),
            format!("id={:032x}", 0xa2),
            "message_id=1".to_owned(),
            format!("message_id={}", MESSAGE + 1),
            format!("id={SENT_JOB}&wait=21"),
        ] {
            let answer = revoke(&api, &query).await;
            let (code, fields) = (&answer.json["code"], &answer.json["fields"]);
            writeln!(refusals, "{query}: {} {code} {fields}", answer.status.as_u16()).unwrap();
        }
        insta::assert_snapshot!(refusals, @r#"
        : 400 "invalid_parameter" {"id":"is required, or message_id"}
        id=x: 400 "invalid_parameter" {"id":"must be the id of a job: 32 hexadecimal digits"}
        message_id=x: 400 "invalid_parameter" {"message_id":"must be WeChat's id of a message: a number"}
        message_id=-1: 400 "invalid_parameter" {"message_id":"must be WeChat's id of a message: a number"}
        message_id_str=99999999999999999999: 400 "invalid_parameter" {"message_id_str":"must be WeChat's id of a message: a number"}
        id=000000000000000000000000000000a0: 409 "not_sent" null
        id=000000000000000000000000000000a1: 404 "not_found" null
        id=000000000000000000000000000000a2: 404 "not_found" null
        message_id=1: 404 "not_found" null
        message_id=6050338562629220246: 404 "not_found" null
        id=000000000000000000000000000005e4&wait=21: 400 "invalid_parameter" {"wait":"must be a whole number of seconds from 0 to 20"}
        "#);
        api.session(|session| session.state = SessionState::Offline).await;
        assert_eq!(revoke(&api, &format!("id={SENT_JOB}")).await.json["code"], "session_offline");
        api.online().await;
        api.fixture.clock.advance_seconds(121);
        let late = revoke(&api, &format!("id={SENT_JOB}")).await;
        insta::assert_snapshot!(late, @r#"
        409 Conflict
        {
          "code": "too_late",
          "errmsg": "A message can be recalled within two minutes only.",
          "success": false
        }
        "#);
        assert_eq!(revoke(&api, &format!("message_id={MESSAGE}")).await, late);
    }
}
