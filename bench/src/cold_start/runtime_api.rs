//! A small stand-in for the Lambda runtime API: hands events to the one function that runs, and takes its answers.

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

/// Longer than any answer takes unless it never comes.
const PATIENCE: Duration = Duration::from_secs(30);
/// What an invocation may take, as the function is told.
const DEADLINE_MS: &str = "99999999999999";

/// What a function has sent back, and when.
pub struct Answer {
    pub at: Instant,
    pub body: Value,
}

type Sent = (Instant, Result<Bytes, Bytes>);

/// The service; one function at a time may use it.
pub struct RuntimeApi {
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
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, next) = mpsc::channel(1);
        let (sent, answers) = mpsc::channel(1);
        let service = Service { events: Arc::new(Mutex::new(next)), answers: sent };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(hand_out))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(take))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
            .route("/2018-06-01/runtime/init/error", post(fail_to_begin))
            .with_state(service);
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { address, events, answers })
    }

    /// Lets an event wait for the function.
    pub async fn event(&self, event: &Value) -> anyhow::Result<()> {
        Ok(self.events.send(serde_json::to_vec(event)?.into()).await?)
    }

    /// The function's next answer.
    pub async fn answer(&mut self) -> anyhow::Result<Answer> {
        let (at, body) = timeout(PATIENCE, self.answers.recv()).await.context("no answer")?.context("no function")?;
        match body {
            Ok(body) => Ok(Answer { at, body: serde_json::from_slice(&body)? }),
            Err(error) => bail!("the function failed: {}", String::from_utf8_lossy(&error)),
        }
    }
}

async fn hand_out(State(service): State<Service>) -> impl IntoResponse {
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

async fn take(State(service): State<Service>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    sent(&service, Ok(body)).await
}

async fn fail(State(service): State<Service>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    sent(&service, Err(body)).await
}

async fn fail_to_begin(State(service): State<Service>, body: Bytes) -> StatusCode {
    sent(&service, Err(body)).await
}

async fn sent(service: &Service, body: Result<Bytes, Bytes>) -> StatusCode {
    // Nobody waits for the answer of a function that was ended meanwhile.
    drop(service.answers.send((Instant::now(), body)).await);
    StatusCode::ACCEPTED
}
