//! `/_sim/push`, `/_sim/pushed`, `/_sim/sent` and `/_sim/uploads`: inbound and outbound messages.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{ControlResult, OneOrMany, Timeout, ok};
use crate::push::Push;
use crate::spec::Uin;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route("/_sim/push", post(push))
        .route("/_sim/pushed", get(pushed))
        .route("/_sim/sent", get(sent))
        .route("/_sim/uploads/{media_id}", get(upload))
}

#[derive(Debug, Deserialize)]
struct PushRequest {
    uin: Uin,
    #[serde(flatten)]
    push: Push,
}

/// Pushes one message or a list of them. If one of them is invalid, none is pushed.
async fn push(State(world): State<World>, Json(requests): Json<OneOrMany<PushRequest>>) -> ControlResult {
    let all: Vec<(Uin, Push)> = requests.into_vec().into_iter().map(|one| (one.uin, one.push)).collect();
    let ids: Vec<String> = world.push_all(&all)?.iter().map(u64::to_string).collect();
    ok(&json!({"msg_ids": ids}))
}

#[derive(Debug, Deserialize)]
struct PushedQuery {
    uin: Uin,
}

async fn pushed(State(world): State<World>, Query(query): Query<PushedQuery>) -> ControlResult {
    world.state_of(query.uin)?;
    ok(&json!({"pushed": world.pushed(query.uin)}))
}

#[derive(Debug, Deserialize)]
struct SentQuery {
    uin: Uin,
    /// Waits until at least this many messages have been sent.
    #[serde(default)]
    at_least: usize,
    #[serde(default)]
    timeout_ms: Timeout,
}

async fn sent(State(world): State<World>, Query(query): Query<SentQuery>) -> ControlResult {
    world.state_of(query.uin)?;
    let sent = query.timeout_ms.wait(world.wait_sent(query.uin, query.at_least)).await?;
    ok(&json!({"sent": sent}))
}

/// Returns the bytes that a client uploaded.
async fn upload(State(world): State<World>, Path(media_id): Path<String>) -> Response {
    match world.upload(&media_id) {
        Some(upload) => upload.bytes.to_vec().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
