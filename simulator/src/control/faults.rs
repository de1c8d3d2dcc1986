//! `/_sim/faults` and `/_sim/violations`: faults to inject, and rules that clients broke.

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{ControlResult, OneOrMany, ok};
use crate::fault::Fault;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route("/_sim/faults", post(add).delete(clear_faults))
        .route("/_sim/violations", get(violations).delete(clear_violations))
}

async fn add(State(world): State<World>, Json(faults): Json<OneOrMany<Fault>>) -> ControlResult {
    for fault in faults.into_vec() {
        world.fault(fault);
    }
    ok(&json!({}))
}

async fn clear_faults(State(world): State<World>) -> ControlResult {
    world.clear_faults();
    ok(&json!({}))
}

#[derive(Debug, Deserialize)]
struct ViolationsQuery {
    /// `true` returns only violations that WeChat tolerates, `false` only the others.
    tolerated: Option<bool>,
}

async fn violations(State(world): State<World>, Query(query): Query<ViolationsQuery>) -> ControlResult {
    let mut found = world.violations();
    found.retain(|violation| query.tolerated.is_none_or(|wanted| violation.tolerated == wanted));
    ok(&json!({"violations": found}))
}

async fn clear_violations(State(world): State<World>) -> ControlResult {
    world.clear_violations();
    ok(&json!({}))
}
