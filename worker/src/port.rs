//! The health port: for the platform that runs the worker, for Prometheus, and for a person with curl.
//!
//! | path | answers |
//! |---|---|
//! | `/healthz` | 200 once the ledger has answered, while the shards' loops come by; else it is to be started again |
//! | `/readyz` | 200 while, besides, the ledger answers: leases are held or stood by for |
//! | `/metrics` | [`boot::metrics`] as Prometheus text |

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use crate::{Health, Telemetry, health::Trouble};

/// How long the running worker may take to answer [`ask`].
const PATIENCE: Duration = Duration::from_secs(4);

/// The three paths.
pub fn router(health: Arc<Health>, telemetry: Telemetry) -> Router {
    let alive = Arc::clone(&health);
    Router::new()
        .route("/healthz", get(async move || answer(alive.alive())))
        .route("/readyz", get(async move || answer(health.ready())))
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], telemetry.text())))
}

fn answer(state: Result<(), Trouble>) -> Response {
    match state {
        Ok(()) => "ok\n".into_response(),
        Err(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")).into_response(),
    }
}

/// Serves on every address of the machine, until the process ends: whoever scrapes it is elsewhere.
pub async fn open(port: u16, router: Router) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await;
    let listener = listener.with_context(|| format!("cannot listen on port {port}; HEALTH_PORT names another"))?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

/// Asks the worker that runs on this machine whether it is alive.
pub async fn ask(port: u16) -> anyhow::Result<()> {
    let client = boot::http_client().timeout(PATIENCE).build().context("TLS cannot be set up")?;
    let answer = client.get(format!("http://127.0.0.1:{port}/healthz")).send().await.context("no answer")?;
    let status = answer.status();
    ensure!(status.is_success(), "{}", answer.text().await.unwrap_or_default().trim_end());
    Ok(())
}
