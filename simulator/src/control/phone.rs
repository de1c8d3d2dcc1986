//! `/_sim/uuids`, `scan`, `confirm`, `cancel`, `expire`, `login`, `auto-scan`, `push-login` and `kick`:
//! actions on a phone.

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{ControlResult, Timeout, ok};
use crate::spec::Uin;
use crate::wire::response::RET_LOGGED_OUT;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route("/_sim/uuids", get(uuids))
        .route("/_sim/scan", post(scan))
        .route("/_sim/confirm", post(confirm))
        .route("/_sim/cancel", post(cancel))
        .route("/_sim/expire", post(expire))
        .route("/_sim/login", post(login))
        .route("/_sim/auto-scan", post(auto_scan))
        .route("/_sim/push-login", post(push_login))
        .route("/_sim/kick", post(kick))
}

#[derive(Debug, Deserialize)]
struct UuidQuery {
    /// Waits for the `n`th uuid, counted from 1.
    n: usize,
    #[serde(default)]
    timeout_ms: Timeout,
}

async fn uuids(State(world): State<World>, Query(query): Query<UuidQuery>) -> ControlResult {
    let uuid = query.timeout_ms.wait(world.wait_uuid(query.n)).await?;
    ok(&json!({"uuid": uuid}))
}

#[derive(Debug, Deserialize)]
struct ScanRequest {
    uuid: String,
    uin: Uin,
}

#[derive(Debug, Deserialize)]
struct QrCodeRequest {
    uuid: String,
}

async fn scan(State(world): State<World>, Json(request): Json<ScanRequest>) -> ControlResult {
    world.scan(&request.uuid, request.uin)?;
    ok(&json!({}))
}

async fn confirm(State(world): State<World>, Json(request): Json<QrCodeRequest>) -> ControlResult {
    world.confirm(&request.uuid)?;
    ok(&json!({}))
}

async fn cancel(State(world): State<World>, Json(request): Json<QrCodeRequest>) -> ControlResult {
    world.cancel(&request.uuid)?;
    ok(&json!({}))
}

async fn expire(State(world): State<World>, Json(request): Json<QrCodeRequest>) -> ControlResult {
    world.expire(&request.uuid)?;
    ok(&json!({}))
}

async fn login(State(world): State<World>, Json(request): Json<ScanRequest>) -> ControlResult {
    world.log_in(&request.uuid, request.uin)?;
    ok(&json!({}))
}

#[derive(Debug, Deserialize)]
struct AutoScanRequest {
    accounts: Vec<Uin>,
}

async fn auto_scan(State(world): State<World>, Json(request): Json<AutoScanRequest>) -> ControlResult {
    world.auto_scan(request.accounts)?;
    ok(&json!({}))
}

#[derive(Debug, Deserialize)]
struct PushLoginRequest {
    uin: Uin,
    /// Whether the phone confirms.
    #[serde(default = "default_confirm")]
    confirm: bool,
    #[serde(default)]
    timeout_ms: Timeout,
}

fn default_confirm() -> bool {
    true
}

/// Waits for a push login of this account and answers it on the phone.
async fn push_login(State(world): State<World>, Json(request): Json<PushLoginRequest>) -> ControlResult {
    let uuid = request.timeout_ms.wait(world.wait_push_login(request.uin)).await?;
    if request.confirm {
        world.confirm(&uuid)?;
    } else {
        world.cancel(&uuid)?;
    }
    ok(&json!({"uuid": uuid}))
}

#[derive(Debug, Deserialize)]
struct KickRequest {
    uin: Uin,
    /// 1100, 1101 or 1102.
    #[serde(default = "default_retcode")]
    retcode: i32,
}

fn default_retcode() -> i32 {
    RET_LOGGED_OUT
}

async fn kick(State(world): State<World>, Json(request): Json<KickRequest>) -> ControlResult {
    world.end_login(request.uin, request.retcode)?;
    ok(&json!({}))
}
