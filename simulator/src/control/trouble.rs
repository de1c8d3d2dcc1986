//! `/_sim/faults`, `/_sim/violations`: what goes wrong, and what clients did wrong.

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{OneOrMany, Outcome, done};
use crate::fault::Fault;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route("/_sim/faults", post(add).delete(clear))
        .route("/_sim/violations", get(violations).delete(forget))
}

async fn add(State(world): State<World>, Json(faults): Json<OneOrMany<Fault>>) -> Outcome {
    for fault in faults.into_vec() {
        world.fault(fault);
    }
    done(&json!({}))
}

async fn clear(State(world): State<World>) -> Outcome {
    world.clear_faults();
    done(&json!({}))
}

#[derive(Debug, Deserialize)]
struct Kind {
    /// Only those that WeChat tolerates, or only those that it does not.
    tolerated: Option<bool>,
}

async fn violations(State(world): State<World>, Query(asked): Query<Kind>) -> Outcome {
    let mut found = world.violations();
    found.retain(|violation| asked.tolerated.is_none_or(|wanted| violation.tolerated == wanted));
    done(&json!({"violations": found}))
}

async fn forget(State(world): State<World>) -> Outcome {
    world.clear_violations();
    done(&json!({}))
}
