//! What each function is asked: a request that it answers well.

use domain::{
    id::{AppId, Seq},
    puid::Puid,
};
use queue::{Envelope, InboundEnvelope, Received};
use serde_json::{Value, json};

use crate::processes::Processes;

/// A function and its event.
pub(super) struct Case {
    pub binary: &'static str,
    pub event: Value,
}

/// A request as API Gateway hands it over (payload format 2.0).
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
    Case { binary: "bare", event: request("GET", "/", "") }
}

/// Every function, asked about an app that is online and another that is not.
pub(super) async fn all(
    processes: &Processes,
    online: &(AppId, String),
    offline: &(AppId, String),
) -> anyhow::Result<Vec<Case>> {
    let secret = |(app, secret): &(AppId, String)| format!("app_id={app}&app_secret={secret}");
    let signed = |app| {
        let timestamp = processes.relay.now().as_second().to_string();
        let signature = domain::signature::sign(crate::processes::TOKEN, &timestamp);
        format!("{}&timestamp={timestamp}&signature={signature}", secret(app))
    };
    let contacts = processes.relay.store.contacts(&online.0).await?;
    let puid_of = |kind| contacts.iter().find(|contact| contact.kind == kind).map(|contact| contact.puid.clone());
    let group = puid_of(domain::contact::ContactKind::Group).unwrap_or_else(|| Puid::new("none"));
    let friend = puid_of(domain::contact::ContactKind::Friend).unwrap_or_else(|| Puid::new("none"));
    let envelope = InboundEnvelope { app: online.0.clone(), chat: friend.clone(), seq: Seq::FIRST };
    let received = Received {
        id: "1".to_owned(),
        body: serde_json::to_string(&envelope)?,
        receipt: "1".to_owned(),
        group: Some(envelope.group()),
        sent: Some(processes.relay.now()),
    };
    let get = |path: &str, query: String| request("GET", path, &query);
    let case = |binary, event| Case { binary, event };
    Ok(vec![
        case("access-token", get("/access-token", secret(offline))),
        case("check-login", get("/check-login", format!("{}&uuid=none", secret(offline)))),
        case("dispatcher", queue::event(&[received])),
        case("fallback", get("/nothing", String::new())),
        case("friends", get("/friends", signed(online))),
        case("groups", get("/groups", signed(online))),
        case("login", get("/login", secret(online))),
        case("logout", request("POST", "/logout", &signed(offline))),
        case("members", get(&format!("/members/{group}"), signed(online))),
        case("messages", get("/messages", signed(online))),
        case("mps", get("/mps", signed(online))),
        case("send", request("POST", "/send", &format!("{}&msg_type=text&puid={friend}&text=666", signed(online)))),
        case("session", get("/session", signed(online))),
        case("sweep", json!({ "source": "aws.scheduler" })),
    ])
}

/// Whether the answer is one that the case wants.
pub(super) fn is_good(case: &Case, answer: &Value) -> bool {
    match case.binary {
        "dispatcher" => answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
        "sweep" => answer.is_null(),
        "fallback" => answer["statusCode"] == 404,
        _ => answer["statusCode"] == 200,
    }
}
