//! The callback, in a process of its own, and the plain responses that floors are measured on.

use std::{collections::HashMap, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::get,
};
use serde::{Deserialize, Serialize};
use testing::Callback;
use tokio::net::TcpListener;

use crate::child::Child;

/// How long messages may take to arrive; then the run fails.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A message's id and when its POST was read, in microseconds since 1970.
type Taken = (u64, i64);

/// Listens, prints where, and serves until the process ends.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    println!("listening on {origin}");
    let callback = Callback::at(format!("{origin}/callback"));
    let control = axum::Router::new()
        .route("/taken", get(taken).delete(async |State(callback): State<Callback>| drop(callback.take())))
        .route("/last", get(async |State(callback): State<Callback>| last(&callback)))
        .route("/bare/{size}", get(async |Path(size): Path<usize>| vec![b'x'; size]))
        .with_state(callback.clone());
    Ok(axum::serve(listener, callback.router().merge(control)).await?)
}

/// The body of the last POST.
fn last(callback: &Callback) -> Bytes {
    callback.delivered().pop().map(|last| last.body).unwrap_or_default()
}

#[derive(Deserialize)]
struct Message {
    id: u64,
}

#[derive(Serialize, Deserialize)]
struct Wanted {
    at_least: usize,
}

async fn taken(
    State(callback): State<Callback>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Taken>>, (StatusCode, String)> {
    // After the time limit, the response has what arrived until then.
    callback.wait_for(TIMEOUT, |all| all.len() >= wanted.at_least).await;
    let taken = callback.delivered().into_iter().map(|delivered| {
        let message: Message = serde_json::from_slice(&delivered.body)?;
        Ok((message.id, delivered.at.as_microsecond()))
    });
    let taken = taken.collect::<serde_json::Result<_>>();
    taken.map(Json).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

/// A callback in a process of its own.
pub(crate) struct Receiver {
    child: Child,
    http: reqwest::Client,
}

impl Receiver {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Ok(Self { child: Child::start_self(&["receiver"])?, http: boot::http_client().build()? })
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        self.child.address.trim_start_matches("http://")
    }

    pub(crate) fn callback(&self) -> String {
        self.path("/callback")
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.child.address)
    }

    /// Waits for `count` messages. Returns when each was first read, by id, and how many requests were repetitions.
    pub(crate) async fn wait_for(&self, count: usize) -> anyhow::Result<(HashMap<u64, i64>, usize)> {
        let request = self.http.get(self.path("/taken")).query(&Wanted { at_least: count });
        let all: Vec<Taken> = request.send().await?.error_for_status()?.json().await?;
        let mut first = HashMap::with_capacity(all.len());
        for (id, at) in &all {
            first.entry(*id).or_insert(*at);
        }
        let repeated = all.len() - first.len();
        Ok((first, repeated))
    }

    /// Forgets the messages so far.
    pub(crate) async fn forget(&self) -> anyhow::Result<()> {
        self.http.delete(self.path("/taken")).send().await?.error_for_status()?;
        Ok(())
    }

    /// The body of the last POST.
    pub(crate) async fn last(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.http.get(self.path("/last")).send().await?.bytes().await?.to_vec())
    }
}
