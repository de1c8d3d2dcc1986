//! Reading the log for clients.

use domain::{
    id::Seq,
    message::{Content, Direction, Kind, Message},
    page::PageRequest,
};
use store::{Filter, HistoryCursor, HistoryPage, SUMMARY_BLOCK, StoreError};

use crate::support::{APP, Ledger, append, at, found, is_corrupt, message, puid};

fn page(page: u64, size: u32) -> PageRequest {
    PageRequest { page, size }
}

async fn history(ledger: &Ledger, filter: &Filter, page: PageRequest) -> Result<HistoryPage, StoreError> {
    ledger.store.history(&APP, filter, HistoryCursor::of_page(page), page.size).await
}

fn numbers(rows: &[Message]) -> Vec<u64> {
    rows.iter().map(|row| row.seq.get()).collect()
}

/// The count and the sequence numbers of a page.
async fn seqs(ledger: &Ledger, filter: &Filter, page: PageRequest) -> (u64, Vec<u64>) {
    let page = history(ledger, filter, page).await.unwrap();
    assert!(page.complete);
    (page.count, numbers(&page.rows))
}

#[tokio::test]
async fn pages_start_with_the_newest_message_and_end() {
    let ledger = Ledger::start().await;
    let all = Filter::default();
    assert_eq!(seqs(&ledger, &all, page(1, 2)).await, (0, vec![]));
    assert_eq!(seqs(&ledger, &all, page(2, 2)).await, (0, vec![]));
    for seq in 1..=5 {
        append(&ledger.store, &[message(seq, "x")]).await;
    }
    assert_eq!(seqs(&ledger, &all, page(1, 2)).await, (5, vec![5, 4]));
    assert_eq!(seqs(&ledger, &all, page(3, 2)).await, (5, vec![1]));
    assert_eq!(seqs(&ledger, &all, page(4, 2)).await, (5, vec![]));
    assert_eq!(seqs(&ledger, &all, page(u64::MAX, 100)).await, (5, vec![]));
    assert_eq!(seqs(&ledger, &all, page(1, 100)).await, (5, vec![5, 4, 3, 2, 1]));
}

#[tokio::test]
async fn filtered_pages_count_matching_messages() {
    let ledger = Ledger::start().await;
    for seq in 1..=7 {
        let chat = puid(if seq % 2 == 0 { "even0000" } else { "odd00000" });
        append(&ledger.store, &[Message { chat, ..message(seq, "x") }]).await;
    }
    let odd = Filter { chat: Some(puid("odd00000")), ..Filter::default() };
    assert_eq!(seqs(&ledger, &odd, page(1, 3)).await, (4, vec![7, 5, 3]));
    assert_eq!(seqs(&ledger, &odd, page(2, 3)).await, (4, vec![1]));
    assert_eq!(seqs(&ledger, &odd, page(3, 3)).await, (4, vec![]));
    let no_chat = Filter { chat: Some(puid("unknown0")), ..Filter::default() };
    assert_eq!(seqs(&ledger, &no_chat, page(1, 3)).await, (0, vec![]));
    assert_eq!(seqs(&ledger, &no_chat, page(2, 3)).await, (0, vec![]));
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
        assert_eq!(seqs(&ledger, &filter, page(1, 20)).await, (count, newest_first), "{filter:?}");
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
            let found = store.messages_after(&APP, &filter, Seq::new(seq), limit).await.unwrap();
            assert!(found.complete);
            (numbers(&found.rows), found.last.get())
        }
    };
    let late = || Filter { receive_from: Some(at(4)), ..Filter::default() };
    assert_eq!(after(Filter::default(), 2, 3).await, (vec![3, 4, 5], 5));
    assert_eq!(after(late(), 0, 2).await, (vec![4, 5], 5));
    assert_eq!(after(Filter { receive_to: Some(at(4)), ..Filter::default() }, 0, 9).await, (vec![1, 2, 3], 6));
    for filter in [Filter::default(), late()] {
        assert_eq!(after(filter.clone(), 6, 3).await, (vec![], 6));
        assert_eq!(after(filter.clone(), u64::MAX, 3).await, (vec![], u64::MAX));
        assert_eq!(after(filter, 0, 0).await, (vec![], 0));
    }
}

