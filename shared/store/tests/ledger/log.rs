//! The message log.

use std::ops::RangeInclusive;

use domain::{
    channel::Cursor,
    delivery::Delivery,
    id::Seq,
    message::{Content, Message},
};
use store::{Checkpoint, Entry};

use crate::support::{APP, Ledger, app_id, append, at, is_conflict, is_corrupt, message, puid};

fn checkpoint(cursor: &str) -> Checkpoint {
    Checkpoint { login_number: 3, cursor: Cursor::new(cursor) }
}

#[tokio::test]
async fn a_sequence_number_is_used_once() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    assert_eq!(store.head(&APP).await.unwrap(), Seq::new(0));
    assert!(store.tail(&APP, 5).await.unwrap().is_empty());
    let row = message(1, "first");
    store.append(&APP, &row, None).await.unwrap();
    assert!(is_conflict(&store.append(&APP, &message(1, "another"), None).await));
    assert!(is_conflict(&store.append(&APP, &row, Some(&checkpoint("x"))).await));
    assert_eq!(store.message(&APP, Seq::new(1)).await.unwrap(), Some(row.clone()));
    // The SDK repeats a put whose response was lost, and the second one finds the first.
    store.append(&APP, &row, None).await.unwrap();
    assert_eq!(store.head(&APP).await.unwrap(), Seq::new(1));
    assert_eq!(store.message(&APP, Seq::new(2)).await.unwrap(), None);
}

#[tokio::test]
async fn messages_are_appended_in_transactions_up_to_a_number_in_use() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let rows: Vec<Message> = (1..=120).map(|seq| message(seq, "a")).collect();
    store.append_all(&APP, &rows, Some(&checkpoint("x"))).await.unwrap();
    let tail = store.tail(&APP, 200).await.unwrap();
    assert_eq!(tail.len(), 120);
    assert_eq!(tail[0].checkpoint, Some(checkpoint("x")));
    assert!(tail[1..].iter().all(|entry| entry.checkpoint.is_none()));

    append(store, &[message(123, "another writer")]).await;
    let more: Vec<Message> = (121..=124).map(|seq| message(seq, "b")).collect();
    assert!(is_conflict(&store.append_all(&APP, &more, None).await));
    assert_eq!(store.head(&APP).await.unwrap(), Seq::new(123));
    assert_eq!(
        store.message(&APP, Seq::new(122)).await.unwrap(),
        None,
        "a transaction applies as a whole or not at all"
    );

    // Five rows of 300 KB do not fit into one transaction.
    let long = "长".repeat(100_000);
    let rows: Vec<Message> = (124..=128).map(|seq| message(seq, &long)).collect();
    store.append_all(&APP, &rows, Some(&checkpoint("y"))).await.unwrap();
    assert_eq!(store.tail(&APP, 1).await.unwrap()[0].checkpoint, Some(checkpoint("y")));
}

