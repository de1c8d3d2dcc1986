//! `/_sim/uuids`, `scan`, `confirm`, `cancel`, `expire`, `login`, `auto-scan`, `push-login`,
//! `kick`: what phones do.

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{Outcome, Patience, done};
use crate::spec::Uin;
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
struct Nth {
    /// Waits for the `n`th uuid, from 1.
    n: usize,
    #[serde(default)]
    timeout_ms: Patience,
}

async fn uuids(State(world): State<World>, Query(asked): Query<Nth>) -> Outcome {
    let uuid = asked.timeout_ms.wait(world.wait_uuid(asked.n)).await?;
    done(&json!({"uuid": uuid}))
}

#[derive(Debug, Deserialize)]
struct Scan {
    uuid: String,
    uin: Uin,
}

#[derive(Debug, Deserialize)]
struct Code {
    uuid: String,
}

async fn scan(State(world): State<World>, Json(asked): Json<Scan>) -> Outcome {
    world.scan(&asked.uuid, asked.uin)?;
    done(&json!({}))
}

async fn confirm(State(world): State<World>, Json(asked): Json<Code>) -> Outcome {
    world.confirm(&asked.uuid)?;
    done(&json!({}))
}

async fn cancel(State(world): State<World>, Json(asked): Json<Code>) -> Outcome {
    world.cancel(&asked.uuid)?;
    done(&json!({}))
}

async fn expire(State(world): State<World>, Json(asked): Json<Code>) -> Outcome {
    world.expire(&asked.uuid)?;
    done(&json!({}))
}

async fn login(State(world): State<World>, Json(asked): Json<Scan>) -> Outcome {
    world.log_in(&asked.uuid, asked.uin)?;
    done(&json!({}))
}

#[derive(Debug, Deserialize)]
struct AutoScan {
    accounts: Vec<Uin>,
}

async fn auto_scan(State(world): State<World>, Json(asked): Json<AutoScan>) -> Outcome {
    world.auto_scan(asked.accounts)?;
    done(&json!({}))
}

#[derive(Debug, Deserialize)]
struct PushLogin {
    uin: Uin,
    /// Whether the phone agrees.
    #[serde(default = "agrees")]
    confirm: bool,
    #[serde(default)]
    timeout_ms: Patience,
}

fn agrees() -> bool {
    true
}

/// Waits for a push login that asks this account, and answers it on the phone.
async fn push_login(State(world): State<World>, Json(asked): Json<PushLogin>) -> Outcome {
    let uuid = asked.timeout_ms.wait(world.wait_push_login(asked.uin)).await?;
    if asked.confirm {
        world.confirm(&uuid)?;
    } else {
        world.cancel(&uuid)?;
    }
    done(&json!({"uuid": uuid}))
}

#[derive(Debug, Deserialize)]
struct Kick {
    uin: Uin,
    /// 1100, 1101 or 1102.
    #[serde(default = "elsewhere")]
    retcode: i32,
}

fn elsewhere() -> i32 {
    1101
}

async fn kick(State(world): State<World>, Json(asked): Json<Kick>) -> Outcome {
    world.end_login(asked.uin, asked.retcode)?;
    done(&json!({}))
}
