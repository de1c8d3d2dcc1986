//! `POST /send` sends a text, a picture, a file or a video into a chat, `GET /send/<id>` shows the job. The response to
//! `POST` repeats the request with the job's id and status; with `wait=<seconds>` it waits for the job to end.
//! `Idempotency-Key` makes a retry safe.

use axum::{http::HeaderMap, routing::on};
use boot::{
    Grant::{Commands, Media, Table},
    MediaOperation::{GetObject, ListBucket, PutObject},
    QueueOperation::SendMessage,
    TableOperation::{BatchGetItem, GetItem, PutItem},
};
use domain::{
    contact::ContactKind,
    id::{InvalidId, JobId},
    job::{Command, OutgoingSource, derived_id},
    media::upload_key,
    puid::Puid,
};
use futures_util::future::join;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::{
        auth::Caller,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::{ApiError, Fields},
        multipart::{FILE, FilePart, FormCaller},
        openapi::{Auth, Failure, Kind, Operation, Parameter, Reply, WAIT},
        params::{MAX_VALUE, Params, present},
        path_segment::PathSegment,
        response::ApiResponse,
        state::AppState,
        view::job::JobRow,
    },
    outgoing::{self, MessageType, Outgoing, Unsendable},
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "send",
    title: Title { zh: "发送消息、查询结果", en: "Send a message; its result" },
    routes: &[
        Route { method: Method::Post, path: "/send", handler: |method| on(method, handle) },
        Route { method: Method::Get, path: "/send/{id}", handler: |method| on(method, job_status) },
    ],
    needs: None,
    grants: &[
        Table(BatchGetItem),
        Table(GetItem),
        Table(PutItem),
        Commands(SendMessage),
        Media(GetObject),
        Media(ListBucket),
        Media(PutObject),
    ],
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
            Parameter::query("msg_type", Kind::OneOf(|| outgoing::TYPES.to_vec()), "What to send.", "text").required(),
            Parameter::query("puid", Kind::Puid, "The chat.", "1fee435b").required(),
            Parameter::query("group", Kind::Boolean, "Whether the chat is a group.", "false"),
            Parameter::query("text", Kind::Text(outgoing::MAX_TEXT), "The text of a `text`.", "666"),
            Parameter::query(
                "url",
                Kind::Text(outgoing::MAX_URL),
                "Where an `image`, `file` or `video` is fetched from. A part `file` or an `upload` stands for it.",
                "https://example.com/cat.jpg",
            ),
            Parameter::query("upload", Kind::Id, "The name of an uploaded file, from `/upload`.", UPLOAD),
            Parameter::query("file_name", Kind::Text(MAX_VALUE), "The name that a `file` is shown under.", "报告.pdf"),
            WAIT,
        ],
        file: Some(FILE),
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
        summary: "How far a message is; also a recall, an accepted friend request and a remark.",
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
/// An example.
const UPLOAD: &str = "0000000000000000000000000000000b";

#[derive(Serialize, JsonSchema)]
struct Sent {
    msg_type: &'static str,
    puid: Puid,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The name of the uploaded file.
    #[serde(skip_serializing_if = "Option::is_none")]
    upload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    #[serde(flatten)]
    job: JobRow,
}

