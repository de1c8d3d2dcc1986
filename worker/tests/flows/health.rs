//! The health port and the metrics.

use domain::{
    job::{Command, JobState},
    puid::Puid,
};
use simulator::From;
use worker::{Telemetry, Worker, health_server};

use crate::support::{Stage, UIN, config, until, within};

/// Serves a worker's health port until the test's runtime ends, and returns its URL.
async fn serve_health(worker: &Worker, telemetry: Telemetry) -> String {
    let router = health_server::router(worker.health(), telemetry);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// The status and the body of a response.
async fn get(url: &str, path: &str) -> (u16, String) {
    let client = boot::http_client().build().unwrap();
    let answer = within(client.get(format!("{url}{path}")).send()).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_worker_is_ready_while_the_ledger_answers_with_or_without_the_lease() {
    let stage = Stage::start().await;
    let services = &stage.fixture.services;
    let prepare = async |owner: &str| {
        let worker = stage.new_worker(worker::Config { owner: Some(owner.to_owned()), ..config() });
        let url = serve_health(&worker, Telemetry::new(worker.session_counts(), None).0).await;
        (worker, url)
    };
    let (first, first_url) = prepare("first").await;
    assert_eq!(get(&first_url, "/readyz").await, (503, "the worker has not begun\n".to_owned()));
    assert_eq!(
        get(&first_url, "/healthz").await.0,
        503,
        "a worker that has not started must not replace a healthy one"
    );
    let wait_for_status = async |url: &str, status| {
        until(async || (get(url, "/readyz").await.0 == status).then_some(())).await;
    };
    let first = Stage::run(first);
    wait_for_status(&first_url, 200).await;
    let (second, second_url) = prepare("second").await;
    let second = Stage::run(second);
    wait_for_status(&second_url, 200).await;
    let lease = stage.fixture.relay.store.lease(0).await.unwrap().unwrap();
    assert_eq!(lease.owner.as_deref(), Some("first"), "the second worker is a standby");

    services.clients.dynamodb().delete_table().table_name(&services.stack).send().await.unwrap();
    for url in [&first_url, &second_url] {
        wait_for_status(url, 503).await;
        assert_eq!(get(url, "/readyz").await.1, "shard 0: the ledger does not answer\n");
        assert_eq!(get(url, "/healthz").await.0, 200, "an unavailable ledger must not restart the worker");
    }
    let table = template::Deployment::of(&services.stack, 1).unwrap().table;
    stage.fixture.relay.store.create_table(&table).await.unwrap();
    wait_for_status(&first_url, 200).await;
    first.shut_down().await;
    second.shut_down().await;
}

#[tokio::test]
async fn the_health_check_succeeds_only_for_a_live_worker() {
    let stage = Stage::start().await;
    let worker = stage.new_worker(config());
    let url = serve_health(&worker, Telemetry::new(worker.session_counts(), None).0).await;
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(health_server::check(port).await.unwrap_err().to_string(), "the worker has not begun");
    let worker = Stage::run(worker);
    until(async || health_server::check(port).await.ok()).await;
    worker.shut_down().await;
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(health_server::check(unused).await.unwrap_err().to_string(), "no answer");
}

#[tokio::test]
async fn metrics_count_messages_commands_and_sessions() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(Some("http://127.0.0.1:9/")).await;
    let worker = stage.new_worker(config());
    let (telemetry, recorder) = Telemetry::new(worker.session_counts(), Some(boot::metrics::Emf::new(None)));
    // The recorder applies to this thread. Everything but the services runs on it.
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let url = serve_health(&worker, telemetry).await;
    let running = Stage::run(worker);
    // The login of another app waits for its scan.
    stage.qr_login_id(&stage.unbound_app().await).await;
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::friend("老李"), "1").unwrap();
    stage.world.push_text(UIN, From::phone("老李"), "2").unwrap();
    let chat = stage.log(&app, 2).await.remove(0).chat;
    let send = |to: &Puid| Command::SendText { to: to.clone(), text: "好".to_owned() };
    assert_eq!(stage.outcome(&app, send(&chat)).await.as_str(), "sent");
    assert!(matches!(stage.outcome(&app, send(&Puid::new("00000000"))).await, JobState::Failed { .. }));

    let (status, text) = get(&url, "/metrics").await;
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
        assert!(text.lines().any(|metric| metric == line), "{line} is missing from\n{text}");
    }

    assert_eq!(stage.outcome(&app, Command::Logout).await.as_str(), "sent");
    until(async || get(&url, "/metrics").await.1.contains("sessions_offline 1\n").then_some(())).await;
    running.shut_down().await;
    assert!(
        get(&url, "/metrics").await.1.contains("sessions_offline 0\n"),
        "a session of a stopped worker is not counted"
    );
}

#[tokio::test]
async fn a_logged_out_session_counts_as_offline_after_a_restart() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let first = stage.worker();
    stage.log_in(&app).await;
    stage.outcome(&app, Command::Logout).await;
    first.shut_down().await;
    let second = stage.new_worker(config());
    let (telemetry, recorder) = Telemetry::new(second.session_counts(), None);
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let second = Stage::run(second);
    let wait_for_offline = async |count| {
        let line = format!("sessions_offline {count}\n");
        until(async || telemetry.text().contains(&line).then_some(())).await;
    };
    wait_for_offline(1).await;
    stage.qr_login_id(&app).await;
    wait_for_offline(0).await;
    second.shut_down().await;
}
