//! The callback: notes what it is given and when, and answers with nothing. Beside it, the bare answers that floors are
//! measured on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::{get, post},
};
use domain::time::Clock;
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::watch};

use crate::process::Child;

/// How long messages may take to arrive before a run is given up.
const PATIENCE: Duration = Duration::from_mins(2);

/// A message's id and when its POST was read, in microseconds since 1970.
type Taken = (u64, i64);

#[derive(Default)]
struct Notes {
    taken: Mutex<Vec<Taken>>,
    count: watch::Sender<usize>,
    last: Mutex<Bytes>,
}

/// Listens, says where, and serves for ever.
pub async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let router = Router::new()
        .route("/callback", post(take))
        .route("/taken", get(taken).delete(forget))
        .route("/last", get(async |State(notes): State<Arc<Notes>>| locked(&notes.last).clone()))
        .route("/bare/{size}", get(async |Path(size): Path<usize>| vec![b'x'; size]))
        .with_state(Arc::new(Notes::default()));
    Ok(axum::serve(listener, router).await?)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
struct Message {
    id: u64,
}

async fn take(State(notes): State<Arc<Notes>>, body: Bytes) -> StatusCode {
    let now = boot::SystemClock.now().as_microsecond();
    let Ok(message) = serde_json::from_slice::<Message>(&body) else { return StatusCode::BAD_REQUEST };
    let count = {
        let mut taken = locked(&notes.taken);
        taken.push((message.id, now));
        taken.len()
    };
    *locked(&notes.last) = body;
    notes.count.send_replace(count);
    StatusCode::OK
}

#[derive(Serialize, Deserialize)]
struct Wanted {
    at_least: usize,
}

async fn taken(State(notes): State<Arc<Notes>>, Query(wanted): Query<Wanted>) -> Json<Vec<Taken>> {
    let mut count = notes.count.subscribe();
    // What has come by then is the answer in any case.
    drop(tokio::time::timeout(PATIENCE, count.wait_for(|count| *count >= wanted.at_least)).await);
    Json(locked(&notes.taken).clone())
}

async fn forget(State(notes): State<Arc<Notes>>) {
    locked(&notes.taken).clear();
    notes.count.send_replace(0);
}

/// A callback in a process of its own.
pub struct Receiver {
    child: Child,
    http: reqwest::Client,
}

impl Receiver {
    pub fn start() -> anyhow::Result<Self> {
        Ok(Self { child: Child::start_self(&["receiver"])?, http: boot::http_client().build()? })
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.child.address.trim_start_matches("http://")
    }

    pub fn callback(&self) -> String {
        self.path("/callback")
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.child.address)
    }

    /// Waits for `count` messages: when each came first, by id; and how many came again.
    pub async fn take(&self, count: usize) -> anyhow::Result<(HashMap<u64, i64>, usize)> {
        let request = self.http.get(self.path("/taken")).query(&Wanted { at_least: count });
        let all: Vec<Taken> = request.send().await?.error_for_status()?.json().await?;
        let mut first = HashMap::with_capacity(all.len());
        for (id, at) in &all {
            first.entry(*id).or_insert(*at);
        }
        let again = all.len() - first.len();
        Ok((first, again))
    }

    /// Forgets what came so far.
    pub async fn forget(&self) -> anyhow::Result<()> {
        self.http.delete(self.path("/taken")).send().await?.error_for_status()?;
        Ok(())
    }

    /// The body of the last POST.
    pub async fn last(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.http.get(self.path("/last")).send().await?.bytes().await?.to_vec())
    }
}
