//! What a folder keeps, and its lock.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use embedded::{Embedded, Endpoints, Flush, FolderTaken, Options};
use support::{create_table, dynamodb, new_row, rows};

async fn refused(folder: &Path) -> bool {
    match Embedded::start(Options::folder(folder)).await {
        Ok(_) => false,
        Err(error) => {
            let taken: &FolderTaken = error.downcast_ref().expect("the reason");
            assert_eq!(taken.folder, folder);
            true
        }
    }
}

#[tokio::test]
async fn rows_survive_a_restart() {
    for flush in [Flush::EveryWrite, Flush::Periodic] {
        let parent = tempfile::tempdir().expect("folder");
        let options = Options { flush, ..Options::folder(parent.path().join("data")) };
        let services = Embedded::start(options.clone()).await.expect("start");
        let client = dynamodb(services.endpoints());
        create_table(&client).await;
        new_row(&client, "app", 1).send().await.expect("row");
        services.stop().await;
        // SQLite was closed properly: its log is checkpointed into the file.
        assert!(!parent.path().join("data/dynamodb.sqlite-wal").exists());

        let services = Embedded::start(options).await.expect("again");
        let client = dynamodb(services.endpoints());

        assert_eq!(rows(&client, "app").await, 1, "{flush:?}");
    }
}

#[tokio::test]
async fn one_process_at_a_time_owns_the_folder() {
    let parent = tempfile::tempdir().expect("folder");
    let folder = parent.path().join("data");
    let services = Embedded::start(Options::folder(&folder)).await.expect("start");

    assert!(refused(&folder).await);
    let running = Endpoints::of_running(&folder).expect("readable");
    assert_eq!(running.as_ref(), Some(services.endpoints()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = folder.metadata().expect("folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    drop(services);
    assert_eq!(Endpoints::of_running(&folder).expect("readable"), None);
    assert!(!refused(&folder).await);
}

#[tokio::test]
async fn stopping_closes_the_ports_and_ends_long_polls() {
    let services = support::in_memory().await;
    let client = support::sqs(services.endpoints());
    let queue = client.create_queue().queue_name("q").send().await.expect("queue");
    let url = queue.queue_url.expect("url");
    let endpoints = services.endpoints().clone();
    // Without retries, so that the end of the poll is visible.
    let once = client.config().to_builder().retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled()).build();
    let once = aws_sdk_sqs::Client::from_conf(once);
    let poll = once.receive_message().queue_url(url).wait_time_seconds(20).send();

    let (polled, ()) = tokio::join!(poll, services.stop());

    assert!(polled.is_err(), "{polled:?}");
    for url in [&endpoints.dynamodb, &endpoints.sqs, &endpoints.s3] {
        let address = url.strip_prefix("http://").expect("http");
        let error = std::net::TcpStream::connect(address).expect_err("closed");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}

/// The other process of the test below: serves the folder named on its standard input, prints each acknowledged write,
/// and does not end by itself.
#[tokio::test]
#[ignore = "run by acknowledged_writes_survive_kill_9"]
async fn writes_until_killed() {
    let mut folder = String::new();
    std::io::stdin().read_line(&mut folder).expect("folder");
    let services = Embedded::start(Options::folder(PathBuf::from(folder.trim_end()))).await.expect("start");
    let client = dynamodb(services.endpoints());
    create_table(&client).await;
    for sk in 1.. {
        new_row(&client, "app", sk).send().await.expect("row");
        println!("\nacknowledged {sk}");
    }
}

#[tokio::test]
async fn acknowledged_writes_survive_kill_9() {
    let folder = tempfile::tempdir().expect("folder");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "writes_until_killed", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("child");
    let mut stdin = child.stdin.take().expect("stdin");
    writeln!(stdin, "{}", folder.path().display()).expect("stdin takes the folder");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let mut acknowledged = || {
        lines.find_map(|line| {
            let line = line.expect("line");
            line.strip_prefix("acknowledged ")?.parse::<i32>().ok()
        })
    };
    let mut last = 0;
    while last < 50 {
        last = acknowledged().expect("the child keeps writing");
    }
    assert!(refused(folder.path()).await, "while the child owns the folder");

    child.kill().expect("kill -9");
    child.wait().expect("the child has ended");
    // Writes that it printed before it died count too.
    while let Some(sk) = acknowledged() {
        last = sk;
    }

    let running = Endpoints::of_running(folder.path()).expect("readable");
    assert_eq!(running, None, "a dead process owns nothing");
    let services = Embedded::start(Options::folder(folder.path())).await.expect("start after the kill");
    let kept = rows(&dynamodb(services.endpoints()), "app").await;
    // The last write may have been made and not printed.
    assert!(kept == last || kept == last + 1, "{kept} of {last}");
}
