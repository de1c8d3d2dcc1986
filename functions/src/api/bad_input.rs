//! Walks every operation of the OpenAPI document with input that no caller should send, and with the credentials of
//! another app.

use std::{convert::Infallible, fmt::Write};

use axum::body::Body;
use bytes::Bytes;
use domain::{
    app::App,
    contact::{ContactKind, Member},
    delivery::Parked,
    id::{JobId, Seq},
    job::{Command, Job},
    media::MediaPath,
    message::{Content, Message},
    puid::Puid,
};
use futures_util::stream;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use testing::{APP_SECRET, contact, message};

use super::{
    endpoint::Method,
    endpoints::OPERATIONS,
    openapi::{Auth, Kind, Operation, Parameter, Place},
    params::MAX_URL,
    state::Config,
};
use crate::support::{Answer, Api};

const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data; boundary=edge";
const FORM: &str = "application/x-www-form-urlencoded";
/// In every text of the app that another one must not see.
const SECRET: &str = "geheim";
/// What is stored for the app.
const MEDIA: [&str; 2] = ["image/avatar/1fee435b.jpg", "image/6050338562629220245.jpg"];
const JOB: &str = "0000000000000000000000000000cafe";

/// The operations that authenticate their callers. Those that end the access token of the walk come last.
fn operations() -> impl Iterator<Item = &'static Operation> {
    let all = || OPERATIONS.iter().copied().flatten();
    let with_token = all().filter(|operation| !matches!(operation.auth, Auth::None | Auth::OnlySecret));
    with_token.chain(all().filter(|operation| operation.auth == Auth::OnlySecret))
}

/// An app that is online, with something of everything.
async fn api() -> Api {
    let api = Api::with(Config { worker_wait: std::time::Duration::ZERO, ..Config::default() }).await;
    let contacts = [
        contact("1fee435b", ContactKind::Friend, SECRET),
        contact("973e46d8", ContactKind::Group, SECRET),
        contact("0badcafe", ContactKind::OfficialAccount, SECRET),
    ];
    api.contacts(contacts.to_vec()).await;
    let relay = &api.fixture.relay;
    let member = Member { contact: contact("c9c27d87", ContactKind::Stranger, SECRET), display_name: None };
    relay.store.put_members(&api.app.id, &[(Puid::new("973e46d8"), vec![member])]).await.unwrap();
    api.append(Message { content: Content::Text { text: SECRET.to_owned() }, ..message(1) }).await;
    let command = Command::SendText { to: Puid::new("1fee435b"), text: SECRET.to_owned() };
    let job = Job::queued(JobId::trusted(JOB), api.app.id.clone(), 0, command, relay.now());
    assert!(relay.store.put_job(&job).await.unwrap());
    let parked = Parked {
        chat: Puid::new("1fee435b"),
        attempts: 0,
        due: relay.now(),
        since: relay.now(),
        last_seq: Seq::FIRST,
        last_error: SECRET.to_owned(),
    };
    relay.store.park(&api.app.id, 0, &parked).await.unwrap();
    for path in MEDIA {
        let path = MediaPath::parse(path).expect("a path");
        let bytes = stream::iter([Ok::<_, Infallible>(Bytes::from_static(SECRET.as_bytes()))]);
        relay.media.put_stream(&path.key(&api.app.id), bytes, 100).await.unwrap();
    }
    api.waiting().await;
    api.online().await;
    api.session(|session| {
        session.last_error = Some(SECRET.to_owned());
        if let Some(user) = &mut session.user {
            SECRET.clone_into(&mut user.nick_name);
        }
    })
    .await;
    api
}

/// The credentials of an app that every request in a walk carries.
struct Credentials {
    basic: String,
    token: String,
}

impl Credentials {
    async fn of(api: &Api, app: &App) -> Self {
        let path = format!("/access-token?app_id={}&app_secret={APP_SECRET}", app.id);
        let token = api.get(&path).await.json["access_token"].as_str().expect("a token").to_owned();
        Self { basic: data_encoding::BASE64.encode(format!("{}:{APP_SECRET}", app.id).as_bytes()), token }
    }
}

