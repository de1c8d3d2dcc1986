//! Messages that are not finished, and rows that DynamoDB refuses.

use domain::{
    channel::MediaSource,
    delivery::Delivery,
    id::Seq,
    media::MediaState,
    message::{Content, Message},
};
use store::{StoreError, Unfinished};

use crate::support::{APP, Ledger, append, at, message, puid};

fn pending(seq: u64, delivery: Delivery) -> Message {
    let content = Content::Picture { image: Some("/media/image/1.jpg".into()), img_height: None, img_width: None };
    let media = Some(MediaState::Pending { source: MediaSource::new("source") });
    Message { content, media, delivery, ..message(seq, "") }
}

#[tokio::test]
async fn undelivered_messages_and_pending_media_are_found_after_the_watermark() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    append(store, &[message(1, "a"), message(2, "b"), Message { chat: puid("group001"), ..message(3, "c") }]).await;
    append(store, &[Message { delivery: Delivery::Unwanted, ..message(4, "d") }]).await;
    append(store, &[pending(5, Delivery::Unwanted), pending(6, Delivery::Pending)]).await;
    store.mark_delivered(&APP, Seq::new(2), at(9)).await.unwrap();
    let row = |seq, chat: &str, undelivered, media_pending| Unfinished {
        seq: Seq::new(seq),
        chat: puid(chat),
        undelivered,
        media_pending,
    };
    let unfinished = [
        row(1, "friend01", true, false),
        row(3, "group001", true, false),
        row(5, "friend01", false, true),
        row(6, "friend01", true, true),
    ];
    assert_eq!(store.unfinished(&APP, Seq::new(0)).await.unwrap(), unfinished);
    assert_eq!(store.unfinished(&APP, Seq::new(1)).await.unwrap(), unfinished[1..]);
    assert!(store.unfinished(&APP, Seq::MAX).await.unwrap().is_empty());
    assert_eq!(store.watermark(&APP).await.unwrap(), Seq::new(0));
    store.advance_watermark(&APP, Seq::new(2)).await.unwrap();
    store.advance_watermark(&APP, Seq::new(7)).await.unwrap();
    assert_eq!(store.watermark(&APP).await.unwrap(), Seq::new(7));
}

#[tokio::test]
async fn media_end_once() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    append(store, &[pending(1, Delivery::Pending), message(2, "a")]).await;
    let (stored, failed) = (MediaState::Stored { size: 7 }, MediaState::Failed { why: "gone".into() });
    assert!(store.finish_media(&APP, Seq::new(1), &stored, at(50)).await.unwrap());
    assert!(!store.finish_media(&APP, Seq::new(1), &failed, at(60)).await.unwrap());
    assert!(!store.finish_media(&APP, Seq::new(2), &stored, at(60)).await.unwrap(), "it has no media");
    assert!(!store.finish_media(&APP, Seq::new(3), &stored, at(60)).await.unwrap(), "it does not exist");
    let row = store.message(&APP, Seq::new(1)).await.unwrap().unwrap();
    assert_eq!((row.media, row.update_time, row.delivery), (Some(stored), at(50), Delivery::Pending));
    assert_eq!(store.message(&APP, Seq::new(3)).await.unwrap(), None);
    assert!(!store.unfinished(&APP, Seq::new(0)).await.unwrap()[0].media_pending);
}

#[tokio::test]
async fn a_row_that_is_too_large_is_refused_alone_and_in_a_transaction() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let large = message(1, &"x".repeat(450_000));
    let alone = store.append(&APP, &large, None).await;
    assert!(matches!(alone, Err(StoreError::Refused(_))), "{alone:?}");
    let together = store.append_all(&APP, &[large, message(2, "a")], None).await;
    assert!(matches!(together, Err(StoreError::Refused(_))), "{together:?}");
    assert_eq!(store.head(&APP).await.unwrap(), Seq::START);
}
