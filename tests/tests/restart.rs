//! What survives a restart.

use axum::Json;
use e2e::Stage;
use reqwest::StatusCode;
use serde_json::json;
use simulator::From;
use testing::{Callback, Delivered};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_needs_no_scan_and_delivers_each_missed_message_once() {
    let stage = Stage::start().await;
    let callback = Callback::start().await;
    let program = stage.program(Some(&callback.url)).await;
    stage.log_in(&program).await;
    stage.world.push_text(Stage::UIN, From::friend("小红"), "一").unwrap();
    callback.accepted(1).await;

    let stage = stage
        .restart(|world| {
            for text in ["二", "三"] {
                world.push_text(Stage::UIN, From::friend("小红"), text).unwrap();
            }
        })
        .await;
    let delivered = callback.accepted(3).await;
    let texts: Vec<_> = delivered.iter().map(Delivered::text).collect();
    assert_eq!(texts, ["一", "二", "三"]);

    let program = e2e::Program { api: stage.api(), ..program };
    let (_, session) = program.get("/session", &[]).await;
    assert_eq!(session["state"], "online");
    let (_, history) = program.get("/messages", &[]).await;
    assert_eq!(history["count"], 3);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_a_callback_missed_are_delivered_later_in_order() {
    let stage = Stage::start().await;
    let callback = Callback::start().await;
    callback.answer(|_| StatusCode::SERVICE_UNAVAILABLE);
    let program = stage.program(Some(&callback.url)).await;
    stage.log_in(&program).await;
    for text in ["一", "二", "三"] {
        stage.world.push_text(Stage::UIN, From::friend("小红"), text).unwrap();
    }
    // Three attempts for the first message, then its chat is parked with the following ones.
    let attempts = callback.until(|all| all.len() >= 3).await;
    assert!(attempts.iter().all(|one| one.text() == "一"));
    let id = &attempts[0].headers["webhook-id"];
    assert!(attempts.iter().all(|one| one.headers["webhook-id"] == id));

    // After a restart as well. A delivery in another chat wakes the parked chats.
    callback.answer(|_| Json(json!({})));
    let stage = stage.restart(|world| {
        world.push_text(Stage::UIN, From::friend("Friend 1"), "别的").unwrap();
    });
    let stage = stage.await;
    let accepted = callback.accepted(4).await;
    let texts: Vec<_> = accepted.iter().map(Delivered::text).filter(|text| *text != "别的").collect();
    assert_eq!(texts, ["一", "二", "三"]);
    stage.end().await;
}
