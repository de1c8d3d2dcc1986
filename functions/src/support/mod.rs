//! Test support of the functions.

mod contract;
mod deliveries;

use std::{collections::BTreeSet, fmt, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::MatchedPath,
    middleware::{self, Next},
    response::Response,
};
use boot::{Grant, Relay};
use domain::{
    app::App,
    channel::{AccountId, LoginStep, Ticket},
    contact::Contact,
    id::JobId,
    job::{Command, Job, JobState},
    message::{Content, Message},
    puid::Puid,
    session::{self, Login, Session, User},
    signature,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode, request::Builder};
use http_body_util::BodyExt;
use jiff::SignedDuration;
use queue::CommandEnvelope;
use serde_json::Value;
use store::Lease;
use testing::{APP_SECRET, Fixture, Recorder, TOKEN};
use tower::ServiceExt;

pub(crate) use deliveries::Deliveries;

use crate::api::{
    endpoint::{Endpoint, SampleAuth, SampleValues, spellings},
    endpoints::{self, ALL},
    state::{AppState, Config},
};

/// The job of [`Api::sent_job`].
pub(crate) const SENT_JOB: &str = "000000000000000000000000000005e4";
/// The ticket of [`friend_request`].
pub(crate) const TICKET: &str = "v2_9f2c@stranger";

/// A friend request as row `seq`.
pub(crate) fn friend_request(seq: u64) -> Message {
    let content = Content::Friends {
        username: "v1_58ab@stranger".to_owned(),
        nickname: "新朋友".to_owned(),
        text: "我是新朋友".to_owned(),
        ticket: TICKET.to_owned(),
        sex: None,
        province: None,
        city: None,
    };
    Message { content, ..testing::message(seq) }
}

/// A response of the router. Displays as its status and its JSON.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: StatusCode,
    headers: HeaderMap,
    pub body: Vec<u8>,
    /// `Null` if the body is not JSON.
    pub json: Value,
    /// The grants that the request needed.
    pub called: BTreeSet<Grant>,
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        (self.status, &self.headers, &self.body) == (other.status, &other.headers, &other.body)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        f.write_str(&serde_json::to_string_pretty(&self.json).map_err(|_| fmt::Error)?)
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// `puid` of every row.
    pub(crate) fn puids(&self) -> Vec<&str> {
        self.rows().map(|row| row["puid"].as_str().unwrap()).collect()
    }

    /// `content.id` of every row.
    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.rows().map(|row| row["content"]["id"].as_u64().unwrap()).collect()
    }

    fn rows(&self) -> impl Iterator<Item = &Value> {
        self.json["results"].as_array().expect("a page of rows").iter()
    }
}

/// An app on embedded services, behind the router of all endpoints. Every request fails the test if its endpoint's grants
/// lack an AWS operation that it called.
pub(crate) struct Api {
    pub fixture: Fixture,
    pub app: App,
    router: Router,
    recorder: Recorder,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::with(Config { poll_interval: Duration::from_millis(1), ..Config::default() }).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let fixture = Fixture::start().await;
        let app = fixture.app(None).await;
        let (relay, recorder) = fixture.recorded();
        let router = endpoints::router(AppState::new(relay, config)).layer(middleware::from_fn(reveal_route));
        Self { fixture, app, router, recorder }
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        // A new one would take an id, which tests count.
        request.headers_mut().entry("x-request-id").or_insert(HeaderValue::from_static("request-1"));
        let method = request.method().clone();
        let (mut parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let route = parts.extensions.remove::<MatchedPath>();
        let called = match &route {
            Some(route) => {
                let endpoint = ALL.iter().find(|endpoint| serves(endpoint, route.as_str())).unwrap();
                self.recorder.take_within(endpoint.grants, endpoint.binary)
            }
            None => self.recorder.take_within(&[], "the router without a route"),
        };
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        let answer = Answer { status: parts.status, headers: parts.headers, body, json, called };
        if let Some(route) = route {
            contract::check(method.as_str(), route.as_str(), &answer);
        }
        answer
    }

    pub(crate) async fn request(&self, request: Builder) -> Answer {
        self.send(request.header("host", "relay.test").body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Request::get(encode(path))).await
    }

    pub(crate) async fn bearer(&self, path: &str, token: &str) -> Answer {
        self.request(Request::get(encode(path)).header("authorization", format!("Bearer {token}"))).await
    }

    /// A request with the app secret.
    pub(crate) async fn secret(&self, path: &str) -> Answer {
        self.get(&join(path, &self.credentials())).await
    }

