//! `/_sim/accounts`, `/_sim/config`: what there is.

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{OneOrMany, Outcome, Patience, done};
use crate::config::Settings;
use crate::spec::{AccountSpec, Uin};
use crate::world::{AccountState, World};

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route("/_sim/accounts", post(add).get(list))
        .route("/_sim/accounts/{uin}", get(one))
        .route("/_sim/config", post(configure))
}

async fn add(State(world): State<World>, Json(specs): Json<OneOrMany<AccountSpec>>) -> Outcome {
    let uins: Vec<Uin> = specs.into_vec().into_iter().map(|spec| world.account(spec)).collect();
    done(&json!({"uins": uins}))
}

async fn list(State(world): State<World>) -> Outcome {
    done(&json!({"accounts": world.accounts()}))
}

/// What to wait for before the answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Until {
    Online,
    Offline,
    Polling,
    Confirmed,
}

#[derive(Debug, Deserialize)]
struct Wait {
    wait: Option<Until>,
    #[serde(default)]
    timeout_ms: Patience,
}

async fn one(State(world): State<World>, Path(uin): Path<Uin>, Query(asked): Query<Wait>) -> Outcome {
    world.state_of(uin)?;
    let ready = |account: &AccountState| match asked.wait {
        None => true,
        Some(Until::Online) => account.online,
        Some(Until::Offline) => !account.online,
        Some(Until::Polling) => account.polling,
        Some(Until::Confirmed) => account.online && account.confirmed >= account.inbox,
    };
    done(&asked.timeout_ms.wait(world.wait_state(uin, ready)).await?)
}

async fn configure(State(world): State<World>, Json(settings): Json<Settings>) -> Outcome {
    world.configure(&settings);
    done(&json!({}))
}
