//! S3 answers, and takes no one it doesn't know.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

#[tokio::test]
async fn an_unsigned_request_is_refused() {
    let services = support::in_memory().await;
    let address = services.s3_url().strip_prefix("http://").expect("http");

    // Blocking is fine here: the service runs on a thread of its own.
    let mut connection = TcpStream::connect(address).expect("connect");
    write!(connection, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("ask");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");

    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("<Code>AccessDenied</Code>"), "{answer}");
}
