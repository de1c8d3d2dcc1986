//! Reading the log for clients.

use domain::{
    id::Seq,
    message::{Content, Direction, Kind, Message},
    page::PageRequest,
};
use store::Filter;

use crate::support::{APP, Ledger, append, at, found, is_corrupt, message, puid};

fn page(page: u64, size: u32) -> PageRequest {
    PageRequest { page, size }
}

/// The count and the sequence numbers of a page; `None` past the end.
async fn seqs(ledger: &Ledger, filter: &Filter, page: PageRequest) -> Option<(u64, Vec<u64>)> {
    let page = ledger.store.history(&APP, filter, page).await.unwrap()?;
    Some((page.count, page.rows.iter().map(|row| row.seq.get()).collect()))
}

#[tokio::test]
async fn pages_start_with_the_newest_message_and_end() {
    let ledger = Ledger::start().await;
    let all = Filter::default();
    assert_eq!(seqs(&ledger, &all, page(1, 2)).await, Some((0, vec![])));
    assert_eq!(seqs(&ledger, &all, page(2, 2)).await, None);
    for seq in 1..=5 {
        append(&ledger.store, &[message(seq, "x")]).await;
    }
    assert_eq!(seqs(&ledger, &all, page(1, 2)).await, Some((5, vec![5, 4])));
    assert_eq!(seqs(&ledger, &all, page(3, 2)).await, Some((5, vec![1])));
    assert_eq!(seqs(&ledger, &all, page(4, 2)).await, None);
    assert_eq!(seqs(&ledger, &all, page(u64::MAX, 100)).await, None);
    assert_eq!(seqs(&ledger, &all, page(1, 100)).await, Some((5, vec![5, 4, 3, 2, 1])));
}

#[tokio::test]
async fn filtered_pages_count_matching_messages() {
    let ledger = Ledger::start().await;
    for seq in 1..=7 {
        let chat = puid(if seq % 2 == 0 { "even0000" } else { "odd00000" });
        append(&ledger.store, &[Message { chat, ..message(seq, "x") }]).await;
    }
    let odd = Filter { chat: Some(puid("odd00000")), ..Filter::default() };
    assert_eq!(seqs(&ledger, &odd, page(1, 3)).await, Some((4, vec![7, 5, 3])));
    assert_eq!(seqs(&ledger, &odd, page(2, 3)).await, Some((4, vec![1])));
    assert_eq!(seqs(&ledger, &odd, page(3, 3)).await, None);
    let no_chat = Filter { chat: Some(puid("unknown0")), ..Filter::default() };
    assert_eq!(seqs(&ledger, &no_chat, page(1, 3)).await, Some((0, vec![])));
    assert_eq!(seqs(&ledger, &no_chat, page(2, 3)).await, None);
}

#[tokio::test]
async fn each_filter_selects_its_messages() {
    let ledger = Ledger::start().await;
    let friend = message(1, "a");
    let group = Message {
        chat: puid("group001"),
        send_user: Some(puid("member01")),
        send_group: Some(puid("group001")),
        receiver: None,
        ..message(2, "b")
    };
    let account = Message {
        chat: puid("mp000001"),
        send_user: None,
        maps: Some(puid("mp000001")),
        content: Content::Sharing { url: "u".into(), text: "t".into(), articles: Vec::new() },
        ..message(3, "")
    };
    let out = Message {
        direction: Direction::Out,
        chat: puid("group001"),
        send_user: Some(puid("myself01")),
        receiver: None,
        receiver_group: Some(puid("group001")),
        ..message(4, "c")
    };
    append(&ledger.store, &[friend, group, account, out]).await;
    let any = Filter::default;
    let cases = [
        (any(), vec![1, 2, 3, 4]),
        (Filter { kind: Some(Kind::Sharing), ..any() }, vec![3]),
        (Filter { kind: Some(Kind::Text), ..any() }, vec![1, 2, 4]),
        (Filter { send_user: Some(puid("member01")), ..any() }, vec![2]),
        (Filter { send_group: Some(puid("group001")), ..any() }, vec![2]),
        (Filter { maps: Some(puid("mp000001")), ..any() }, vec![3]),
        (Filter { receiver: Some(puid("myself01")), ..any() }, vec![1, 3]),
        (Filter { receiver_group: Some(puid("group001")), ..any() }, vec![4]),
        (Filter { chat: Some(puid("group001")), ..any() }, vec![2, 4]),
        (Filter { create_from: Some(at(3)), ..any() }, vec![3, 4]),
        (Filter { receive_from: Some(at(2)), receive_to: Some(at(4)), ..any() }, vec![2, 3]),
        (Filter { receive_to: Some(at(1)), ..any() }, vec![]),
        (Filter { create_to: Some(message(3, "").create_time), ..any() }, vec![1, 2]),
        (Filter { chat: Some(puid("group001")), kind: Some(Kind::Text), receive_from: Some(at(3)), ..any() }, vec![4]),
    ];
    for (filter, wanted) in cases {
        assert_eq!(found(&ledger.store, &filter).await, wanted, "{filter:?}");
        let newest_first: Vec<u64> = wanted.iter().rev().copied().collect();
        let count = newest_first.len() as u64;
        assert_eq!(seqs(&ledger, &filter, page(1, 20)).await, Some((count, newest_first)), "{filter:?}");
    }
}

#[tokio::test]
async fn new_messages_come_oldest_first_up_to_a_limit() {
    let ledger = Ledger::start().await;
    for seq in 1..=6 {
        append(&ledger.store, &[message(seq, "x")]).await;
    }
    let after = |filter: Filter, seq, limit| {
        let store = ledger.store.clone();
        async move {
            let rows = store.messages_after(&APP, &filter, Seq::new(seq), limit).await.unwrap();
            rows.iter().map(|row| row.seq.get()).collect::<Vec<_>>()
        }
    };
    assert_eq!(after(Filter::default(), 2, 3).await, [3, 4, 5]);
    assert_eq!(after(Filter::default(), 6, 3).await, [0_u64; 0]);
    assert_eq!(after(Filter::default(), u64::MAX, 3).await, [0_u64; 0]);
    assert_eq!(after(Filter::default(), 0, 0).await, [0_u64; 0]);
    let late = Filter { receive_from: Some(at(4)), ..Filter::default() };
    assert_eq!(after(late, 0, 2).await, [4, 5]);
}

#[tokio::test]
async fn an_unreadable_message_is_reported() {
    let ledger = Ledger::start().await;
    append(&ledger.store, &[message(1, "a")]).await;
    let sk = "LOG#00000000000000000001";
    ledger.spoil(&format!("APP#{}", *APP), sk, "id").await;
    let filter = Filter { receive_from: Some(at(0)), ..Filter::default() };
    assert!(is_corrupt(ledger.store.history(&APP, &Filter::default(), page(1, 1)).await, sk));
    assert!(is_corrupt(ledger.store.history(&APP, &filter, page(1, 1)).await, sk));
    assert!(is_corrupt(ledger.store.messages_after(&APP, &filter, Seq::START, 1).await, sk));
}
