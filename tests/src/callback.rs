//! A callback that notes what it is given and answers as it is told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, time::timeout};

/// Nothing here takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Delivered {
    pub body: Value,
    pub headers: HeaderMap,
    pub query: HashMap<String, String>,
    /// Whether it was answered with 2xx.
    pub taken: bool,
}

impl Delivered {
    /// The message's text.
    pub fn text(&self) -> &str {
        self.body["content"]["text"].as_str().unwrap_or_default()
    }
}

/// What is answered to the request; `None` for 503.
type Answer = Box<dyn Fn(&Delivered) -> Option<Value> + Send>;

/// A listening callback.
#[derive(Clone)]
pub struct Callback {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Mutex<Answer>,
    delivered: watch::Sender<Vec<Delivered>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics with this in hand")
}

impl Callback {
    /// Listens on a free port, and answers every request with 200 and nothing.
    ///
    /// # Panics
    /// When no port is to be had.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook?mine=1", listener.local_addr().expect("it is bound"));
        let shared = Arc::new(Shared {
            answer: Mutex::new(Box::new(|_| Some(Value::Null))),
            delivered: watch::Sender::default(),
        });
        let router = Router::new().route("/hook", post(take)).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// From now on answers with what `answer` gives: a JSON body, [`Value::Null`] for an empty one, `None` for 503.
    pub fn answer(&self, answer: impl Fn(&Delivered) -> Option<Value> + Send + 'static) {
        *lock(&self.shared.answer) = Box::new(answer);
    }

    /// Waits until `enough` of what was given so far, in order.
    ///
    /// # Panics
    /// When that takes longer than anything here takes unless it is broken.
    pub async fn until(&self, enough: impl FnMut(&Vec<Delivered>) -> bool) -> Vec<Delivered> {
        let mut delivered = self.shared.delivered.subscribe();
        let waited = timeout(PATIENCE, delivered.wait_for(enough)).await.expect("it comes in time");
        waited.expect("the sender lives").clone()
    }

    /// Waits for `count` requests that were answered with 2xx, and gives those.
    pub async fn taken(&self, count: usize) -> Vec<Delivered> {
        let taken = |all: &Vec<Delivered>| all.iter().filter(|one| one.taken).count();
        let all = self.until(|all| taken(all) >= count).await;
        all.into_iter().filter(|one| one.taken).collect()
    }
}

async fn take(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut delivered = Delivered { body, headers, query, taken: false };
    let answer = lock(&shared.answer)(&delivered);
    delivered.taken = answer.is_some();
    shared.delivered.send_modify(|all| all.push(delivered));
    match answer {
        Some(Value::Null) => StatusCode::OK.into_response(),
        Some(body) => Json(body).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