    /// A signed request.
    pub(crate) async fn signed(&self, path: &str) -> Answer {
        self.get(&self.sign(path)).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &'static str) -> Answer {
        let request = Request::post(encode(&self.sign(path)));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Sends an endpoint's sample.
    pub(crate) async fn sample(&self, endpoint: &Endpoint) -> Answer {
        let values = SampleValues { friend: "1fee435b", group: "973e46d8", job: SENT_JOB, ticket: TICKET };
        let (method, path, query) = endpoint.sample_request(values);
        let path = format!("{path}?{query}");
        let path = match endpoint.sample.auth {
            SampleAuth::None => path,
            SampleAuth::AppSecret => join(&path, &self.credentials()),
            SampleAuth::Signature => self.sign(&path),
        };
        self.request(Request::builder().method(method.as_str()).uri(encode(&path))).await
    }

    /// A form with a file among its parameters.
    pub(crate) async fn form(&self, path: &str, params: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Answer {
        let mut body = Vec::new();
        for (name, value) in params {
            let part = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        if let Some((name, bytes)) = file {
            let disposition = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
            body.extend_from_slice(format!("--edge\r\n{disposition}\r\n\r\n").as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--edge--\r\n");
        let request = Request::post(encode(path)).header("content-type", "multipart/form-data; boundary=edge");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    fn credentials(&self) -> String {
        format!("app_id={}&app_secret={APP_SECRET}", self.app.id)
    }

    pub(crate) fn sign(&self, path: &str) -> String {
        let now = self.fixture.relay.now().as_second().to_string();
        let signature = signature::sign(TOKEN, &now);
        join(path, &format!("{}&timestamp={now}&signature={signature}", self.credentials()))
    }

    /// A new access token.
    pub(crate) async fn token(&self) -> String {
        self.secret("/access-token").await.json["access_token"].as_str().unwrap().to_owned()
    }

    /// Puts contacts, as the worker does.
    pub(crate) async fn contacts(&self, contacts: Vec<Contact>) {
        let (store, app) = (&self.fixture.relay.store, &self.app.id);
        self.contacts_without_lists(contacts).await;
        let head = store.book(app).await.unwrap();
        let mut lists = head.lists.clone().unwrap_or_default();
        let changes = lists.replace(&store.contacts(app).await.unwrap()).unwrap();
        store.put_list_parts(app, &changes).await.unwrap();
        store.finish_book(app, &head, lists).await.unwrap();
        store.delete_list_parts(app, &changes).await.unwrap();
    }

    /// Puts contacts as an earlier version did.
    pub(crate) async fn contacts_without_lists(&self, contacts: Vec<Contact>) {
        self.fixture.relay.store.put_contacts(&self.app.id, &contacts).await.unwrap();
    }

    pub(crate) async fn append(&self, message: Message) {
        self.fixture.relay.store.append(&self.app.id, &message, None).await.unwrap();
    }
}

/// Keeps the route that matched for [`Api::send`].
async fn reveal_route(request: axum::extract::Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

fn serves(endpoint: &Endpoint, route: &str) -> bool {
    endpoint.routes.iter().any(|served| spellings(served.path).iter().any(|path| path == route))
}

fn join(path: &str, query: &str) -> String {
    format!("{path}{}{query}", if path.contains('?') { '&' } else { '?' })
}

/// Percent-encodes every byte that is not printable ASCII, so that tests stay readable.
fn encode(path: &str) -> String {
    let encode = |byte: u8| match byte {
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    path.bytes().map(encode).collect()
}

impl Api {
    /// Changes the session as a worker does.
    pub(crate) async fn session(&self, change: impl FnOnce(&mut Session)) {
        let store = &self.fixture.relay.store;
        let kept = store.session(&self.app.id).await.unwrap();
        let mut session = kept.unwrap_or_else(|| Session::offline(self.fixture.relay.now()));
        change(&mut session);
        let lease = Lease { shard: 0, owner: Some("worker".to_owned()), epoch: 1, heartbeat: 0 };
        store.put_session(&self.app.id, &session, &lease).await.unwrap();
    }

    /// The session waits for its QR code to be scanned.
    pub(crate) async fn waiting(&self) {
        let expires = self.fixture.relay.now() + SignedDuration::from_mins(5);
        self.session(|session| {
            session.state = session::SessionState::Waiting;
            session.login = Some(Login {
                uuid: "Ab12==".to_owned(),
                ticket: Ticket::default(),
                steps: vec![LoginStep::ScanQrCode {
                    content: "https://login.weixin.qq.com/l/Ab12==".to_owned(),
                    page: Some("https://login.weixin.qq.com/qrcode/Ab12==".to_owned()),
                }],
                expires,
            });
        })
        .await;
    }

    /// The session is online.
    pub(crate) async fn online(&self) {
        self.session(|session| {
            session.state = session::SessionState::Online;
            session.user = Some(User {
                account: AccountId::new("1234567890"),
                puid: Puid::new("e1d54615"),
                user_name: "@e1d54615".to_owned(),
                nick_name: "我".to_owned(),
            });
        })
        .await;
    }

    /// Removes the next `count` commands, as a worker does.
    pub(crate) async fn commands(&self, count: usize) -> Vec<Job> {
        commands(&self.fixture.relay, count).await
    }

    /// A job that has just sent a message.
    pub(crate) async fn sent_job(&self) {
        let relay = &self.fixture.relay;
        let command = Command::SendText { to: Puid::new("1fee435b"), text: "666".to_owned() };
        let job = Job::queued(JobId::trusted(SENT_JOB), self.app.id.clone(), 0, command, relay.now());
        assert!(relay.store.put_job(&job).await.unwrap());
        self.finish(&job, JobState::Sent { message_id: Some(6_050_338_562_629_220_245) }).await;
    }

    /// Ends a job as a worker does.
    pub(crate) async fn finish(&self, job: &Job, state: JobState) {
        assert!(self.fixture.relay.store.finish_job(job, state, self.fixture.relay.now()).await.unwrap());
    }
}

/// Removes the next `count` commands from the queue, which must hold no others.
pub(crate) async fn commands(relay: &Relay, count: usize) -> Vec<Job> {
    let queue = &relay.queues.commands[0];
    let mut jobs = Vec::new();
    while jobs.len() < count {
        for received in queue.receive(Duration::from_secs(20)).await.unwrap() {
            queue.delete(&[&received.receipt]).await.unwrap();
            let envelope: CommandEnvelope = serde_json::from_str(&received.body).unwrap();
            jobs.push(
                relay
                    .store
                    .job(&envelope.app, &envelope.job)
                    .await
                    .unwrap()
                    .expect("the job is written before its envelope"),
            );
        }
    }
    assert_eq!((jobs.len(), queue.depth().await.unwrap()), (count, 0));
    jobs
}