/// A request of a walk, still to be sent.
struct Bad<'a> {
    operation: &'a Operation,
    /// What is wrong, for a message.
    what: String,
    path: String,
    /// Encoded.
    query: Vec<(String, String)>,
    headers: Vec<(&'static str, String)>,
    body: (Option<&'static str>, Vec<u8>),
}

impl<'a> Bad<'a> {
    /// The operation with an example of each required parameter: nothing is wrong yet.
    fn new(operation: &'a Operation) -> Self {
        let mut path = operation.paths[0].to_owned();
        for parameter in parameters(operation).filter(|parameter| parameter.place == Place::Path) {
            path = path.replace(&format!("{{{}}}", parameter.name), &encode(value(parameter)));
            path = path.replace(&format!("{{*{}}}", parameter.name), value(parameter));
        }
        let given = parameters(operation).filter(|parameter| is_needed(parameter));
        let query = given.map(|parameter| (parameter.name.to_owned(), encode(value(parameter)))).collect();
        Self { operation, what: "nothing".to_owned(), path, query, headers: Vec::new(), body: (None, Vec::new()) }
    }

    /// The same with another value of a parameter, or without it.
    fn with(mut self, what: &str, parameter: &Parameter, values: &[&str]) -> Self {
        self.what = format!("{what} {}", parameter.name);
        self.query.retain(|(name, _)| name != parameter.name);
        self.query.extend(values.iter().map(|value| (parameter.name.to_owned(), (*value).to_owned())));
        self
    }

    /// The same with a body instead of the query.
    fn with_body(mut self, what: String, content_type: Option<&'static str>, body: impl Into<Vec<u8>>) -> Self {
        self.query.clear();
        (self.what, self.body) = (what, (content_type, body.into()));
        self
    }

    async fn send(self, api: &Api, credentials: &Credentials) -> Answer {
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let uri = format!("{}?{}", self.path, query.join("&"));
        let authorization = match self.operation.auth {
            Auth::OnlySecret => format!("Basic {}", credentials.basic),
            _ => format!("Bearer {}", credentials.token),
        };
        let mut request = Request::builder().method(self.operation.method.as_str()).uri(uri);
        request = request.header("authorization", authorization).header("host", "relay.test");
        for (name, value) in &self.headers {
            request = request.header(*name, value.as_bytes());
        }
        let (content_type, body) = self.body;
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        api.send(request.body(Body::from(body)).expect("a request")).await
    }

    /// Sends it. It must be refused, and name the parameter at fault.
    async fn refused(self, api: &Api, credentials: &Credentials, parameter: Option<&str>) {
        let (operation, what) = (format!("{} {}", self.operation.method.as_str(), self.path), self.what.clone());
        let answer = self.send(api, credentials).await;
        assert!(answer.status.is_client_error(), "{operation}, {what}: {answer}");
        assert_eq!(answer.json["success"], false, "{operation}, {what}: {answer}");
        assert!(answer.json["code"].is_string() && answer.json["errmsg"].is_string(), "{operation}, {what}: {answer}");
        if let Some(parameter) = parameter.filter(|_| answer.status != StatusCode::PAYLOAD_TOO_LARGE) {
            assert!(answer.json["fields"][parameter].is_string(), "{operation}, {what}: {answer}");
        }
    }
}

/// Whether the walk gives a right value of the parameter along with a wrong one of another. A text message needs a text.
fn is_needed(parameter: &Parameter) -> bool {
    parameter.place == Place::Query && (parameter.required || parameter.name == "text")
}

/// All of an operation's parameters, those of the body included: they may be in the query, too.
fn parameters(operation: &Operation) -> impl Iterator<Item = &'static Parameter> {
    operation.parameters.iter().copied().flatten().chain(operation.body)
}

/// A right value.
fn value(parameter: &Parameter) -> &'static str {
    match parameter.kind {
        Kind::Id => JOB,
        _ => parameter.example,
    }
}

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Values that a parameter must not have, encoded.
fn wrong(kind: Kind) -> Vec<String> {
    let values: Vec<String> = match kind {
        Kind::Text(_) | Kind::Path => Vec::new(),
        Kind::Opaque => ["two words", "测试", "\0", "a\u{7f}"].map(str::to_owned).to_vec(),
        Kind::Puid => ["no puid", "测试", "../1fee435b", "1FEE435B", "\0"].map(str::to_owned).to_vec(),
        Kind::Id => ["x", "0000", "测试"].map(str::to_owned).to_vec(),
        Kind::Boolean => ["perhaps", "2", "[]"].map(str::to_owned).to_vec(),
        Kind::Whole(min, _) => {
            let mut values =
                ["x", "-1", "1.5", "1e3", "0x1", "NaN", "99999999999999999999999"].map(str::to_owned).to_vec();
            values.extend(min.checked_sub(1).map(|below| below.to_string()));
            values
        }
        Kind::OneOf(_) => ["nonsense", "测试", "\0"].map(str::to_owned).to_vec(),
        Kind::Time => {
            ["yesterday", "2020-13-01 00:00:00", "1578367545", "9999999-01-01 00:00:00"].map(str::to_owned).to_vec()
        }
    };
    values.iter().map(|value| encode(value)).collect()
}

