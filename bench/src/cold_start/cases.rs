//! One event for each function, with a response of success.

use anyhow::bail;
use domain::{
    contact::ContactKind,
    id::{AppId, JobId, Seq},
    job::{Command, Job, JobState},
    message::{Content, Kind},
    puid::Puid,
};
use functions::api::{
    endpoint::{Endpoint, SampleAuth, SampleValues},
    endpoints::ALL,
};
use jiff::SignedDuration;
use queue::{Envelope, InboundEnvelope, Received};
use serde_json::{Value, json};

use crate::processes::Processes;

/// A function and its event.
pub(super) struct Case {
    pub binary: &'static str,
    pub event: Value,
    expected: Expected,
}

/// The response that the function must give.
enum Expected {
    Status(u16),
    /// That of the endpoint's sample.
    Sample(&'static Endpoint),
    /// No failed message.
    WholeBatch,
    Null,
}

impl Case {
    pub(super) fn is_answered_by(&self, response: &Value) -> bool {
        match self.expected {
            Expected::Status(status) => response["statusCode"] == status,
            Expected::Sample(endpoint) => {
                let status = response["statusCode"].as_u64().and_then(|status| status.try_into().ok());
                let body = response["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
                status.is_some_and(|status| endpoint.sample.is_answered_by(status, &body.unwrap_or_default()))
            }
            Expected::WholeBatch => response["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
            Expected::Null => response.is_null(),
        }
    }
}

/// A request as API Gateway passes it to a function (payload format 2.0).
fn request(method: &str, path: &str, query: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "host": "relay.example", "x-forwarded-proto": "https", "accept": "application/json" },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "bench",
            "domainName": "relay.example",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "" },
            "requestId": "bench",
            "routeKey": "$default",
            "stage": "$default",
            "time": "07/Jan/2020:03:25:45 +0000",
            "timeEpoch": 1_578_367_545_000_u64,
        },
        "isBase64Encoded": false,
    })
}

/// The bare handler.
pub(super) fn bare() -> Case {
    Case { binary: "bare", event: request("GET", "/", ""), expected: Expected::Status(200) }
}

/// Every function. The endpoints get their samples, from an app that is online or one that is offline.
pub(super) async fn all(
    processes: &Processes,
    online: &(AppId, String),
    offline: &(AppId, String),
) -> anyhow::Result<Vec<Case>> {
    let contacts = processes.relay.store.contacts(&online.0).await?;
    let puid_of = |kind| contacts.iter().find(|contact| contact.kind == kind).map(|contact| contact.puid.clone());
    let group = puid_of(ContactKind::Group).unwrap_or_else(|| Puid::new("none"));
    let friend = puid_of(ContactKind::Friend).unwrap_or_else(|| Puid::new("none"));
    let (job, ticket) = prepare(processes, &online.0, &friend).await?;
    let values = SampleValues { friend: friend.as_str(), group: group.as_str(), job: job.as_str(), ticket: &ticket };
    let sample = |endpoint: &'static Endpoint| {
        let (method, path, query) = endpoint.sample_request(values);
        let app = if endpoint.sample.online { online } else { offline };
        let parameters = [credentials(processes, app, endpoint.sample.auth), query];
        let query = parameters.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&");
        let event = request(method.as_str(), &path, &query);
        Case { binary: endpoint.binary, event, expected: Expected::Sample(endpoint) }
    };
    let envelope = InboundEnvelope { app: online.0.clone(), chat: friend.clone(), seq: Seq::FIRST };
    let message = Received {
        id: "1".to_owned(),
        body: serde_json::to_string(&envelope)?,
        receipt: "1".to_owned(),
        group: Some(envelope.group()),
        sent: Some("2020-01-07T03:25:45.988Z".parse()?),
    };
    let others = [
        Case { binary: "dispatcher", event: queue::event(&[message]), expected: Expected::WholeBatch },
        Case { binary: "fallback", event: request("GET", "/nothing", ""), expected: Expected::Status(404) },
        Case { binary: "sweep", event: json!({ "source": "aws.scheduler" }), expected: Expected::Null },
    ];
    let mut cases: Vec<Case> = ALL.iter().map(sample).chain(others).collect();
    cases.sort_by_key(|case| case.binary);
    Ok(cases)
}

/// A job of the app that has sent a message, and the ticket of a friend request in its history.
async fn prepare(processes: &Processes, app: &AppId, friend: &Puid) -> anyhow::Result<(JobId, String)> {
    let relay = &processes.relay;
    let command = Command::SendText { to: friend.clone(), text: "666".to_owned() };
    let job = Job::queued(JobId::generate(&*relay.ids), app.clone(), 0, command, relay.now());
    relay.store.put_job(&job).await?;
    // A message can be recalled for two minutes; a run takes longer.
    let state = JobState::Sent { message_id: Some(1) };
    relay.store.finish_job(&job, state, relay.now() + SignedDuration::from_hours(24)).await?;
    let request = relay.store.newest(app, 100, |message| message.content.kind() == Kind::Friends).await?;
    match request.map(|row| row.message.content) {
        Some(Content::Friends { ticket, .. }) => Ok((job.id, ticket)),
        _ => bail!("there is no friend request in the history"),
    }
}

/// The query parameters that authenticate a request of the app.
fn credentials(processes: &Processes, (app, secret): &(AppId, String), auth: SampleAuth) -> String {
    let by_secret = format!("app_id={app}&app_secret={secret}");
    match auth {
        SampleAuth::None => String::new(),
        SampleAuth::AppSecret => by_secret,
        SampleAuth::Signature => {
            let timestamp = processes.relay.now().as_second().to_string();
            let signature = domain::signature::sign(crate::processes::TOKEN, &timestamp);
            format!("{by_secret}&timestamp={timestamp}&signature={signature}")
        }
    }
}