#[tokio::test]
async fn the_tail_includes_checkpoints() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    append(store, &[message(1, "a"), message(2, "b")]).await;
    store.append(&APP, &message(3, "c"), Some(&checkpoint(r#"{"keys":[[1,2]]}"#))).await.unwrap();
    append(store, &[message(4, "d")]).await;
    let entry = |seq, text, checkpoint| Entry { message: message(seq, text), checkpoint, sent_by: None };
    let tail = store.tail(&APP, 2).await.unwrap();
    assert_eq!(tail, [entry(4, "d", None), entry(3, "c", Some(checkpoint(r#"{"keys":[[1,2]]}"#)))]);
    assert_eq!(store.tail(&APP, 100).await.unwrap().len(), 4);
    assert!(store.tail(&APP, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_newest_message_is_searched_from_the_end_within_its_limit() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    assert!(store.newest(&APP, 10, |_| true).await.unwrap().is_none());
    let rows: Vec<Message> =
        (1..=230).map(|seq| message(seq, if seq % 50 == 0 { "wanted" } else { "other" })).collect();
    append(store, &rows).await;
    let found = async |rows| {
        let wanted = |message: &Message| matches!(&message.content, Content::Text { text } if text == "wanted");
        store.newest(&APP, rows, wanted).await.unwrap().map(|entry| entry.message.seq.get())
    };
    assert_eq!([found(1_000).await, found(31).await, found(30).await], [Some(200), Some(200), None]);
    let oldest = store.newest(&APP, 230, |message| message.seq == Seq::FIRST).await.unwrap();
    assert_eq!(oldest.map(|entry| entry.message.seq), Some(Seq::FIRST));
}

#[tokio::test]
async fn long_messages_do_not_shorten_the_tail() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    // Twelve rows of 300 KB. DynamoDB returns one megabyte on a page.
    let long = "长".repeat(100_000);
    for seq in 1..=12 {
        append(store, &[message(seq, &long)]).await;
    }
    let tail: Vec<u64> = store.tail(&APP, 10).await.unwrap().iter().map(|entry| entry.message.seq.get()).collect();
    assert_eq!(tail, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    assert_eq!(store.head(&APP).await.unwrap(), Seq::new(12));
    assert_eq!(store.messages(&APP, Seq::FIRST..=Seq::new(12)).await.unwrap().len(), 12);
    assert_eq!(store.unfinished(&APP, Seq::new(0)).await.unwrap().len(), 12);
}

#[tokio::test]
async fn sequence_numbers_sort_as_numbers() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    append(store, &[message(9, "a"), message(10, "b"), message(100, "c")]).await;
    assert_eq!(store.head(&APP).await.unwrap(), Seq::new(100));
    let rows = |range: RangeInclusive<u64>| async move {
        let range = Seq::new(*range.start())..=Seq::new(*range.end());
        store.messages(&APP, range).await.unwrap().iter().map(|row| row.seq.get()).collect::<Vec<_>>()
    };
    assert_eq!(rows(9..=10).await, [9, 10]);
    assert_eq!(rows(10..=u64::MAX).await, [10, 100]);
    assert!(rows(11..=99).await.is_empty());
    #[expect(clippy::reversed_empty_ranges, reason = "DynamoDB refuses such a range")]
    let empty = rows(10..=9).await;
    assert!(empty.is_empty());
}

#[tokio::test]
async fn every_content_is_read_as_it_was_written() {
    let ledger = Ledger::start().await;
    let text = |text: &str| Some(text.to_owned());
    let contents = [
        Content::Text { text: "多吃点苹果🍏 \"<>&\"\n".into() },
        Content::Text { text: String::new() },
        Content::Map {
            x: 39.904_037_475_585_94,
            y: -0.1,
            scale: Some(16),
            label: text("天安门"),
            maptype: None,
            poiname: text("[位置]"),
            poiid: text(""),
            url: None,
            text: text("t"),
        },
        Content::Map {
            x: 23.0,
            y: 113.0,
            scale: None,
            label: None,
            maptype: None,
            poiname: None,
            poiid: None,
            url: None,
            text: None,
        },
        Content::Card {
            username: "@x".into(),
            nickname: "n".into(),
            alias: None,
            province: text("广东"),
            city: None,
            sign: text("s"),
            sex: Some(1),
            avatar: None,
        },
        Content::Note { text: "收到红包".into(), revoked: None },
        Content::Note { text: "recalled".into(), revoked: Some(i64::MAX) },
        Content::Note { text: "recalled".into(), revoked: Some(i64::MIN) },
        Content::Sharing { url: "https://e/?a=1&b".into(), text: "t".into(), articles: Vec::new() },
        Content::Picture { image: text("/media/a.jpg"), img_height: Some(120), img_width: None },
        Content::Recording { record: None, voice_length: Some(1_500) },
        Content::Attachment { file: None, file_name: "年.pdf".into(), file_size: Some(u64::MAX) },
        Content::Video { video: text("/media/v.mp4"), play_length: Some(0) },
        Content::Friends {
            username: "v1_x".into(),
            nickname: "n".into(),
            text: "我是".into(),
            ticket: "v2_y".into(),
            sex: None,
            province: None,
            city: text("深圳"),
        },
        Content::System { text: "<sysmsg/>".into() },
    ];
    for (content, seq) in contents.into_iter().zip(1..) {
        let row = Message {
            id: i64::MAX - i64::try_from(seq).unwrap(),
            content,
            is_at: Some(true),
            update_time: at(1_000),
            ..message(seq, "")
        };
        append(&ledger.store, std::slice::from_ref(&row)).await;
        assert_eq!(ledger.store.message(&APP, Seq::new(seq)).await.unwrap(), Some(row));
    }
}

#[tokio::test]
async fn a_message_is_marked_as_delivered_once() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    append(store, &[message(1, "a"), Message { delivery: Delivery::Unwanted, ..message(2, "b") }]).await;
    assert!(store.mark_delivered(&APP, Seq::new(1), at(50)).await.unwrap());
    assert!(!store.mark_delivered(&APP, Seq::new(1), at(60)).await.unwrap());
    assert!(!store.mark_delivered(&APP, Seq::new(2), at(60)).await.unwrap());
    assert!(!store.mark_delivered(&APP, Seq::new(3), at(60)).await.unwrap());
    let row = store.message(&APP, Seq::new(1)).await.unwrap().unwrap();
    assert_eq!((row.delivery, row.update_time), (Delivery::Delivered, at(50)));
    assert_eq!(row.receive_time, message(1, "a").receive_time);
    assert_eq!(store.message(&APP, Seq::new(3)).await.unwrap(), None);
}

#[tokio::test]
async fn a_pending_delivery_has_the_app_and_the_message() {
    let ledger = Ledger::start().await;
    let (store, app) = (&ledger.store, ledger.app().await);
    store.append(&app.id, &message(1, "a"), None).await.unwrap();
    let found = store.pending_delivery(&app.id, Seq::new(1), &puid("friend01")).await.unwrap().unwrap();
    assert_eq!((&found.app, found.message, found.parked), (&app, message(1, "a"), None));
    assert!(store.pending_delivery(&app.id, Seq::new(2), &puid("friend01")).await.unwrap().is_none());
    assert!(store.pending_delivery(&app_id("unknown"), Seq::FIRST, &puid("friend01")).await.unwrap().is_none());
}

#[tokio::test]
async fn unreadable_messages_are_reported() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    append(store, &[message(1, "a")]).await;
    let (pk, sk) = (format!("APP#{}", *APP), "LOG#00000000000000000001");
    ledger.spoil(&pk, sk, "cursor").await;
    assert!(is_corrupt(store.tail(&APP, 1).await, sk));
    assert!(store.message(&APP, Seq::new(1)).await.unwrap().is_some());
    ledger.spoil(&pk, sk, "content").await;
    assert!(is_corrupt(store.message(&APP, Seq::new(1)).await, sk));
    assert!(is_corrupt(store.messages(&APP, Seq::FIRST..=Seq::FIRST).await, sk));
    ledger.spoil(&pk, sk, "chat").await;
    assert!(is_corrupt(store.unfinished(&APP, Seq::new(0)).await, sk));
}
