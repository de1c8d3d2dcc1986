#[path = "../tests/support/mod.rs"]
mod support;
use embedded::{Embedded, Options};
use futures_util::future::join_all;
use std::time::{Duration, Instant};
use support::*;

fn stats(mut v: Vec<Duration>) -> String {
    v.sort();
    let n = v.len();
    format!("n={n} p50={:?} p99={:?} max={:?}", v[n / 2], v[n * 99 / 100], v[n - 1])
}
#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir_in("/work/main/../").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    for i in 0..4 {
        let t = Instant::now();
        let e = Embedded::start(Options::memory()).await.unwrap();
        let a = t.elapsed();
        let t = Instant::now();
        e.stop().await;
        let b = t.elapsed();
        let t = Instant::now();
        let e = Embedded::start(Options::folder(dir.path().join(format!("s{}", i / 2)))).await.unwrap();
        let c = t.elapsed();
        let t = Instant::now();
        e.stop().await;
        println!("start mem {a:?} stop {b:?}; folder {c:?} stop {:?}", t.elapsed());
    }
    for mode in ["memory", "file-every", "file-now"] {
        if std::env::args().nth(1).is_some_and(|a| !mode.starts_with(&a)) {
            continue;
        }
        let mut o = if mode == "memory" { Options::memory() } else { Options::folder(dir.path().join(mode)) };
        if mode == "file-every" {
            o.flush = embedded::Flush::EveryWrite
        }
        let e = Embedded::start(o).await.unwrap();
        let c = dynamodb(e.endpoints());
        make_table(&c).await;
        let body = "x".repeat(300);
        for i in 0..200 {
            new_row(&c, "warm", i).item("body", text(&body)).send().await.unwrap();
        }
        for round in 0..3 {
            let n = 2000;
            let pk = format!("seq{round}");
            let t = Instant::now();
            let mut l = vec![];
            for i in 0..n {
                let t = Instant::now();
                new_row(&c, &pk, i).item("body", text(&body)).send().await.unwrap();
                l.push(t.elapsed());
            }
            let el = t.elapsed();
            println!("{mode} seq puts: {:.0}/s {}", n as f64 / el.as_secs_f64(), stats(l));
            let t = Instant::now();
            join_all((0..16).map(|w| {
                let c = c.clone();
                let body = body.clone();
                tokio::spawn(async move {
                    let pk = format!("par{round}-{w}");
                    for i in 0..250 {
                        new_row(&c, &pk, i).item("body", text(&body)).send().await.unwrap();
                    }
                })
            }))
            .await;
            println!("{mode} 16-way puts: {:.0}/s", 4000.0 / t.elapsed().as_secs_f64());
            let t = Instant::now();
            for k in 0..200 {
                let mut tx = c.transact_write_items();
                for i in 0..10 {
                    let put = aws_sdk_dynamodb::types::Put::builder()
                        .table_name(TABLE)
                        .item("pk", text(format!("tx{round}-{k}")))
                        .item("sk", number(i as usize))
                        .item("body", text(&body))
                        .condition_expression("attribute_not_exists(pk)")
                        .build()
                        .unwrap();
                    tx = tx.transact_items(aws_sdk_dynamodb::types::TransactWriteItem::builder().put(put).build());
                }
                tx.send().await.unwrap();
            }
            println!("{mode} transactions of 10 rows: {:.0} rows/s", 2000.0 / t.elapsed().as_secs_f64());
            let t = Instant::now();
            let mut l = vec![];
            for _ in 0..1000 {
                let t = Instant::now();
                c.get_item()
                    .table_name(TABLE)
                    .key("pk", text(&pk))
                    .key("sk", number(7))
                    .consistent_read(true)
                    .send()
                    .await
                    .unwrap();
                l.push(t.elapsed());
            }
            println!("{mode} seq gets: {:.0}/s {}", 1000.0 / t.elapsed().as_secs_f64(), stats(l));
            let t = Instant::now();
            join_all((0..16).map(|_| {
                let c = c.clone();
                let pk = pk.clone();
                tokio::spawn(async move {
                    for _ in 0..125 {
                        c.query()
                            .table_name(TABLE)
                            .key_condition_expression("pk = :p")
                            .expression_attribute_values(":p", text(&pk))
                            .limit(20)
                            .send()
                            .await
                            .unwrap();
                    }
                })
            }))
            .await;
            println!("{mode} 16-way queries of 20 rows: {:.0}/s", 2000.0 / t.elapsed().as_secs_f64());
        }
        e.stop().await;
    }
    if std::env::args().nth(1).is_some_and(|a| a != "sqs") {
        return;
    }
    let e = Embedded::start(Options::memory()).await.unwrap();
    let c = sqs(e.endpoints());
    let url = c
        .create_queue()
        .queue_name("q.fifo")
        .attributes(aws_sdk_sqs::types::QueueAttributeName::FifoQueue, "true")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    let snd = |id: String, g: String| {
        c.send_message()
            .queue_url(&url)
            .message_group_id(g)
            .message_deduplication_id(id)
            .message_body("x".repeat(300))
            .send()
    };
    let rcv = |w: i32| c.receive_message().queue_url(&url).max_number_of_messages(10).wait_time_seconds(w).send();
    for round in 0..2 {
        let (mut ls, mut lr, mut ld) = (vec![], vec![], vec![]);
        let t0 = Instant::now();
        for i in 0..1000 {
            let t = Instant::now();
            snd(format!("{round}-{i}"), "g".into()).await.unwrap();
            ls.push(t.elapsed());
            let t = Instant::now();
            let m = rcv(0).await.unwrap();
            lr.push(t.elapsed());
            let t = Instant::now();
            c.delete_message()
                .queue_url(&url)
                .receipt_handle(m.messages()[0].receipt_handle().unwrap())
                .send()
                .await
                .unwrap();
            ld.push(t.elapsed());
        }
        println!(
            "sqs send+receive+delete: {:.0}/s\n send {}\n receive {}\n delete {}",
            1000.0 / t0.elapsed().as_secs_f64(),
            stats(ls),
            stats(lr),
            stats(ld)
        );
        // wake-up
        let mut l = vec![];
        for i in 0..300 {
            let poll = tokio::spawn({
                let r = rcv(20);
                async move {
                    let m = r.await.unwrap();
                    (Instant::now(), m)
                }
            });
            tokio::time::sleep(Duration::from_millis(5)).await;
            let t = Instant::now();
            snd(format!("w{round}-{i}"), "g".into()).await.unwrap();
            let (at, m) = poll.await.unwrap();
            l.push(at.saturating_duration_since(t));
            c.delete_message()
                .queue_url(&url)
                .receipt_handle(m.messages()[0].receipt_handle().unwrap())
                .send()
                .await
                .unwrap();
        }
        println!("sqs wake-up from start of send: {}", stats(l));
        // pipeline: 16 senders batch 10 over 500 groups, 4 pollers with batch delete
        let n = 10_000usize;
        let t = Instant::now();
        let senders = (0..8).map(|w| {
            let (c, url) = (c.clone(), url.clone());
            tokio::spawn(async move {
                for b in 0..n / 80 {
                    let mut s = c.send_message_batch().queue_url(&url);
                    for k in 0..10 {
                        let id = format!("p{round}-{w}-{b}-{k}");
                        s = s.entries(
                            aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder()
                                .id(k.to_string())
                                .message_group_id(format!("g{}", (b * 10 + k) % 500))
                                .message_deduplication_id(id)
                                .message_body("x".repeat(300))
                                .build()
                                .unwrap(),
                        );
                    }
                    s.send().await.unwrap();
                }
            })
        });
        let got = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let pollers = (0..4)
            .map(|_| {
                let (c, url, got) = (c.clone(), url.clone(), got.clone());
                tokio::spawn(async move {
                    let mut calls = 0;
                    while got.load(std::sync::atomic::Ordering::SeqCst) < n {
                        let m = c
                            .receive_message()
                            .queue_url(&url)
                            .max_number_of_messages(10)
                            .wait_time_seconds(1)
                            .send()
                            .await
                            .unwrap();
                        calls += 1;
                        if m.messages().is_empty() {
                            continue;
                        }
                        let mut d = c.delete_message_batch().queue_url(&url);
                        for (i, m) in m.messages().iter().enumerate() {
                            d = d.entries(
                                aws_sdk_sqs::types::DeleteMessageBatchRequestEntry::builder()
                                    .id(i.to_string())
                                    .receipt_handle(m.receipt_handle().unwrap())
                                    .build()
                                    .unwrap(),
                            );
                        }
                        d.send().await.unwrap();
                        got.fetch_add(m.messages().len(), std::sync::atomic::Ordering::SeqCst);
                    }
                    calls
                })
            })
            .collect::<Vec<_>>();
        join_all(senders).await;
        let sent = t.elapsed();
        let calls: usize = join_all(pollers).await.into_iter().map(Result::unwrap).sum();
        println!(
            "sqs pipeline {n}: sent in {sent:?}, all deleted {:?} ({:.0}/s), receive calls {calls}",
            t.elapsed(),
            n as f64 / t.elapsed().as_secs_f64()
        );
    }
}