#[tokio::test]
async fn every_parameter_of_every_endpoint_is_refused_when_it_is_wrong() {
    let api = api().await;
    let credentials = Credentials::of(&api, &api.app).await;
    let mut walked = 0;
    for operation in operations() {
        for parameter in parameters(operation).filter(|parameter| parameter.place == Place::Query) {
            let (bad, name) = (|| Bad::new(operation), Some(parameter.name));
            let right = encode(value(parameter));
            if parameter.required {
                bad().with("without", parameter, &[]).refused(&api, &credentials, name).await;
                bad().with("empty", parameter, &[""]).refused(&api, &credentials, name).await;
            }
            bad().with("twice", parameter, &[&right, &right]).refused(&api, &credentials, name).await;
            bad().with("twice, once empty", parameter, &[&right, ""]).refused(&api, &credentials, name).await;
            let long = "x".repeat(MAX_URL.max(crate::outgoing::MAX_TEXT) + 1);
            bad().with("too long", parameter, &[&long]).refused(&api, &credentials, name).await;
            for bytes in ["%FF", "%C0%80", "%E6%B5", "a%ED%A0%80b", "%F4%90%80%80"] {
                bad().with("bytes in", parameter, &[bytes]).refused(&api, &credentials, name).await;
            }
            if parameter.name == "page" {
                bad().with("past the end,", parameter, &["4294967295"]).refused(&api, &credentials, name).await;
            }
            // A size that is too large counts as the largest.
            for value in wrong(parameter.kind) {
                if parameter.name != "page_size" || value.parse::<u64>().is_err() || value == "0" {
                    bad().with(&value, parameter, &[&value]).refused(&api, &credentials, name).await;
                }
            }
            walked += 1;
        }
    }
    assert!(walked > 50, "{walked} parameters");
}

#[tokio::test]
async fn every_path_is_unknown_when_its_parameter_is_wrong() {
    let api = api().await;
    let credentials = Credentials::of(&api, &api.app).await;
    for operation in operations() {
        for parameter in parameters(operation).filter(|parameter| parameter.place == Place::Path) {
            let long = "x".repeat(10_000);
            let mut values = wrong(parameter.kind);
            values.extend(["%FF", "%2e%2e", "%00", "ffffffff", long.as_str()].map(str::to_owned));
            for value in values {
                let mut bad = Bad::new(operation);
                let name = format!("{}}}", parameter.name);
                let (start, end) = operation.paths[0].split_once('{').expect("a parameter");
                bad.path = format!("{start}{value}{}", end.split_once(&name).map_or("", |(_, rest)| rest));
                bad.what.clone_from(&value);
                bad.refused(&api, &credentials, None).await;
            }
        }
    }
}

#[tokio::test]
async fn every_header_is_refused_when_it_is_wrong() {
    let api = api().await;
    let credentials = Credentials::of(&api, &api.app).await;
    for operation in operations() {
        for parameter in parameters(operation).filter(|parameter| parameter.place == Place::Header) {
            for value in [String::new(), "x".repeat(10_000), "é".to_owned()] {
                let mut bad = Bad::new(operation);
                bad.what = format!("{} {value:?}", parameter.name);
                bad.headers.push((parameter.name, value));
                bad.refused(&api, &credentials, Some(parameter.name)).await;
            }
        }
    }
}

