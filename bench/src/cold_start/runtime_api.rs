//! A small Lambda runtime API: passes events to the one running function and receives its responses.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    response::IntoResponse,
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    time::timeout,
};

/// How long a response may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The deadline of each invocation: far in the future.
const DEADLINE_MS: &str = "99999999999999";

/// A function's response, and when it came.
pub(super) struct Answer {
    pub at: Instant,
    pub body: Value,
}

type Sent = (Instant, Result<Bytes, Bytes>);

/// The service; one function at a time may use it.
pub(super) struct RuntimeApi {
    /// Host and port, as `AWS_LAMBDA_RUNTIME_API` has them.
    pub address: String,
    events: mpsc::Sender<Bytes>,
    answers: mpsc::Receiver<Sent>,
}

#[derive(Clone)]
struct Service {
    events: Arc<Mutex<mpsc::Receiver<Bytes>>>,
    answers: mpsc::Sender<Sent>,
}

impl RuntimeApi {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, next) = mpsc::channel(1);
        let (sent, answers) = mpsc::channel(1);
        let service = Service { events: Arc::new(Mutex::new(next)), answers: sent };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_event))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(receive_response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(receive_error))
            .route("/2018-06-01/runtime/init/error", post(receive_init_error))
            .with_state(service);
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { address, events, answers })
    }

    /// Queues an event for the function.
    pub(super) async fn event(&self, event: &Value) -> anyhow::Result<()> {
        Ok(self.events.send(serde_json::to_vec(event)?.into()).await?)
    }

    /// Waits for the function's next response.
    pub(super) async fn answer(&mut self) -> anyhow::Result<Answer> {
        let (at, body) = timeout(TIMEOUT, self.answers.recv()).await.context("no response")?.context("no function")?;
        match body {
            Ok(body) => Ok(Answer { at, body: serde_json::from_slice(&body)? }),
            Err(error) => bail!("the function failed: {}", String::from_utf8_lossy(&error)),
        }
    }
}

async fn next_event(State(service): State<Service>) -> impl IntoResponse {
    let Some(event) = service.events.lock().await.recv().await else {
        return (StatusCode::GONE, HeaderMap::new(), Bytes::new());
    };
    let mut head = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", DEADLINE_MS),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:bench"),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"),
    ] {
        head.insert(name, HeaderValue::from_static(value));
    }
    (StatusCode::OK, head, event)
}

async fn receive_response(State(service): State<Service>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    sent(&service, Ok(body)).await
}

async fn receive_error(State(service): State<Service>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    sent(&service, Err(body)).await
}

async fn receive_init_error(State(service): State<Service>, body: Bytes) -> StatusCode {
    sent(&service, Err(body)).await
}

async fn sent(service: &Service, body: Result<Bytes, Bytes>) -> StatusCode {
    // Fails if the run no longer waits, because the function was killed.
    drop(service.answers.send((Instant::now(), body)).await);
    StatusCode::ACCEPTED
}
