//! The health port, and what it tells.

use domain::{
    job::{Command, JobState},
    puid::Puid,
};
use simulator::From;
use worker::{Telemetry, Worker, health_server};

use crate::support::{Stage, UIN, config, until, within};

/// Opens a worker's port; its address. Ends with the test's runtime.
async fn open(worker: &Worker, telemetry: Telemetry) -> String {
    let router = health_server::router(worker.health(), telemetry);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// What is answered: the status, and the body.
async fn ask(url: &str, path: &str) -> (u16, String) {
    let client = boot::http_client().build().unwrap();
    let answer = within(client.get(format!("{url}{path}")).send()).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_worker_is_ready_while_it_reaches_the_ledger_also_when_another_has_the_lease() {
    let stage = Stage::start().await;
    let services = &stage.fixture.services;
    let begin = async |owner: &str| {
        let worker = stage.new_worker(worker::Config { owner: Some(owner.to_owned()), ..config() });
        let url = open(&worker, Telemetry::new(worker.session_counts(), None).0).await;
        (worker, url)
    };
    let (first, first_url) = begin("first").await;
    assert_eq!(ask(&first_url, "/readyz").await, (503, "the worker has not begun\n".to_owned()));
    assert_eq!(ask(&first_url, "/healthz").await.0, 503, "it must not replace one that works");
    let becomes = async |url: &str, status| {
        until(async || (ask(url, "/readyz").await.0 == status).then_some(())).await;
    };
    let first = Stage::run(first);
    becomes(&first_url, 200).await;
    let (second, second_url) = begin("second").await;
    let second = Stage::run(second);
    becomes(&second_url, 200).await;
    let lease = stage.fixture.relay.store.lease(0).await.unwrap().unwrap();
    assert_eq!(lease.owner.as_deref(), Some("first"), "the second stands by");

    services.clients.dynamodb().delete_table().table_name(&services.stack).send().await.unwrap();
    for url in [&first_url, &second_url] {
        becomes(url, 503).await;
        assert_eq!(ask(url, "/readyz").await.1, "shard 0: the ledger does not answer\n");
        assert_eq!(ask(url, "/healthz").await.0, 200, "it is not the worker's fault");
    }
    let table = template::Deployment::of(&services.stack, 1).unwrap().table;
    stage.fixture.relay.store.create_table(&table).await.unwrap();
    becomes(&first_url, 200).await;
    first.end().await;
    second.end().await;
}

#[tokio::test]
async fn the_health_command_tells_a_living_worker_from_none() {
    let stage = Stage::start().await;
    let worker = stage.new_worker(config());
    let url = open(&worker, Telemetry::new(worker.session_counts(), None).0).await;
    let number = url.rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(health_server::check(number).await.unwrap_err().to_string(), "the worker has not begun");
    let worker = Stage::run(worker);
    until(async || health_server::check(number).await.ok()).await;
    worker.end().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(health_server::check(nobody).await.unwrap_err().to_string(), "no answer");
}

#[tokio::test]
async fn what_the_worker_does_is_measured() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(Some("http://127.0.0.1:9/")).await;
    let worker = stage.new_worker(config());
    let (telemetry, recorder) = Telemetry::new(worker.session_counts(), Some(boot::metrics::Emf::new(None)));
    // Holds for this thread, on which everything but the services runs.
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let url = open(&worker, telemetry).await;
    let running = Stage::run(worker);
    // Another app, whose login waits for a phone.
    stage.code(&stage.new_app().await).await;
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    stage.world.push_text(UIN, From::phone("老李"), "2").unwrap();
    let chat = stage.log(&app, 2).await.remove(0).chat;
    let text = |to: &Puid| Command::SendText { to: to.clone(), text: "好".to_owned() };
    assert_eq!(stage.done(&app, text(&chat)).await.as_str(), "sent");
    assert!(matches!(stage.done(&app, text(&Puid::new("00000000"))).await, JobState::Failed { .. }));

    let (status, text) = ask(&url, "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "# HELP messages_in Messages to the account that went into a log",
        "# TYPE messages_in counter",
        "messages_in 1",
        "messages_out 1",
        "sends_failed 1",
        "sessions_online 1",
        "sessions_logging_in 1",
        "sessions_offline 0",
        "queue_age_seconds_count{queue=\"commands\"} 4",
        "queue_age_seconds_bucket{queue=\"commands\",le=\"+Inf\"} 4",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
    }

    assert_eq!(stage.done(&app, Command::Logout).await.as_str(), "sent");
    until(async || ask(&url, "/metrics").await.1.contains("sessions_offline 1\n").then_some(())).await;
    running.end().await;
    assert!(ask(&url, "/metrics").await.1.contains("sessions_offline 0\n"), "who is gone is not counted");
}

#[tokio::test]
async fn a_session_that_nobody_has_to_go_on_with_is_counted_as_offline() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let first = stage.worker();
    stage.log_in(&app).await;
    stage.done(&app, Command::Logout).await;
    first.end().await;
    let second = stage.new_worker(config());
    let (telemetry, recorder) = Telemetry::new(second.session_counts(), None);
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let second = Stage::run(second);
    let offline = async |count| {
        let line = format!("sessions_offline {count}\n");
        until(async || telemetry.text().contains(&line).then_some(())).await;
    };
    offline(1).await;
    stage.code(&app).await;
    offline(0).await;
    second.end().await;
}