async fn handle(state: AppState, headers: HeaderMap, form: FormCaller) -> Result<ApiResponse<Sent>, ApiError> {
    let FormCaller { mut caller, file } = form;
    let key = idempotency_key(&headers)?.map(|key| derived_id(&["send", &caller.app.id, key]));
    let known = match &key {
        Some(id) => state.relay.store.job(&caller.app.id, id).await?,
        None => None,
    };
    let id = key.unwrap_or_else(|| JobId::generate(&*state.relay.ids));
    let stored = match file {
        Some(part) => Some(store(&state, &mut caller, part, &id, known.is_none()).await?),
        None => None,
    };
    let request = SendRequest::parse(&state, &caller, stored)?;
    let polling = state.poll_for(caller.params.wait()?);
    if known.is_none() {
        request.check(&state, &caller).await?;
    }
    let command = request.outgoing.clone().to(request.puid.clone());
    let job = state.enqueue(&caller.app, id, command.clone()).await?;
    if job.command != command {
        return Err(ApiError::IdempotencyConflict);
    }
    let job = JobRow::from(&state.wait_for(job, &polling).await?);
    Ok(ApiResponse::new(request.answer(job)))
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

/// A file that came with the request.
struct StoredFile {
    source: OutgoingSource,
    name: Option<String>,
}

/// Stores the file under the job's id, unless the job exists: then it was stored before.
async fn store(
    state: &AppState,
    caller: &mut Caller,
    part: FilePart,
    id: &JobId,
    is_new: bool,
) -> Result<StoredFile, ApiError> {
    let key = is_new.then(|| upload_key(&caller.app.id, id.as_str()));
    let stored = StoredFile {
        name: part.file_name().map(str::to_owned),
        source: OutgoingSource::Upload(id.as_str().to_owned()),
    };
    part.read(&mut caller.params, &state.relay.media, key.as_deref(), state.config.max_media_bytes).await?;
    Ok(stored)
}

/// What to send, and the chat.
struct SendRequest {
    msg_type: MessageType,
    puid: Puid,
    /// Whether the caller says that the chat is a group.
    group: Option<bool>,
    outgoing: Outgoing,
    /// Whether the bytes came with the request.
    with_file: bool,
}

impl SendRequest {
    /// Names every parameter at fault.
    fn parse(state: &AppState, caller: &Caller, file: Option<StoredFile>) -> Result<Self, ApiError> {
        let (params, mut faults, with_file) = (&caller.params, Faults::default(), file.is_some());
        let channel = (state.config.capabilities)(caller.app.channel);
        let msg_type = faults.keep(MessageType::parse(params.get("msg_type"), &channel).map_err(refused))?;
        let puid = params.puid("puid").and_then(|puid| present("puid", puid));
        let puid = faults.keep(puid)?;
        let group = faults.keep(params.boolean("group"))?;
        let upload = faults.keep(upload(params))?.flatten();
        faults.keep(params.wait())?;
        let outgoing = match msg_type {
            Some(MessageType::Text) => faults
                .keep(outgoing::text(params.get("text")).map_err(refused))?
                .map(|text| Outgoing::Text(text.to_owned())),
            Some(MessageType::Media(kind)) => {
                let url = params.get("url");
                let given = [url.is_some(), upload.is_some(), with_file].into_iter().filter(|given| *given).count();
                if given > 1 {
                    faults.note("url", "stands beside an upload or a file: send one of them");
                }
                let named = outgoing::file_name(params.get("file_name"));
                let (source, name) = match (file, upload) {
                    (Some(file), _) => (Some(file.source), named.or(outgoing::file_name(file.name.as_deref()))),
                    (None, Some(upload)) => (Some(OutgoingSource::Upload(upload)), named),
                    (None, None) if params.get("upload").is_some() => (None, named),
                    (None, None) => (faults.keep(outgoing::url(url, &state.config.policy).map_err(refused))?, named),
                };
                source.map(|source| Outgoing::Media { kind, source, name })
            }
            None => None,
        };
        match (msg_type, puid, group, outgoing) {
            (Some(msg_type), Some(puid), Some(group), Some(outgoing)) if faults.0.is_empty() => {
                Ok(Self { msg_type, puid, group, outgoing, with_file })
            }
            _ => Err(ApiError::Invalid(faults.0)),
        }
    }

    /// Fails unless the contact and the uploaded file exist and the app is online.
    async fn check(&self, state: &AppState, caller: &Caller) -> Result<(), ApiError> {
        let app = &caller.app.id;
        // Only this contact's row: a cold function would have to read the whole contact book.
        let (contact, online) = join(state.contact(app, &self.puid), state.check_online(app)).await;
        let contact = contact?;
        if self.group.is_some_and(|group| group != (contact.kind == ContactKind::Group)) {
            return Err(ApiError::NotFound("contact"));
        }
        online?;
        match &self.outgoing {
            Outgoing::Media { source: OutgoingSource::Upload(name), .. } if !self.with_file => {
                let found = state.relay.media.head(&upload_key(app, name)).await?;
                let size = found.ok_or(ApiError::NotFound("uploaded file"))?.size;
                let limit = state.config.max_media_bytes;
                match size {
                    0 => Err(ApiError::field("upload", "is empty")),
                    size if size > limit => Err(ApiError::FileTooLarge(limit)),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn answer(self, job: JobRow) -> Sent {
        let (text, source, file_name) = match self.outgoing {
            Outgoing::Text(text) => (Some(text), None, None),
            Outgoing::Media { source, name, .. } => (None, Some(source), name),
        };
        let (url, upload) = match source {
            Some(OutgoingSource::Url(url)) => (Some(url), None),
            Some(OutgoingSource::Upload(name)) => (None, Some(name)),
            None => (None, None),
        };
        let (msg_type, puid, group) = (self.msg_type.as_str(), self.puid, self.group);
        Sent { msg_type, puid, group, text, url, upload, file_name, job }
    }
}

/// The parameter `upload`.
fn upload(params: &Params) -> Result<Option<String>, ApiError> {
    let Some(name) = params.get("upload") else { return Ok(None) };
    let name = name.parse::<JobId>().map_err(|InvalidId| ApiError::field("upload", "must be a name from /upload"))?;
    Ok(Some(name.as_str().to_owned()))
}

/// Faults of parameters, so that an answer names them all.
#[derive(Default)]
struct Faults(Fields);

impl Faults {
    fn note(&mut self, name: &'static str, why: &str) {
        self.0.insert(name, why.to_owned());
    }

    /// The value of a parameter; `None` once its fault is noted. Any other error ends the request.
    fn keep<T>(&mut self, value: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
        match value {
            Ok(value) => Ok(Some(value)),
            Err(ApiError::Invalid(fields)) => {
                self.0.extend(fields);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }
}

fn refused(why: Unsendable) -> ApiError {
    match why {
        Unsendable::Missing(name) => ApiError::field(name, "is required"),
        Unsendable::Kind => ApiError::field("msg_type", "must be text, image, file or video"),
        Unsendable::Unsupported(kind) => ApiError::UnsupportedMedia(kind),
        Unsendable::TooLong => ApiError::TooLarge("a text may have 16 KiB"),
        Unsendable::Url(why) => ApiError::field("url", why),
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

    use bytes::Bytes;
    use domain::{channel::MediaKind, job::JobState, session::SessionState};
    use media::MediaType;
    use testing::contact;

    use super::*;
    use crate::{
        api::{params::NO_PUID, state::Config},
        support::{Answer, Api},
    };

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
            r#"{"msg_type": "image", "puid": "1fee435b"}"#,
            r#"{"msg_type": "image", "puid": "1fee435b", "url": "a.png"}"#,
            r#"{"msg_type": "image", "puid": "1fee435b", "url": "ftp://a.example/b.png"}"#,
            r#"{"msg_type": "image", "puid": "1fee435b", "url": "http://169.254.169.254/latest"}"#,
            r#"{"msg_type": "image", "puid": "1fee435b", "url": "http://2130706433/"}"#,
            r#"{"msg_type": "file", "puid": "1fee435b", "upload": "../x"}"#,
            r#"{"msg_type": "file", "puid": "1fee435b", "upload": "0000000000000000000000000000000b"}"#,
            r#"{"msg_type": "file", "puid": "1fee435b", "url": "http://a.example", "upload": "0000000000000000000000000000000b"}"#,
            r#"{"puid": "x", "group": "perhaps", "upload": "x", "wait": 21}"#,
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
        400 "invalid_parameter" {"url":"is required"}
        400 "invalid_parameter" {"url":"it is not a URL"}
        400 "invalid_parameter" {"url":"it must begin with http:// or https:// and name a host"}
        400 "invalid_parameter" {"url":"169.254.169.254 is not a public address"}
        400 "invalid_parameter" {"url":"127.0.0.1 is not a public address"}
        400 "invalid_parameter" {"upload":"must be a name from /upload"}
        404 "not_found" null
        400 "invalid_parameter" {"url":"stands beside an upload or a file: send one of them"}
        400 "invalid_parameter" {"group":"must be true or false","msg_type":"is required","puid":"must be a puid: hexadecimal digits in lower case","upload":"must be a name from /upload","wait":"must be a whole number of seconds from 0 to 20"}
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
    async fn media_are_sent_by_url() {
        let api = online().await;
        let body = r#"{"msg_type": "image", "puid": "1fee435b", "url": "https://a.example/b.png"}"#;
        insta::assert_snapshot!(send(&api, body).await, @r#"
        200 OK
        {
          "id": "00000000000000000000000000000009",
          "msg_type": "image",
          "puid": "1fee435b",
          "status": "queued",
          "success": true,
          "url": "https://a.example/b.png"
        }
        "#);
        let query = "msg_type=file&puid=973e46d8&group=true&url=http://a.example/c&file_name=../报告%0A.pdf";
        let file = api.post(&format!("/send?{query}"), &[], "").await;
        assert_eq!((&file.json["msg_type"], &file.json["file_name"]), (&"file".into(), &"报告.pdf".into()));
        api.post("/send?msg_type=video&puid=1fee435b&url=http://8.8.8.8/d.mp4", &[], "").await;
        let source = |url: &str| OutgoingSource::Url(url.to_owned());
        let media = |to, kind, url, name| Command::SendMedia { to: Puid::new(to), kind, source: source(url), name };
        let commands: Vec<_> = api.commands(3).await.into_iter().map(|job| job.command).collect();
        let wanted = [
            media("1fee435b", MediaKind::Image, "https://a.example/b.png", None),
            media("973e46d8", MediaKind::File, "http://a.example/c", Some("报告.pdf".to_owned())),
            media("1fee435b", MediaKind::Video, "http://8.8.8.8/d.mp4", None),
        ];
        assert_eq!(commands, wanted);
        let no_media =
            |_| domain::channel::Capabilities { media_out: &[], ..domain::channel::ChannelKind::Web.capabilities() };
        let api = Api::with(Config { capabilities: no_media, ..Config::default() }).await;
        insta::assert_snapshot!(send(&api, body).await, @r#"
        422 Unprocessable Entity
        {
          "code": "unsupported_by_channel",
          "errmsg": "The app's channel cannot send a message of type image.",
          "success": false
        }
        "#);
    }

    #[tokio::test]
    async fn a_file_streams_from_a_form_into_the_bucket() {
        let api = online().await;
        let params = [("msg_type", "file"), ("puid", "1fee435b")];
        let file = Some(("名 字.pdf", &b"%PDF-1.7"[..]));
        let answer = api.form(&api.sign("/send"), &params, file).await;
        insta::assert_snapshot!(answer, @r#"
        200 OK
        {
          "file_name": "名 字.pdf",
          "id": "00000000000000000000000000000009",
          "msg_type": "file",
          "puid": "1fee435b",
          "status": "queued",
          "success": true,
          "upload": "00000000000000000000000000000009"
        }
        "#);
        let name = answer.json["upload"].as_str().unwrap().to_owned();
        let stored = api.fixture.relay.media.head(&upload_key(&api.app.id, &name)).await.unwrap().unwrap();
        assert_eq!((stored.size, stored.content_type.as_str()), (8, "application/pdf"));
        let [job] = &api.commands(1).await[..] else { panic!("one job") };
        let (source, named) = (OutgoingSource::Upload(name), Some("名 字.pdf".to_owned()));
        let to = Puid::new("1fee435b");
        assert_eq!(job.command, Command::SendMedia { to, kind: MediaKind::File, source, name: named });

        // Credentials may be parts of the form as well, before the file; a form without a file is one of parameters.
        let signed = api.sign("");
        let credentials = signed[1..].split('&').map(|pair| pair.split_once('=').unwrap());
        let all: Vec<_> = credentials.clone().chain(params).collect();
        assert_eq!(api.form("/send", &all, file).await.json["status"], "queued");
        let text: Vec<_> = credentials.chain([("msg_type", "text"), ("puid", "1fee435b"), ("text", "好")]).collect();
        assert_eq!(api.form("/send", &text, None).await.json["text"], "好");
    }

    #[tokio::test]
    async fn a_form_that_is_too_large_or_broken_is_refused() {
        let limited = Config { max_media_bytes: 1_000, ..Config::default() };
        let api = Api::with(limited).await;
        api.contacts(vec![contact("1fee435b", ContactKind::Friend, "朋友")]).await;
        api.online().await;
        let params = [("msg_type", "image"), ("puid", "1fee435b")];
        let ask = async |params: &[(&str, &str)], bytes: &[u8]| {
            let answer = api.form(&api.sign("/send"), params, Some(("a.png", bytes))).await;
            (answer.status.as_u16(), answer.json["code"].as_str().unwrap_or_default().to_owned(), answer)
        };
        assert_eq!(ask(&params, &[0; 1_000]).await.0, 200);
        let (status, code, answer) = ask(&params, &[0; 1_001]).await;
        assert_eq!((status, &*code), (413, "too_large"));
        assert_eq!(answer.json["errmsg"], "The file is too large: it may have 1000 bytes.");
        assert_eq!(ask(&params, &[]).await.2.json["fields"]["file"], "is empty");
        let long = "x".repeat(300_000);
        assert_eq!(ask(&[("text", &long)], &[0]).await.0, 413);
        assert_eq!(
            ask(&[("puid", "1fee435b"), ("puid", "1fee435b")], &[0]).await.2.json["fields"]["puid"],
            "is given twice"
        );
        assert_eq!(
            api.form("/send", &params, Some(("a.png", &[0]))).await.status,
            401,
            "nothing is stored for a stranger"
        );
        for (kind, body) in [
            ("multipart/form-data", "--edge--\r\n"),
            ("multipart/form-data; boundary=", "--edge--\r\n"),
            ("multipart/form-data; boundary=edge", "no parts"),
            ("multipart/form-data; boundary=edge", "--edge\r\n\r\nno name\r\n--edge--\r\n"),
            (
                "multipart/form-data; boundary=edge",
                "--edge\r\nContent-Disposition: form-data; name=\"x\"; filename=\"x\"\r\n\r\nx\r\n--edge--\r\n",
            ),
            (
                "multipart/form-data; boundary=edge",
                "--edge\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\ncut",
            ),
        ] {
            let answer = api.post("/send", &[("content-type", kind)], body).await;
            assert_eq!(answer.json["code"], "invalid_body", "{kind} {body}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_repeated_form_sends_once() {
        let api = online().await;
        let part =
            |name: &str, value: &str| format!("--edge\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n");
        // The file comes first here, and its parameters after it.
        let body = [
            part("name=\"file\"; filename=\"a.png\"", "bytes"),
            part("name=\"msg_type\"", "image"),
            part("name=\"puid\"", "1fee435b"),
            "--edge--\r\n".to_owned(),
        ];
        let body: &'static str = Box::leak(body.concat().into_boxed_str());
        let headers = [("content-type", "multipart/form-data; boundary=edge"), ("Idempotency-Key", "order 18")];
        let first = api.post("/send", &headers, body).await;
        assert_eq!(first.status, 200, "{first}");
        assert_eq!(api.post("/send", &headers, body).await, first);
        api.commands(1).await;
    }

    #[tokio::test]
    async fn an_uploaded_file_is_sent_by_its_name() {
        let limited = Config { max_media_bytes: 5, ..Config::default() };
        let api = Api::with(limited).await;
        api.contacts(vec![contact("1fee435b", ContactKind::Friend, "朋友")]).await;
        api.online().await;
        let put = async |name: &str, bytes: &'static [u8]| {
            let (key, bytes) = (upload_key(&api.app.id, name), Bytes::from_static(bytes));
            api.fixture.relay.media.put(&key, bytes.clone(), MediaType::of(&bytes)).await.unwrap();
        };
        let ask = async || {
            let path = format!("/send?msg_type=video&puid=1fee435b&upload={UPLOAD}&file_name=a.mp4");
            api.post(&path, &[], "").await
        };
        insta::assert_snapshot!(ask().await, @r#"
        404 Not Found
        {
          "code": "not_found",
          "errmsg": "There is no such uploaded file.",
          "success": false
        }
        "#);
        put(UPLOAD, b"123456").await;
        assert_eq!(ask().await.status, 413);
        put(UPLOAD, b"").await;
        assert_eq!(ask().await.json["fields"]["upload"], "is empty");
        put(UPLOAD, b"12345").await;
        insta::assert_snapshot!(ask().await, @r#"
        200 OK
        {
          "file_name": "a.mp4",
          "id": "0000000000000000000000000000000c",
          "msg_type": "video",
          "puid": "1fee435b",
          "status": "queued",
          "success": true,
          "upload": "0000000000000000000000000000000b"
        }
        "#);
        let [job] = &api.commands(1).await[..] else { panic!("one job") };
        let source = OutgoingSource::Upload(UPLOAD.to_owned());
        let (to, name) = (Puid::new("1fee435b"), Some("a.mp4".to_owned()));
        assert_eq!(job.command, Command::SendMedia { to, kind: MediaKind::Video, source, name });
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
