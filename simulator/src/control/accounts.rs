//! `/_sim/accounts` and `/_sim/config`: accounts and settings.

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{ControlResult, OneOrMany, Timeout, ok};
use crate::config::Settings;
use crate::spec::{AccountSpec, Uin};
use crate::world::{AccountState, World};

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route("/_sim/accounts", post(add).get(list))
        .route("/_sim/accounts/{uin}", get(one))
        .route("/_sim/config", post(configure))
}

async fn add(State(world): State<World>, Json(specs): Json<OneOrMany<AccountSpec>>) -> ControlResult {
    let uins: Vec<Uin> = specs.into_vec().into_iter().map(|spec| world.account(spec)).collect();
    ok(&json!({"uins": uins}))
}

async fn list(State(world): State<World>) -> ControlResult {
    ok(&json!({"accounts": world.accounts()}))
}

/// The state to wait for before the response.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WaitFor {
    Online,
    Offline,
    Polling,
    Confirmed,
}

#[derive(Debug, Deserialize)]
struct AccountQuery {
    wait: Option<WaitFor>,
    #[serde(default)]
    timeout_ms: Timeout,
}

async fn one(State(world): State<World>, Path(uin): Path<Uin>, Query(query): Query<AccountQuery>) -> ControlResult {
    world.state_of(uin)?;
    let ready = |account: &AccountState| match query.wait {
        None => true,
        Some(WaitFor::Online) => account.online,
        Some(WaitFor::Offline) => !account.online,
        Some(WaitFor::Polling) => account.polling,
        Some(WaitFor::Confirmed) => account.online && account.confirmed >= account.inbox,
    };
    ok(&query.timeout_ms.wait(world.wait_state(uin, ready)).await?)
}

async fn configure(State(world): State<World>, Json(settings): Json<Settings>) -> ControlResult {
    world.configure(&settings);
    ok(&json!({}))
}
