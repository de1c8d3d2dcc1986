//! S3 refuses requests without its access key.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

#[tokio::test]
async fn an_unsigned_request_is_refused() {
    let services = support::in_memory().await;
    let address = services.s3_url().strip_prefix("http://").expect("http");

    // Blocking calls are fine: the service runs on a thread of its own.
    let mut connection = TcpStream::connect(address).expect("connect");
    write!(connection, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("request");
    let mut response = String::new();
    connection.read_to_string(&mut response).expect("response");

    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
    assert!(response.contains("<Code>AccessDenied</Code>"), "{response}");
}
