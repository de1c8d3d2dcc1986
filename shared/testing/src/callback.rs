//! The callback of a test's app.

use std::{
    collections::HashMap,
    future::IntoFuture,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use boot::SystemClock;
use domain::time::Clock;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, time::timeout};

/// How long [`Callback::until`] waits.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A request to the callback.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// When it was read, by the machine's clock.
    pub at: Timestamp,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The status of the response.
    pub status: StatusCode,
}

impl Delivered {
    /// The body, `Null` if it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The message's text, empty for a message without one.
    pub fn text(&self) -> String {
        self.json()["content"]["text"].as_str().unwrap_or_default().to_owned()
    }

    /// The message's sequence number; 0 if it has none.
    pub fn seq(&self) -> u64 {
        self.json()["content"]["id"].as_u64().unwrap_or_default()
    }

    /// The parameters of the query.
    pub fn query(&self) -> HashMap<String, String> {
        axum::extract::Query::try_from_uri(&self.uri).map(|query| query.0).unwrap_or_default()
    }
}

type Answer = Box<dyn FnMut(&Delivered) -> Response + Send>;

/// A callback that records its requests, and answers as a test says. A clone is the same callback.
#[derive(Clone)]
pub struct Callback {
    /// Where it listens.
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Mutex<Answer>,
    delivered: watch::Sender<Vec<Delivered>>,
}

impl Callback {
    /// Listens on a free port until the runtime ends. Every request is answered with 200 and an empty body until
    /// [`answer`](Self::answer) says otherwise.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let callback = Self::at(format!("http://{}/hook?room=1", listener.local_addr().expect("a bound listener")));
        tokio::spawn(axum::serve(listener, callback.router()).into_future());
        callback
    }

    /// A callback for whose URL the caller serves [`router`](Self::router).
    pub fn at(url: String) -> Self {
        let answer: Answer = Box::new(|_| StatusCode::OK.into_response());
        Self { url, shared: Arc::new(Shared { answer: Mutex::new(answer), delivered: watch::Sender::default() }) }
    }

    /// Takes requests at every path that has no other route.
    pub fn router(&self) -> Router {
        Router::new().fallback(deliver).with_state(Arc::clone(&self.shared))
    }

    /// From now on answers with what `answer` returns.
    pub fn answer<Given: IntoResponse>(&self, mut answer: impl FnMut(&Delivered) -> Given + Send + 'static) {
        let mut current = self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Box::new(move |delivered| answer(delivered).into_response());
    }

    /// The requests so far, in order.
    pub fn delivered(&self) -> Vec<Delivered> {
        self.shared.delivered.borrow().clone()
    }

    /// Removes and returns the requests so far, in order.
    pub fn take(&self) -> Vec<Delivered> {
        self.shared.delivered.send_replace(Vec::new())
    }

    /// Waits until the requests so far are enough, and returns them in order.
    ///
    /// # Panics
    /// When that takes a minute.
    pub async fn until(&self, enough: impl FnMut(&Vec<Delivered>) -> bool) -> Vec<Delivered> {
        assert!(self.wait_for(TIMEOUT, enough).await, "too few requests to the callback: {:?}", self.delivered());
        self.delivered()
    }

    /// Waits until the requests so far are enough: `false` when they are not after `limit`.
    pub async fn wait_for(&self, limit: Duration, enough: impl FnMut(&Vec<Delivered>) -> bool) -> bool {
        let mut delivered = self.shared.delivered.subscribe();
        timeout(limit, delivered.wait_for(enough)).await.is_ok_and(|changed| changed.is_ok())
    }

    /// Waits for `count` requests that were answered with 2xx, and returns those.
    ///
    /// # Panics
    /// When that takes a minute.
    pub async fn accepted(&self, count: usize) -> Vec<Delivered> {
        let accepted = |all: &Vec<Delivered>| all.iter().filter(|one| one.status.is_success()).count();
        let all = self.until(|all| accepted(all) >= count).await;
        all.into_iter().filter(|one| one.status.is_success()).collect()
    }
}

async fn deliver(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut delivered = Delivered { at: SystemClock.now(), uri, headers, body, status: StatusCode::OK };
    let response = {
        let mut answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer(&delivered)
    };
    delivered.status = response.status();
    shared.delivered.send_modify(|all| all.push(delivered));
    response
}
