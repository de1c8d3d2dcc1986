//! A service that refuses, stumbles, or loses an answer: scripted, since a DynamoDB that works does none of it.

use std::sync::{Arc, Mutex};

use domain::{delivery::Parked, id::Seq};
use store::{Store, StoreError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{APP, at, client, is_conflict, message, puid};

/// An answer's status and body.
type Answer = (u16, String);

/// A DynamoDB that answers the n-th request as `script` says, which is given the operation and the request's body.
struct Scripted {
    store: Store,
    /// The operations that were asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    async fn start(script: impl Fn(usize, &str, &str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = Store::new(&client(&format!("http://{}", listener.local_addr().unwrap())), "t");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
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
        Self { store, asked }
    }

    fn asked(&self) -> String {
        self.asked.lock().unwrap().join(" ")
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

fn ok(body: &str) -> Answer {
    (200, body.to_owned())
}

fn refusal(kind: &str, more: &str) -> Answer {
    (400, format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"m"{more}}}"#))
}

/// A cancelled transaction, with a reason for each write.
fn cancelled(codes: &[&str]) -> Answer {
    let reasons: Vec<String> = codes.iter().map(|code| format!(r#"{{"Code":"{code}"}}"#)).collect();
    refusal("TransactionCanceledException", &format!(r#","CancellationReasons":[{}]"#, reasons.join(",")))
}

#[tokio::test]
async fn a_transaction_that_met_another_is_tried_again() {
    let service = Scripted::start(|number, _, _| match number {
        0 => cancelled(&["None", "TransactionConflict"]),
        1 => cancelled(&["ThrottlingError", "None"]),
        _ => ok("{}"),
    })
    .await;
    assert!(service.store.park_behind(&APP, &puid("friend01"), Seq::FIRST).await.unwrap());
    assert_eq!(service.asked(), ["TransactWriteItems"; 3].join(" "));
}

#[tokio::test]
async fn a_transaction_whose_condition_failed_is_a_conflict_whatever_else_it_met() {
    let service = Scripted::start(|_, _, _| cancelled(&["ConditionalCheckFailed", "TransactionConflict"])).await;
    assert!(!service.store.park_behind(&APP, &puid("friend01"), Seq::FIRST).await.unwrap());
    assert_eq!(service.asked(), "TransactWriteItems");
}

#[tokio::test]
async fn a_transaction_refused_for_other_reasons_is_no_conflict() {
    let service = Scripted::start(|_, _, _| cancelled(&["ValidationError", "None"])).await;
    let refused = service.store.park_behind(&APP, &puid("friend01"), Seq::FIRST).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert_eq!(service.asked(), "TransactWriteItems");
    let service = Scripted::start(|_, _, _| cancelled(&["TransactionConflict"])).await;
    let refused = service.store.park_behind(&APP, &puid("friend01"), Seq::FIRST).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert_eq!(service.asked(), ["TransactWriteItems"; 3].join(" "));
}

#[tokio::test]
async fn a_write_that_met_a_transaction_is_tried_again() {
    let service = Scripted::start(|number, _, _| match number {
        0 => refusal("TransactionConflictException", ""),
        _ => ok("{}"),
    })
    .await;
    assert!(service.store.unbind(&APP).await.unwrap());
    assert_eq!(service.asked(), "UpdateItem UpdateItem");
}

#[tokio::test]
async fn an_appended_row_whose_answer_was_lost_is_recognised() {
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
    assert_eq!(service.asked(), "PutItem PutItem GetItem");
    assert!(is_conflict(&service.store.append(&APP, &message(1, "another's"), None).await));
}

#[tokio::test]
async fn a_chat_unparked_while_a_message_is_parked_behind_is_parked_anew() {
    let service = Scripted::start(|number, _, _| match number {
        // The hint; the chat is parked already; it is no more; it can be parked.
        0 | 3 => ok("{}"),
        1 | 2 => cancelled(&["ConditionalCheckFailed", "None"]),
        _ => panic!("nothing more is asked"),
    })
    .await;
    let chat = puid("friend01");
    let parked =
        Parked { chat, attempts: 0, due: at(9), since: at(0), last_seq: Seq::FIRST, last_error: String::new() };
    service.store.park(&APP, 0, &parked).await.unwrap();
    assert_eq!(service.asked(), "UpdateItem TransactWriteItems TransactWriteItems TransactWriteItems");
}

#[tokio::test]
async fn what_a_batch_leaves_over_is_asked_for_again() {
    let key = |sk: &str| format!(r#"{{"pk":{{"S":"APP#{}"}},"sk":{{"S":"{sk}"}}}}"#, *APP);
    let service = Scripted::start(move |number, operation, _| match (number, operation) {
        (0, _) => ok(&format!(r#"{{"Responses":{{"t":[]}},"UnprocessedKeys":{{"t":{{"Keys":[{}]}}}}}}"#, key("APP"))),
        (2, _) => ok(&format!(r#"{{"UnprocessedItems":{{"t":[{{"PutRequest":{{"Item":{}}}}}]}}}}"#, key("MARK"))),
        _ => ok("{}"),
    })
    .await;
    assert!(service.store.caller(&APP).await.unwrap().is_none());
    service.store.advance_watermark(&APP, Seq::FIRST).await.unwrap();
    assert_eq!(service.asked(), "BatchGetItem BatchGetItem BatchWriteItem BatchWriteItem");
}

#[tokio::test]
async fn a_service_that_is_gone_is_unavailable_and_nothing_is_taken_for_a_conflict() {
    let service = Scripted::start(|_, _, _| refusal("ResourceNotFoundException", "")).await;
    assert!(matches!(service.store.app(&APP).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(service.store.append(&APP, &message(1, "x"), None).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(service.store.head(&APP).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(service.store.contacts(&APP).await, Err(StoreError::Unavailable(_))));
}