#[tokio::test]
async fn an_unreadable_message_is_reported() {
    let ledger = Ledger::start().await;
    append(&ledger.store, &[message(1, "a")]).await;
    let sk = "LOG#00000000000000000001";
    ledger.spoil(&format!("APP#{}", *APP), sk, "id").await;
    let filter = Filter { receive_from: Some(at(0)), ..Filter::default() };
    assert!(is_corrupt(history(&ledger, &Filter::default(), page(1, 1)).await, sk));
    assert!(is_corrupt(history(&ledger, &filter, page(1, 1)).await, sk));
    assert!(is_corrupt(ledger.store.messages_after(&APP, &filter, Seq::START, 1).await, sk));
}

/// A log with a rare message in its first block and another in its last, incomplete one.
async fn long_log(ledger: &Ledger, length: u64) -> Filter {
    let rare = Filter { chat: Some(puid("rare0000")), ..Filter::default() };
    let row = |seq| {
        let chat = if seq == 5 || seq == length { rare.chat.clone().unwrap() } else { puid("friend01") };
        Message { chat, ..message(seq, &"x".repeat(100)) }
    };
    let rows: Vec<Message> = (1..=length).map(row).collect();
    ledger.store.append_all(&APP, &rows, None).await.unwrap();
    rare
}

#[tokio::test]
async fn a_filter_finds_the_messages_of_a_long_log_in_its_summaries() {
    let ledger = Ledger::start().await;
    let rare = long_log(&ledger, 3 * SUMMARY_BLOCK + 20).await;
    let before = history(&ledger, &rare, page(1, 20)).await.unwrap();
    for block in 0..3 {
        ledger.store.summarise(&APP, block).await.unwrap();
    }
    let after = history(&ledger, &rare, page(1, 20)).await.unwrap();
    for page in [&before, &after] {
        assert_eq!((page.count, numbers(&page.rows), page.complete), (2, vec![3 * SUMMARY_BLOCK + 20, 5], true));
    }
    assert!(after.read_units <= before.read_units, "{} units after {}", after.read_units, before.read_units);
    assert_eq!(found(&ledger.store, &rare).await, [5, 3 * SUMMARY_BLOCK + 20]);
}

#[tokio::test]
async fn a_request_reads_a_part_of_a_long_log_without_summaries_and_the_cursor_goes_on() {
    let ledger = Ledger::start().await;
    let length = 7 * SUMMARY_BLOCK;
    let rare = long_log(&ledger, length).await;
    let first = history(&ledger, &rare, page(1, 20)).await.unwrap();
    assert_eq!((first.count, numbers(&first.rows), first.complete), (1, vec![length], false));
    let second = ledger.store.history(&APP, &rare, first.next.unwrap(), 20).await.unwrap();
    assert_eq!((second.count, numbers(&second.rows), second.complete), (2, vec![5], true));
    assert_eq!(second.next, None);

    let none = Filter { chat: Some(puid("unknown0")), ..Filter::default() };
    let first = ledger.store.messages_after(&APP, &none, Seq::START, 20).await.unwrap();
    assert!(!first.complete && first.last < Seq::new(length));
    let second = ledger.store.messages_after(&APP, &none, first.last, 20).await.unwrap();
    assert_eq!((second.complete, second.last), (true, Seq::new(length)));
}

#[tokio::test]
async fn a_cursor_goes_on_without_a_filter_too() {
    let ledger = Ledger::start().await;
    for seq in 1..=7 {
        append(&ledger.store, &[message(seq, "x")]).await;
    }
    let (all, mut from, mut pages) = (Filter::default(), HistoryCursor::of_page(page(2, 2)), Vec::new());
    loop {
        let page = ledger.store.history(&APP, &all, from, 2).await.unwrap();
        assert_eq!((page.count, page.complete), (7, true));
        pages.push(numbers(&page.rows));
        let Some(next) = page.next else { break };
        from = next;
        // A message that comes meanwhile is newer than the cursor.
        append(&ledger.store, &[message(7 + pages.len() as u64, "new")]).await;
    }
    assert_eq!(pages, [vec![5, 4], vec![3, 2], vec![1]]);
}
