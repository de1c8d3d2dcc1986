//! The AWS operations that the worker calls.

use std::time::Duration;

use domain::job::Command;
use simulator::From;
use worker::{Config, GRANTS, Pace};

use crate::support::{Stage, UIN, config, until};

#[tokio::test]
async fn every_grant_is_used() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(Some("http://127.0.0.1:9/")).await;
    let pace = Some(Pace { burst: 1, every: Duration::from_hours(1) });
    let worker = stage.worker_with(Config { pace, ..config() });
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::friend("老李"), "在吗").unwrap();
    stage.take_envelopes(1).await;
    let friend = stage.contact(&app, "李雷").await.puid;
    let send = |text: &str| Command::SendText { to: friend.clone(), text: text.to_owned() };
    assert_eq!(stage.outcome(&app, send("1")).await.as_str(), "sent");
    // Paced: the worker holds it until it ends, and gives it back then.
    stage.command(&app, send("2")).await;
    until(async || (stage.visible_and_in_flight_commands().await == [0, 1]).then_some(())).await;
    worker.shut_down().await;
    assert_eq!(stage.called(), GRANTS.iter().copied().collect());
}