/// A JSON body with the operation's examples and another value of one field.
fn body_with(operation: &Operation, name: &str, value: Value) -> Vec<u8> {
    let fields = operation.body.iter().filter(|field| is_needed(field));
    let mut body: Value = fields
        .map(|field| (field.name.to_owned(), Value::from(self::value(field))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    body[name] = value;
    serde_json::to_vec(&body).expect("JSON")
}

#[tokio::test]
async fn every_body_is_refused_when_it_is_wrong() {
    let api = api().await;
    let credentials = Credentials::of(&api, &api.app).await;
    for operation in operations().filter(|operation| operation.method == Method::Post) {
        let bad = || Bad::new(operation);
        for (content_type, body) in [
            (Some(JSON), "{"),
            (Some(JSON), "[]"),
            (Some(JSON), "null"),
            (Some(JSON), "\"text\""),
            (Some(JSON), "puid=1fee435b"),
            (Some(JSON), "{\"text\": \"\\ud800\"}"),
            (Some("text/plain"), "text"),
            (Some("application/xml"), "<a/>"),
            (Some("multipart/form-data"), "no boundary"),
            (Some("é"), "text"),
            (None, "{}"),
        ] {
            let what = format!("{content_type:?} {body}");
            bad().with_body(what, content_type, body).refused(&api, &credentials, None).await;
        }
        for body in [
            "no boundary in it",
            "--edge--\r\n",
            "--edge\r\nContent-Disposition: form-data; name=\"msg_type\"\r\n\r\ntext",
            "--edge\r\nContent-Disposition: form-data\r\n\r\ntext\r\n--edge--\r\n",
            "--edge\r\nContent-Disposition: form-data; name=\"other\"; filename=\"x\"\r\n\r\nx\r\n--edge--\r\n",
            "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n\r\n--edge--\r\n",
        ] {
            let what = format!("a form {body:?}");
            bad().with_body(what, Some(MULTIPART), body).refused(&api, &credentials, None).await;
        }
        let part = |name: &str, value: &[u8]| {
            let head = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            [head.as_bytes(), value, b"\r\n"].concat()
        };
        for parts in [
            [part("text", b"\xFF"), Vec::new()],
            [part("text", b"x"), part("text", b"x")],
            [part("text", &vec![b'x'; 1_000_000]), Vec::new()],
            [part("file", b"x"), part("file", b"x")],
        ] {
            let body = [parts.concat().as_slice(), b"--edge--\r\n"].concat();
            let what = format!("a form of {} bytes", body.len());
            bad().with_body(what, Some(MULTIPART), body).refused(&api, &credentials, None).await;
        }
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for (content_type, body) in [
            (JSON, b"{\"text\": \"\xFF\"}".to_vec()),
            (JSON, deep.into_bytes()),
            (JSON, format!("{{\"text\": \"{}\"}}", "x".repeat(1_000_000)).into_bytes()),
            (FORM, format!("text={}", "x".repeat(1_000_000)).into_bytes()),
            (FORM, b"text=%FF".to_vec()),
            (FORM, b"text=\xFF".to_vec()),
        ] {
            let what = format!("{content_type} of {} bytes", body.len());
            bad().with_body(what, Some(content_type), body).refused(&api, &credentials, None).await;
        }
        for field in operation.body {
            let name = Some(field.name);
            for odd in [json!([]), json!({ "a": 1 }), json!(["x", "y"]), json!("x".repeat(20_000))] {
                let body = body_with(operation, field.name, odd);
                bad()
                    .with_body(format!("odd {}", field.name), Some(JSON), body)
                    .refused(&api, &credentials, name)
                    .await;
            }
            if !matches!(field.kind, Kind::Boolean | Kind::Whole(..)) {
                for odd in [json!(1), json!(true), json!(1.5)] {
                    let body = body_with(operation, field.name, odd);
                    bad()
                        .with_body(format!("odd {}", field.name), Some(JSON), body)
                        .refused(&api, &credentials, name)
                        .await;
                }
            }
            if field.required {
                let body = body_with(operation, field.name, Value::Null);
                bad()
                    .with_body(format!("null {}", field.name), Some(JSON), body)
                    .refused(&api, &credentials, name)
                    .await;
            }
        }
    }
}

#[tokio::test]
async fn credentials_that_are_wrong_in_any_way_are_refused() {
    let api = api().await;
    let long = "x".repeat(10_000);
    let values = ["", "x", "%FF", "%00", "测试", &long];
    for operation in operations() {
        let (method, path) = (operation.method.as_str(), Bad::new(operation).path);
        for name in ["app_id", "app_secret", "timestamp", "signature", "access_token"] {
            for value in values {
                let value = if value.starts_with('%') { value.to_owned() } else { encode(value) };
                let signed = api.sign("");
                let others: Vec<_> =
                    signed[1..].split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
                let needs_it = match operation.auth {
                    Auth::OnlySecret | Auth::Secret => !matches!(name, "timestamp" | "signature"),
                    _ => true,
                };
                let needs_it = needs_it && !(name == "access_token" && value.is_empty());
                if needs_it || value == "%FF" || value.len() > 5000 {
                    let query = format!("{}&{name}={value}", others.join("&"));
                    let request = Request::builder().method(method).uri(format!("{path}?{query}"));
                    let answer = api.request(request).await;
                    assert!(answer.status.is_client_error(), "{method} {path}?{query}: {answer}");
                    assert!(answer.json["code"].is_string(), "{method} {path}?{query}: {answer}");
                }
            }
        }
        for header in
            ["Bearer", "Bearer ", "Basic ", "Basic eDp5", "Bearer \u{e9}", &format!("Bearer {long}"), "Digest x"]
        {
            let request = Request::builder().method(method).uri(&path).header("authorization", header.as_bytes());
            let answer = api.request(request).await;
            assert_eq!(answer.json["code"], "unauthorized", "{method} {path}, {header}: {answer}");
        }
    }
}

#[tokio::test]
async fn another_app_finds_nothing_of_the_first() {
    let api = api().await;
    let other = api.fixture.app(None).await;
    let credentials = Credentials::of(&api, &other).await;
    let mut statuses = String::new();
    for operation in operations() {
        let alone = [None];
        let given = parameters(operation).filter(|parameter| parameter.place == Place::Query && !parameter.required);
        let mut asked: Vec<u16> = Vec::new();
        for parameter in alone.into_iter().chain(given.map(Some)) {
            let bad = Bad::new(operation);
            let bad = match parameter {
                Some(parameter) => bad.with("with", parameter, &[&encode(value(parameter))]),
                None => bad,
            };
            let what = bad.what.clone();
            let answer = bad.send(&api, &credentials).await;
            let text = String::from_utf8_lossy(&answer.body);
            assert!(!text.contains(SECRET), "{} with {what}: {text}", operation.paths[0]);
            let rows = answer.json["results"].as_array().map_or(0, Vec::len);
            assert_eq!(rows, 0, "{} with {what}: {text}", operation.paths[0]);
            asked.push(answer.status.as_u16());
        }
        asked.sort_unstable();
        asked.dedup();
        writeln!(statuses, "{} {} {asked:?}", operation.method.as_str(), operation.paths[0]).unwrap();
    }
    insta::assert_snapshot!(statuses, @r#"
    GET /check-login [200]
    GET /friends [200]
    POST /friends/accept [404, 409]
    POST /friends/remark [400, 404]
    GET /groups [200]
    GET /login [503]
    POST /logout [200]
    GET /media/{*path} [200]
    GET /members/{group} [404]
    GET /message [200]
    GET /mps [200]
    POST /revoke [400, 404]
    POST /send [404]
    GET /send/{id} [404]
    GET /session [200]
    POST /upload [200]
    POST /update [409]
    POST /access-token [200]
    GET /access-token [200]
    "#);
    let media = async |token: &str| {
        let mut statuses = Vec::new();
        for path in MEDIA {
            statuses.push(api.bearer(&format!("/media/{path}"), token).await.status.as_u16());
        }
        statuses
    };
    assert_eq!(media(&Credentials::of(&api, &other).await.token).await, [200, 404], "a neutral picture, and nothing");
    assert_eq!(media(&Credentials::of(&api, &api.app).await.token).await, [302, 302]);
    // The walk can find something: the app itself does.
    let credentials = Credentials::of(&api, &api.app).await;
    let mut found = String::new();
    for operation in operations().filter(|operation| operation.method == Method::Get) {
        let answer = Bad::new(operation).send(&api, &credentials).await;
        if String::from_utf8_lossy(&answer.body).contains(SECRET) {
            writeln!(found, "{}", operation.paths[0]).unwrap();
        }
    }
    insta::assert_snapshot!(found, @"
    /check-login
    /friends
    /groups
    /login
    /members/{group}
    /message
    /mps
    /session
    ");
}
