//! One event for each function, with a response of success.

use domain::{
    contact::ContactKind,
    id::{AppId, Seq},
    puid::Puid,
};
use functions::api::{
    endpoint::{Endpoint, SampleAuth},
    endpoints::ALL,
};
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
    /// Status 200 and the body of the endpoint's sample.
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
                let body = response["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
                matches!(response["statusCode"].as_u64(), Some(200 | 202))
                    && body.is_some_and(|body| endpoint.sample.promises(&body))
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
    let sample = |endpoint: &'static Endpoint| {
        let (method, path, query) = endpoint.sample_request(friend.as_str(), group.as_str());
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
