//! A scripted DynamoDB that refuses requests, fails or loses responses.

use std::sync::{Arc, Mutex};

use domain::{delivery::Parked, id::Seq};
use store::{Store, StoreError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{APP, at, client, is_conflict, message, puid};

/// Status and body of a response.
type Response = (u16, String);

/// A DynamoDB that responds as `script` says. Its arguments are the number, the operation and the body of the request.
struct Scripted {
    store: Store,
    /// Operations of the requests so far.
    requested: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    async fn start(script: impl Fn(usize, &str, &str) -> Response + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = Store::new(&client(&format!("http://{}", listener.local_addr().unwrap())), "t");
        let requested = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requested);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (operation, body) = read(&mut stream).await;
                let number = log.lock().unwrap().len();
                log.lock().unwrap().push(operation.clone());
                let (status, body) = script(number, &operation, &body);
                let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close", body.len());
                stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
            }
        });
        Self { store, requested }
    }

    fn requested(&self) -> String {
        self.requested.lock().unwrap().join(" ")
    }
}

/// The operation and the body of a request.
async fn read(stream: &mut TcpStream) -> (String, String) {
    let mut request = Vec::new();
    loop {
        stream.read_buf(&mut request).await.unwrap();
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        if body.len() >= header("content-length:").parse().unwrap() {
            let operation = header("x-amz-target:").rsplit('.').next().unwrap_or_default().to_owned();
            return (operation, body.to_owned());
        }
    }
}

fn ok(body: &str) -> Response {
    (200, body.to_owned())
}

fn refusal(kind: &str, more: &str) -> Response {
    (400, format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"m"{more}}}"#))
}

/// A cancelled transaction, with a reason for each write.
fn cancelled(codes: &[&str]) -> Response {
    let reasons: Vec<String> = codes.iter().map(|code| format!(r#"{{"Code":"{code}"}}"#)).collect();
    refusal("TransactionCanceledException", &format!(r#","CancellationReasons":[{}]"#, reasons.join(",")))
}

#[tokio::test]
async fn a_transaction_that_collides_with_another_is_retried() {
    let service = Scripted::start(|number, _, _| match number {
        0 => cancelled(&["None", "TransactionConflict"]),
        1 => cancelled(&["ThrottlingError", "None"]),
        _ => ok("{}"),
    })
    .await;
    assert!(service.store.park_behind(&APP, &puid("friend01"), Seq::FIRST).await.unwrap());
    assert_eq!(service.requested(), ["TransactWriteItems"; 3].join(" "));
}

#[tokio::test]
async fn a_transaction_whose_condition_failed_is_a_conflict_despite_a_collision() {
    let service = Scripted::start(|_, _, _| cancelled(&["ConditionalCheckFailed", "TransactionConflict"])).await;
    assert!(!service.store.park_behind(&APP, &puid("friend01"), Seq::FIRST).await.unwrap());
    assert_eq!(service.requested(), "TransactWriteItems");
}

#[tokio::test]
async fn a_transaction_refused_for_other_reasons_is_not_a_conflict() {
    let service = Scripted::start(|_, _, _| cancelled(&["ValidationError", "None"])).await;
    let refused = service.store.park_behind(&APP, &puid("friend01"), Seq::FIRST).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    assert_eq!(service.requested(), "TransactWriteItems");
    let service = Scripted::start(|_, _, _| cancelled(&["TransactionConflict"])).await;
    let refused = service.store.park_behind(&APP, &puid("friend01"), Seq::FIRST).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert_eq!(service.requested(), ["TransactWriteItems"; 3].join(" "));
}

#[tokio::test]
async fn a_write_that_collides_with_a_transaction_is_retried() {
    let service = Scripted::start(|number, _, _| match number {
        0 => refusal("TransactionConflictException", ""),
        _ => ok("{}"),
    })
    .await;
    assert!(service.store.unbind(&APP).await.unwrap());
    assert_eq!(service.requested(), "UpdateItem UpdateItem");
}

#[tokio::test]
async fn an_append_whose_response_was_lost_succeeds() {
    let put = Mutex::new(String::new());
    let service = Scripted::start(move |number, operation, body| match (number, operation) {
        (0, "PutItem") => {
            body.clone_into(&mut put.lock().unwrap());
            (500, "{}".to_owned())
        }
        (_, "PutItem") => refusal("ConditionalCheckFailedException", ""),
        _ => {
            let request: serde_json::Value = serde_json::from_str(&put.lock().unwrap()).unwrap();
            ok(&format!(r#"{{"Item":{}}}"#, request["Item"]))
        }
    })
    .await;
    service.store.append(&APP, &message(1, "mine"), None).await.unwrap();
    assert_eq!(service.requested(), "PutItem PutItem GetItem");
    assert!(is_conflict(&service.store.append(&APP, &message(1, "another's"), None).await));
}

#[tokio::test]
async fn a_chat_that_is_unparked_meanwhile_is_parked_again() {
    let service = Scripted::start(|number, _, _| match number {
        // 0 sets the flag, 1 finds the chat parked, 2 finds it unparked, 3 parks it.
        0 | 3 => ok("{}"),
        1 | 2 => cancelled(&["ConditionalCheckFailed", "None"]),
        _ => panic!("there is no further request"),
    })
    .await;
    let chat = puid("friend01");
    let parked =
        Parked { chat, attempts: 0, due: at(9), since: at(0), last_seq: Seq::FIRST, last_error: String::new() };
    service.store.park(&APP, 0, &parked).await.unwrap();
    assert_eq!(service.requested(), "UpdateItem TransactWriteItems TransactWriteItems TransactWriteItems");
}

#[tokio::test]
async fn unprocessed_parts_of_a_batch_are_requested_again() {
    let key = |sk: &str| format!(r#"{{"pk":{{"S":"APP#{}"}},"sk":{{"S":"{sk}"}}}}"#, *APP);
    let service = Scripted::start(move |number, operation, _| match (number, operation) {
        (0, _) => ok(&format!(r#"{{"Responses":{{"t":[]}},"UnprocessedKeys":{{"t":{{"Keys":[{}]}}}}}}"#, key("APP"))),
        (2, _) => ok(&format!(r#"{{"UnprocessedItems":{{"t":[{{"PutRequest":{{"Item":{}}}}}]}}}}"#, key("MARK"))),
        _ => ok("{}"),
    })
    .await;
    assert!(service.store.caller(&APP).await.unwrap().is_none());
    service.store.advance_watermark(&APP, Seq::FIRST).await.unwrap();
    assert_eq!(service.requested(), "BatchGetItem BatchGetItem BatchWriteItem BatchWriteItem");
}

#[tokio::test]
async fn a_missing_service_is_unavailable_and_not_a_conflict() {
    let service = Scripted::start(|_, _, _| refusal("ResourceNotFoundException", "")).await;
    assert!(matches!(service.store.app(&APP).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(service.store.append(&APP, &message(1, "x"), None).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(service.store.head(&APP).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(service.store.contacts(&APP).await, Err(StoreError::Unavailable(_))));
}
