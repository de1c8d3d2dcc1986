//! Peak memory while a file passes through a download and an upload. Bytes pass as streams, so the peak must not depend on
//! the file's size.
//!
//! The simulator, which holds the file, runs in a process of its own: this program again, with `simulator` and the size.
//! `cargo test --release -p relay-wechat --test memory -- --megabytes 100` measures another size.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use channel::{
    ByteStream, Channel, Error, FileBytes, LoginProgress, MediaKind, MediaSource, Opened, Opening, OutgoingFile,
};
use domain::doubles::{CountedIds, FixedClock};
use futures_util::{StreamExt, TryStreamExt, stream};
use simulator::{AccountSpec, From, Kind, Push, Simulator};
use wechat::{Hosts, WebWeChat};

const UIN: u64 = 7;
const MEGABYTE: usize = 1_000_000;
/// How much the process may grow, in kilobytes: two chunks and their form, buffers of sockets, the allocator's reserve.
const MAX_GROWTH: u64 = 12_000;
const PART: usize = 65_536;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<usize>().ok()
    };
    if let Some(size) = number("simulator") {
        run(serve(size));
    } else if cfg!(target_os = "linux") {
        let megabytes = number("--megabytes").unwrap_or(40);
        run(measure(megabytes * MEGABYTE));
    }
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

/// Serves an account that receives a video of this size after its login, until stdin is closed.
async fn serve(size: usize) {
    let simulator = Simulator::start("127.0.0.1:0").await.unwrap();
    let world = simulator.world();
    world.account(AccountSpec::new(UIN, "me").friends(1));
    world.auto_scan([UIN]).unwrap();
    println!("{}", simulator.origin());
    world.wait_online(UIN).await;
    world.push(UIN, &Push::kind(From::friend("Friend 1"), Kind::Video { seconds: 1 }).media(vec![7; size])).unwrap();
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

async fn measure(size: usize) {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["simulator", &size.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut origin = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut origin).unwrap();
    let (mut opened, video) = log_in(origin.trim()).await;
    let start = peak();

    let download = opened.connection.download(&video).await.unwrap();
    let received = download.bytes.try_fold(0, |total, part| async move { Ok(total + part.len()) }).await.unwrap();
    assert_eq!(received, size);
    let downloaded = peak();

    let to = opened.user.peer();
    let (size_of, source) = (size as u64, Pattern { size });
    let file =
        OutgoingFile { kind: MediaKind::File, name: "a.bin", content_type: "x/y", size: size_of, bytes: &source };
    let uploaded = opened.connection.upload(&to, &file).await.unwrap();
    opened.connection.send_media(&to, &uploaded, "key").await.unwrap();
    let sent = peak();

    println!(
        "{} MB: peak {start} kB after the login, {downloaded} kB after the download, {sent} kB after the upload",
        size / MEGABYTE
    );
    drop(process.stdin.take());
    process.wait().unwrap();
    assert!(sent < start + MAX_GROWTH, "the process grew by {} kB", sent - start);
}

/// Logs in; the phone confirms by itself. Returns the session and the video that waits.
async fn log_in(origin: &str) -> (Opened, MediaSource) {
    let hosts = Hosts::single(&origin.parse().unwrap());
    let clock = Arc::new(FixedClock::at("2024-05-01T12:00:00Z".parse().unwrap()));
    let ids = Arc::new(CountedIds::default());
    let client = WebWeChat::new(reqwest::Client::builder(), hosts, clock, ids).unwrap();
    let mut ticket = client.start_login(None).await.unwrap().ticket;
    let confirmed = loop {
        match client.poll_login(&ticket, None).await.unwrap() {
            LoginProgress::Step { ticket: next, .. } => ticket = next,
            LoginProgress::Confirmed { ticket } => break ticket,
            other => panic!("{other:?}"),
        }
    };
    let Opening::Opened(opened) = client.open(&confirmed).await.unwrap() else { panic!("another login") };
    let mut opened = *opened;
    loop {
        opened.connection.wait(&opened.cursor).await.unwrap();
        let batch = opened.connection.fetch(&opened.cursor).await.unwrap();
        opened.cursor = batch.cursor;
        if let Some(video) = batch.messages.into_iter().find_map(|message| message.media) {
            return (opened, video.source);
        }
    }
}

/// A file that is never in memory.
struct Pattern {
    size: usize,
}

#[async_trait]
impl FileBytes for Pattern {
    async fn open(&self) -> Result<ByteStream, Error> {
        let part = Bytes::from(vec![9; PART]);
        let parts = (0..self.size.div_ceil(PART)).map({
            let size = self.size;
            move |number| Ok(part.slice(..PART.min(size - number * PART)))
        });
        Ok(stream::iter(parts).boxed())
    }
}

/// The most memory that the process has had, in kilobytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
