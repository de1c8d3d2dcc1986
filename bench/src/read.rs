//! `GET /friends?page=3` over 16 connections.

use std::time::{Duration, Instant};

use anyhow::ensure;
use domain::{signature, time::Clock};
use futures_util::future::try_join_all;

use crate::{
    stage::{Stage, TOKEN, accounts},
    table::{Budget, Spread, Table},
    wire::Wire,
};

const CONNECTIONS: usize = 16;
const FRIENDS: u32 = 2_000;
/// Duration of a repetition.
const DURATION: Duration = Duration::from_secs(3);

pub async fn measure(repetitions: u32) -> anyhow::Result<Table> {
    let stage = Stage::start().await?;
    let apps = stage.log_in(&accounts(1_700_000_000, 1, FRIENDS)).await?;
    let (app, secret) = &apps[0];
    let api = stage.process.address.trim_start_matches("http://");
    let timestamp = boot::SystemClock.now().as_second().to_string();
    let signature = signature::sign(TOKEN, &timestamp);
    let query = format!("app_id={app}&app_secret={secret}&timestamp={timestamp}&signature={signature}&page=3");
    let request = Wire::get(api, &format!("/friends?{query}"));
    let body = Wire::connect(api).await?.send(&request).await?;
    let page: serde_json::Value = serde_json::from_slice(&body)?;
    ensure!(page["results"].as_array().is_some_and(|rows| rows.len() == 20), "a page has 20 friends");
    let bare = stage.receiver.address();
    let bare_request = Wire::get(bare, &format!("/bare/{}", body.len()));

    rate(api, &request).await?;
    rate(bare, &bare_request).await?;
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..repetitions {
        ours.push(rate(api, &request).await?);
        floors.push(rate(bare, &bare_request).await?);
    }
    let mut table = Table::default();
    table.row("GET /friends?page=3, requests/s", Budget::AtLeast(3_000.0), Spread::of(ours));
    table.floor("a bare axum answer of the same size", Spread::of(floors));
    table.note(format!(
        "{CONNECTIONS} connections that are kept, {FRIENDS} friends, signature mode, {} bytes an answer, {} s a \
         repetition; each request reads app, token and the book's version from the ledger. The one that asks shares \
         the cores.",
        body.len(),
        DURATION.as_secs()
    ));
    Ok(table)
}

/// Responses a second.
async fn rate(address: &str, request: &[u8]) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let connection = async || {
        let mut wire = Wire::connect(address).await?;
        let mut responses = 0_u32;
        while begun.elapsed() < DURATION {
            wire.send(request).await?;
            responses += 1;
        }
        anyhow::Ok(responses)
    };
    let responses: u32 = try_join_all((0..CONNECTIONS).map(|_| connection())).await?.iter().sum();
    Ok(f64::from(responses) / begun.elapsed().as_secs_f64())
}
