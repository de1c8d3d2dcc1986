//! `POST /send`: sends into a chat, and `GET /send/<id>`: what became of it. The answer is the README's echo with the
//! job's id and status; with `wait=<seconds>` it waits for the end. `Idempotency-Key` makes a retry safe.

use axum::{
    Router,
    http::HeaderMap,
    routing::{get, post},
};
use domain::{
    contact::ContactKind,
    job::{Command, Job, JobId, derived_id},
    puid::Puid,
    session::State as SessionState,
};
use serde::Serialize;

use super::{Segment, at};
use crate::{
    ApiError, State,
    auth::Caller,
    jobs,
    outgoing::{self, Unsendable},
    params::Params,
    reply::Success,
};

/// The longest `Idempotency-Key`, in bytes.
const MAX_KEY: usize = 255;

#[derive(Serialize)]
struct Sent {
    msg_type: &'static str,
    puid: Puid,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<bool>,
    text: String,
    #[serde(flatten)]
    job: JobRow,
}

#[derive(Serialize)]
struct JobRow {
    id: JobId,
    status: &'static str,
    /// WeChat's number for the message, once it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id_str: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<&Job> for JobRow {
    fn from(job: &Job) -> Self {
        let (message_id, why) = jobs::result(&job.state);
        Self {
            id: job.id.clone(),
            status: job.state.as_str(),
            message_id,
            message_id_str: message_id.map(|id| id.to_string()),
            why: why.map(str::to_owned),
        }
    }
}

pub fn route() -> Router<State> {
    at(&["/send"], &post(handle)).merge(at(&["/send/{id}"], &get(look)))
}

async fn handle(state: State, headers: HeaderMap, caller: Caller) -> Result<Success<Sent>, ApiError> {
    let wanted = Wanted::of(&caller.params)?;
    let wait = state.wait(caller.params.wait()?);
    let key = key(&headers)?.map(|key| derived_id(&["send", &caller.app.id, key]));
    let command = Command::SendText { to: wanted.puid.clone(), text: wanted.text.clone() };
    let known = match &key {
        Some(id) => state.relay.store.job(&caller.app.id, id).await?,
        None => None,
    };
    if known.is_none() {
        wanted.can_be_sent(&state, &caller).await?;
    }
    let job = state.ask(&caller.app, key.unwrap_or_else(|| state.relay.ids.hex()), command.clone()).await?;
    if job.command != command {
        return Err(ApiError::IdempotencyConflict);
    }
    let job = JobRow::from(&state.follow(job, &wait).await?);
    Ok(Success::new(Sent { msg_type: "text", puid: wanted.puid, group: wanted.group, text: wanted.text, job }))
}

async fn look(state: State, Segment(id): Segment, caller: Caller) -> Result<Success<JobRow>, ApiError> {
    let job = state.job(&caller.app.id, &id).await?;
    match job.command {
        Command::SendText { .. } => Ok(Success::new(JobRow::from(&job))),
        Command::Login | Command::Logout => Err(ApiError::NotFound("job")),
    }
}

/// What is to be sent, and to whom.
struct Wanted {
    puid: Puid,
    /// Whether the caller takes it for a group.
    group: Option<bool>,
    text: String,
}

impl Wanted {
    fn of(params: &Params) -> Result<Self, ApiError> {
        let text = outgoing::text(params.get("msg_type"), params.get("text")).map_err(|why| match why {
            Unsendable::Missing(name) => ApiError::field(name, "is required"),
            Unsendable::Kind if matches!(params.get("msg_type"), Some("image" | "file" | "video")) => {
                ApiError::UnsupportedMsgType
            }
            Unsendable::Kind => ApiError::field("msg_type", "must be text, image, file or video"),
            Unsendable::TooLong => ApiError::TooLarge("a text may have 16 KiB"),
        })?;
        let puid = Puid::new(params.required("puid")?);
        Ok(Self { puid, group: params.boolean("group")?, text: text.to_owned() })
    }

    /// Whether there is such a contact, and a session to send it with.
    async fn can_be_sent(&self, state: &State, caller: &Caller) -> Result<(), ApiError> {
        let kind = state.book(caller).await?.kind(self.puid.as_str()).ok_or(ApiError::NotFound("contact"))?;
        if self.group.is_some_and(|group| group != (kind == ContactKind::Group)) {
            return Err(ApiError::NotFound("contact"));
        }
        let session = state.relay.store.session(&caller.app.id).await?;
        let online = session.is_some_and(|session| session.state == SessionState::Online);
        if online { Ok(()) } else { Err(ApiError::SessionOffline) }
    }
}

fn key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()));
    key.map(Some).ok_or_else(|| ApiError::field("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))
}
