//! A function on Lambda: starts logs, builds the relay from the environment, and runs an endpoint, the dispatcher or the
//! sweep.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `PUBLIC_URL` | the URL that links begin with | that of each request; in callbacks no links |
//! | `SIGNATURE_MAX_AGE` | how far the timestamp of a signed request may be from the clock, in seconds | 300 |
//! | `MAX_MEDIA_BYTES` | the largest file that can be sent, in bytes | 104857600 |
//! | `CALLBACK_ALLOW` | hosts, addresses and networks besides public ones that callbacks and media to send may be at | none |
//! | `STACK_NAME` | the deployment's name, for the dimension `Stack` of the metrics of dispatcher and sweep | no dimension |
//!
//! [`boot::Settings`] lists the other variables. Logs go to standard error. Dispatcher and sweep write their metrics (see
//! [`boot::metrics`]) to standard output at the end of each invocation. Endpoints have none: API Gateway measures them.

use std::{io, sync::Arc};

use anyhow::anyhow;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use axum::Router;
use boot::{OsIds, Relay, metrics::Emf};
use domain::{delivery::RetrySchedule, error::chain};
use lambda_http::{Adapter, request::LambdaRequest};
use lambda_runtime::{LambdaEvent, Service, service_fn};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{
    api::{
        endpoint::Endpoint,
        fallback, router,
        state::{AppState, Config, policy, public_url},
    },
    delivery::{
        batch::Record,
        callback::Client,
        dispatch::{DispatchError, Dispatcher},
        sweep,
    },
};

/// The log level.
const LOGS: &str = "info";

/// Serves an endpoint until Lambda ends the process.
pub async fn serve(endpoint: &Endpoint) -> anyhow::Result<()> {
    boot::start_logs(LOGS, false);
    let state = AppState::new(Relay::from_env().await?, Config::from_env()?);
    run(router::complete(endpoint.router(), Arc::clone(&state.relay.ids), state)).await
}

/// Serves the router until Lambda ends the process.
async fn run(router: Router) -> anyhow::Result<()> {
    let requests = Adapter::from(router);
    let handle = move |mut event: LambdaEvent<LambdaRequest>| {
        encode_query(&mut event.payload);
        requests.clone().call(event)
    };
    lambda_runtime::run(service_fn(handle)).await.map_err(|error| anyhow!(error))
}

/// The ASCII characters that no URI may have in its query.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Percent-encodes what no URI may have in the query. API Gateway passes a query on as it came, and the conversion of the
/// event into a request panics at such a character.
fn encode_query(request: &mut LambdaRequest) {
    if let LambdaRequest::ApiGatewayV2(event) = request
        && let Some(query) = &mut event.raw_query_string
    {
        *query = utf8_percent_encode(query, NOT_IN_QUERY).to_string();
    }
}

/// Serves the paths that have no function until Lambda ends the process. Reads no configuration.
pub async fn fallback() -> anyhow::Result<()> {
    boot::start_logs(LOGS, false);
    run(router::complete(fallback::router(), Arc::new(OsIds), ())).await
}

/// Delivers batches of the inbound queue until Lambda ends the process. The response names the messages that failed, and
/// SQS sends these again.
pub async fn dispatch() -> anyhow::Result<()> {
    let (dispatcher, metrics) = dispatcher().await?;
    let handle = async |event: LambdaEvent<SqsEvent>| {
        let failed = dispatcher.deliver_batch(records(event.payload)).await;
        metrics.write(dispatcher.relay.now(), &mut io::stdout());
        Ok::<_, lambda_runtime::Error>(response(failed))
    };
    lambda_runtime::run(service_fn(handle)).await.map_err(|error| anyhow!(error))
}

/// Sweeps every shard at each invocation, until Lambda ends the process.
pub async fn sweep() -> anyhow::Result<()> {
    let (dispatcher, metrics) = dispatcher().await?;
    let handle = async |_: LambdaEvent<serde_json::Value>| {
        let swept = Box::pin(sweep_all(&dispatcher)).await;
        metrics.write(dispatcher.relay.now(), &mut io::stdout());
        swept.map_err(|error| lambda_runtime::Error::from(chain(&error).to_string()))
    };
    lambda_runtime::run(service_fn(handle)).await.map_err(|error| anyhow!(error))
}

async fn sweep_all(dispatcher: &Dispatcher) -> Result<(), DispatchError> {
    for shard in 0..dispatcher.relay.shards() {
        sweep::sweep(dispatcher, shard).await?;
    }
    Ok(())
}

async fn dispatcher() -> anyhow::Result<(Dispatcher, Emf)> {
    boot::start_logs(LOGS, false);
    let metrics = Emf::from_env();
    metrics.install();
    let client = Client::new(policy()?)?;
    let dispatcher = Dispatcher::new(Relay::from_env().await?, client, RetrySchedule::default(), public_url()?);
    Ok((dispatcher, metrics))
}

fn records(event: SqsEvent) -> Vec<Record> {
    let record = |mut message: SqsMessage| Record {
        id: message.message_id.unwrap_or_default(),
        group: message.attributes.remove("MessageGroupId"),
        body: message.body.unwrap_or_default(),
        sent: message.attributes.get("SentTimestamp").and_then(|sent| queue::sent_at(sent)),
    };
    event.records.into_iter().map(record).collect()
}

fn response(failed: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.set_failures(failed);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_with_characters_that_no_uri_may_have_becomes_a_request() {
        let query = "search=<\"é {x}|^`\\\u{1}#&city=%E6%B7%B1&puid=%FF";
        let event = serde_json::json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/friends",
            "rawQueryString": query,
            "headers": { "host": "relay.test" },
            "requestContext": {
                "accountId": "1",
                "apiId": "1",
                "http": { "method": "GET", "path": "/friends", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1" },
                "requestId": "1",
                "routeKey": "$default",
                "stage": "$default",
                "time": "06/May/2020:22:36:55 +0000",
                "timeEpoch": 1,
            },
            "isBase64Encoded": false,
        });
        let mut request: LambdaRequest = serde_json::from_value(event).unwrap();
        encode_query(&mut request);
        let request = lambda_http::Request::from(request);
        assert_eq!(
            request.uri().query(),
            Some("search=%3C%22%C3%A9%20%7Bx%7D%7C%5E%60%5C%01%23&city=%E6%B7%B1&puid=%FF")
        );
    }

    #[test]
    fn an_sqs_event_becomes_records_and_failures_its_response() {
        let event = r#"{"Records": [
            {"messageId": "1", "body": "{\"seq\": 1}", "attributes": {"MessageGroupId": "a.b", "SentTimestamp": "1578367545988"}},
            {"messageId": "2", "body": "poison"}
        ]}"#;
        let records = records(serde_json::from_str(event).unwrap());
        assert_eq!(records[0].group.as_deref(), Some("a.b"));
        assert_eq!(
            records.iter().map(|record| record.sent).collect::<Vec<_>>(),
            [Some("2020-01-07T03:25:45.988Z".parse().unwrap()), None]
        );
        assert_eq!((records[1].id.as_str(), records[1].body.as_str(), &records[1].group), ("2", "poison", &None));
        let response = serde_json::to_string(&response(vec!["2".to_owned()])).unwrap();
        assert_eq!(response, r#"{"batchItemFailures":[{"itemIdentifier":"2"}]}"#);
    }
}
