//! Peak memory of a worker while a file passes in and out. Bytes pass as streams, so the peak must not depend on the file's
//! size.
//!
//! The simulator, the program's server and the services, which hold the file, run in a process of their own: this program
//! again, with `services` and the size. `cargo test --release -p worker --test memory -- --megabytes 100` measures another
//! size.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command as Process, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use boot::{AwsClients, AwsEndpoints, Relay};
use bytes::Bytes;
use domain::{
    app::{App, NewApp},
    channel::{ChannelKind, MediaKind},
    contact::ContactKind,
    id::{JobId, Seq},
    job::{Command, Job, JobState, OutgoingSource},
    media::MediaState,
};
use embedded::{Embedded, Options};
use futures_util::stream;
use guard::Policy;
use jiff::tz::TimeZone;
use queue::CommandEnvelope;
use simulator::{AccountSpec, From, Kind, Push, Simulator};
use tokio::{net::TcpListener, time::sleep};
use wechat::{Hosts, WebWeChat};
use worker::{Channels, Config, Worker};

const UIN: u64 = 7;
const MEGABYTE: usize = 1_000_000;
/// How much the process may grow, in kilobytes: parts of 8 MiB on their way to the bucket, with the copies that the SDK
/// makes of one, chunks on their way to WeChat, buffers of sockets, the allocator's reserve.
const MAX_GROWTH: u64 = 45_000;
const PART: usize = 65_536;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<usize>().ok()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Some(size) = number("services") {
        runtime.block_on(serve(size));
    } else if cfg!(target_os = "linux") {
        let megabytes = number("--megabytes").unwrap_or(40);
        runtime.block_on(measure(megabytes * MEGABYTE));
    }
}

/// Serves everything but the worker until stdin is closed. The account receives a file of this size after its login, and
/// `/file` is one.
async fn serve(size: usize) {
    let simulator = Simulator::start("127.0.0.1:0").await.unwrap();
    let world = simulator.world();
    world.account(AccountSpec::new(UIN, "me").friends(1));
    world.auto_scan([UIN]).unwrap();
    let services = Embedded::start(Options::memory()).await.unwrap();
    let part = Bytes::from(vec![9; PART]);
    let file = move || {
        let part = part.clone();
        let parts = (0..size.div_ceil(PART)).map(move |number| part.slice(..PART.min(size - number * PART)));
        async { Body::from_stream(stream::iter(parts.map(Ok::<_, std::convert::Infallible>))) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let program = format!("http://{}/file", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/file", get(file))).await });
    let urls = [&simulator.origin(), services.dynamodb_url(), services.sqs_url(), services.s3_url(), &program];
    println!("{}", urls.join(" "));
    world.wait_online(UIN).await;
    let file = Kind::File { name: "a.bin".to_owned() };
    world.push(UIN, &Push::kind(From::friend("Friend 1"), file).media(vec![7; size])).unwrap();
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

async fn measure(size: usize) {
    let mut process = Process::new(std::env::current_exe().unwrap())
        .args(["services", &size.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut urls = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut urls).unwrap();
    let [origin, dynamodb, sqs, s3, program] = urls.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{urls}")
    };
    let relay = relay(dynamodb, sqs, s3).await;
    let app = app(&relay).await;
    let start = peak();
    run_worker(relay.clone(), origin);
    command(&relay, &app, Command::Login).await;

    let stored = MediaState::Stored { size: size as u64 };
    until(async || relay.store.message(&app.id, Seq::FIRST).await.unwrap()?.media.filter(|media| *media == stored))
        .await;
    let received = peak();

    let contacts = relay.store.contacts(&app.id).await.unwrap();
    let to = contacts.into_iter().find(|contact| contact.kind == ContactKind::Friend).unwrap().puid;
    let source = OutgoingSource::Url(program.to_owned());
    let send = Command::SendMedia { to, kind: MediaKind::File, source, name: Some("b.bin".to_owned()) };
    let job = command(&relay, &app, send).await;
    let state = until(async || {
        let job = relay.store.job(&app.id, &job).await.unwrap()?;
        job.state.is_final().then_some(job.state)
    })
    .await;
    assert!(matches!(state, JobState::Sent { .. }), "{state:?}");
    let after_sending = peak();

    println!(
        "{} MB: peak {start} kB before the login, {received} kB after the file came in, {after_sending} kB after it went out",
        size / MEGABYTE
    );
    drop(process.stdin.take());
    process.wait().unwrap();
    assert!(after_sending < start + MAX_GROWTH, "the process grew by {} kB", after_sending - start);
}

async fn relay(dynamodb: &str, sqs: &str, s3: &str) -> Relay {
    let endpoints = AwsEndpoints {
        dynamodb: dynamodb.to_owned(),
        sqs: sqs.to_owned(),
        s3: s3.to_owned(),
        region: embedded::REGION.to_owned(),
        access_key: embedded::ACCESS_KEY.to_owned(),
        secret_key: embedded::SECRET_KEY.to_owned(),
    };
    let clients = AwsClients::at(&endpoints);
    let settings = template::provision(&clients, "memory", 1, [7; 32], TimeZone::UTC).await.unwrap();
    Relay::new(&clients, &settings)
}

async fn app(relay: &Relay) -> App {
    let new = NewApp { name: "memory", token: "t", callback: None, channel: ChannelKind::Web, shard: 0 };
    let (app, _) = App::create(&new, &relay.sealer, &*relay.ids, relay.now());
    relay.store.create_app(&app).await.unwrap();
    app
}

fn run_worker(relay: Relay, origin: &str) {
    let hosts = Hosts::single(&origin.parse().unwrap());
    let (clock, ids) = (Arc::clone(&relay.clock), Arc::clone(&relay.ids));
    let web = WebWeChat::new(boot::http_client(), hosts, clock, ids).unwrap();
    let media_urls = Policy::parse("127.0.0.1").unwrap();
    let config = Config { pace: None, media_urls, max_media_bytes: u64::MAX, ..Config::default() };
    let worker = Worker::new(relay, Channels { web: Arc::new(web) }, config);
    tokio::spawn(worker.run(std::future::pending()));
}

async fn command(relay: &Relay, app: &App, command: Command) -> JobId {
    let id = JobId::generate(&*relay.ids);
    let job = Job::queued(id.clone(), app.id.clone(), app.shard, command, relay.now());
    assert!(relay.store.put_job(&job).await.unwrap());
    relay.queues.command(app.shard, &CommandEnvelope { app: app.id.clone(), job: id.clone() }).await.unwrap();
    id
}

async fn until<T>(mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = poll().await {
            return value;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// The most memory that the process has had, in kilobytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
