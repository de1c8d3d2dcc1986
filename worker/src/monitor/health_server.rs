//! The health port: for the platform that runs the worker, and for Prometheus.
//!
//! | path | answers |
//! |---|---|
//! | `/healthz` | 200 once the ledger has answered, while every shard's loop has heartbeats; else restart the worker |
//! | `/readyz` | 200 while, besides, the ledger answers: the worker holds leases or waits for them |
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

use super::{Health, Telemetry, Unhealthy};

/// How long the running worker may take to answer [`check`].
const TIMEOUT: Duration = Duration::from_secs(4);

/// The three paths.
pub fn router(health: Arc<Health>, telemetry: Telemetry) -> Router {
    let alive = Arc::clone(&health);
    Router::new()
        .route("/healthz", get(async move || answer(alive.alive())))
        .route("/readyz", get(async move || answer(health.ready())))
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], telemetry.text())))
}

fn answer(state: Result<(), Unhealthy>) -> Response {
    match state {
        Ok(()) => "ok\n".into_response(),
        Err(unhealthy) => (StatusCode::SERVICE_UNAVAILABLE, format!("{unhealthy}\n")).into_response(),
    }
}

/// Serves on every address of the machine, since scrapers are on other machines, until the process ends.
pub async fn serve(port: u16, router: Router) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await;
    let listener = listener.with_context(|| format!("cannot listen on port {port}; HEALTH_PORT names another"))?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

/// Checks that the worker that runs on this machine is alive.
pub async fn check(port: u16) -> anyhow::Result<()> {
    let client = boot::http_client().timeout(TIMEOUT).build().context("TLS cannot be set up")?;
    let answer = client.get(format!("http://127.0.0.1:{port}/healthz")).send().await.context("no answer")?;
    let status = answer.status();
    ensure!(status.is_success(), "{}", answer.text().await.unwrap_or_default().trim_end());
    Ok(())
}
