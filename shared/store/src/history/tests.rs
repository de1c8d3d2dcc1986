//! The walk with small blocks and spans, beside a search that reads everything.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    id::{AppId, Seq},
    message::{Content, Kind, Message},
    page::PageRequest,
    puid::Puid,
};
use jiff::{SignedDuration, Timestamp};
use template::Deployment;
use testing::Services;

use super::{Filter, HistoryCursor, HistoryPage, Limit, NewMessages, Search};
use crate::{Store, keys, summary::Layout};

const LAYOUT: Layout = Layout { block: 4, span: 3 };
const AMPLE: Limit = Limit { units: f64::INFINITY, rows: u64::MAX };
/// Messages in the log: ten complete spans, two blocks and three messages.
const HEAD: u64 = 131;

/// Numbers that look random and are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn puid(&mut self, prefix: &str, count: u64) -> Option<Puid> {
        let number = self.below(count + 1);
        (number > 0).then(|| Puid::new(format!("{prefix}{number}")))
    }
}

fn at(seconds: u64) -> Timestamp {
    let seconds = SignedDuration::from_secs(i64::try_from(seconds).unwrap());
    testing::START.parse::<Timestamp>().unwrap().checked_add(seconds).unwrap()
}

/// A log in which some values are frequent and others rare. Its times ascend nearly.
fn log() -> Vec<Message> {
    let mut random = Random(7);
    let message = |seq| {
        let rare = Content::System { text: String::new() };
        Message {
            chat: Puid::new(format!("chat{}", random.below(3))),
            send_user: random.puid("user", 20),
            send_group: random.puid("group", 2),
            maps: random.puid("maps", 1),
            receiver_group: None,
            create_time: at(seq * 10 + random.below(40)).round(jiff::Unit::Second).unwrap(),
            receive_time: at(seq * 10 + random.below(12)),
            update_time: at(0),
            content: if random.below(30) == 0 { rare } else { testing::message(seq).content },
            ..testing::message(seq)
        }
    };
    (1..=HEAD).map(message).collect()
}

fn random_filter(random: &mut Random) -> Filter {
    let mut filter = Filter::default();
    let mut time = |one_in| (random.below(one_in) == 0).then(|| at(random.below(HEAD * 10 + 40)));
    (filter.create_from, filter.create_to) = (time(4), time(4));
    (filter.receive_from, filter.receive_to) = (time(4), time(4));
    match random.below(6) {
        0 => filter.send_user = random.puid("user", 22),
        1 => filter.kind = Some(Kind::System),
        2 => (filter.chat, filter.send_group) = (random.puid("chat", 2), random.puid("group", 2)),
        3 => (filter.maps, filter.kind) = (random.puid("maps", 1), Some(Kind::Text)),
        4 => filter.receiver = testing::message(1).receiver,
        _ => {}
    }
    filter
}

struct Stage {
    store: Store,
    app: AppId,
    log: Vec<Message>,
    services: Services,
}

impl Stage {
    /// A log without summaries.
    async fn start() -> Self {
        let services = Services::in_process();
        let table = Deployment::of(&services.stack, 1).unwrap().table;
        services.clients.store(&services.stack).create_table(&table).await.unwrap();
        let store = Store::new(&services.clients.dynamodb(), &services.stack);
        let (app, log) = (AppId::trusted("0".repeat(32)), log());
        store.append_all(&app, &log, None).await.unwrap();
        Self { store, app, log, services }
    }

    /// A log whose complete blocks and spans have summaries.
    async fn summarised() -> Self {
        let stage = Self::start().await;
        for block in 0..LAYOUT.complete_blocks(HEAD) {
            stage.store.summarise_in(LAYOUT, &stage.app, block).await.unwrap();
        }
        stage
    }

    fn search<'a>(&'a self, filter: &'a Filter, limit: Limit) -> Search<'a> {
        Search { store: &self.store, app: &self.app, filter, layout: LAYOUT, limit }
    }

    async fn page(&self, filter: &Filter, page: u64, size: u32) -> HistoryPage {
        let from = HistoryCursor::of_page(PageRequest { page, size });
        self.search(filter, AMPLE).older(from, size).await.unwrap()
    }

    /// The matching numbers, newest first.
    fn expected(&self, filter: &Filter) -> Vec<u64> {
        let matching = self.log.iter().rev().filter(|message| filter.matches(message));
        matching.map(|message| message.seq.get()).collect()
    }

    /// Replaces a summary by bytes that no version writes, or removes it.
    async fn spoil(&self, sk: &str, remove: bool) {
        let rows = self.services.clients.dynamodb();
        let key = keys::key(&keys::app(&self.app), sk);
        if remove {
            rows.delete_item().table_name(&self.services.stack).set_key(Some(key)).send().await.unwrap();
            return;
        }
        let put = rows.put_item().table_name(&self.services.stack).set_item(Some(key));
        put.item("bytes", AttributeValue::B(vec![255].into())).send().await.unwrap();
    }

    /// Compares every page, and the way by cursors with a small budget, with a search that reads everything.
    async fn check(&self, seed: u64, filters: usize) {
        let mut random = Random(seed);
        for _ in 0..filters {
            let filter = random_filter(&mut random);
            let expected = self.expected(&filter);
            let size = u32::try_from(1 + random.below(9)).unwrap();
            for (number, rows) in expected.chunks(size as usize).enumerate().step_by(4) {
                let page = self.page(&filter, number as u64 + 1, size).await;
                assert_eq!(seqs(&page.rows), rows, "page {number} of {size}, {filter:?}");
                assert_eq!((page.count, page.complete), (expected.len() as u64, true), "{filter:?}");
            }
            let past = self.page(&filter, expected.len() as u64 + 2, size).await;
            assert_eq!((past.rows, past.count, past.next), (vec![], expected.len() as u64, None), "{filter:?}");
            let limit =
                Limit { units: f64::from(36 + u32::try_from(random.below(8)).unwrap()), rows: 1 + random.below(20) };
            self.check_cursors(&filter, &expected, limit, size).await;
            self.check_after(&filter, &expected, limit, size).await;
        }
    }

    async fn check_cursors(&self, filter: &Filter, expected: &[u64], limit: Limit, size: u32) {
        let mut from = HistoryCursor::of_page(PageRequest { page: 2, size });
        let mut found = Vec::new();
        loop {
            let page = self.search(filter, limit).older(from, size).await.unwrap();
            found.extend(seqs(&page.rows));
            assert!(page.count <= expected.len() as u64 && page.rows.len() <= size as usize);
            if page.complete {
                assert_eq!(page.count, expected.len() as u64, "{filter:?}");
            }
            let Some(next) = page.next else { break };
            assert!(next.before < from.before, "the cursor moves");
            from = next.to_string().parse().unwrap();
        }
        assert_eq!(found, expected.get(size as usize..).unwrap_or_default(), "{filter:?}");
    }

    async fn check_after(&self, filter: &Filter, expected: &[u64], limit: Limit, size: u32) {
        if filter.is_empty() {
            return;
        }
        let (mut after, mut found) = (Seq::START, Vec::new());
        while after < Seq::new(HEAD) {
            let NewMessages { rows, last, complete, .. } = self.search(filter, limit).newer(after, size).await.unwrap();
            assert!(last > after && rows.len() <= size as usize, "the cursor moves");
            assert!(!complete || rows.len() == size as usize || last == Seq::new(HEAD), "{filter:?}");
            found.extend(seqs(&rows));
            after = last;
        }
        found.reverse();
        assert_eq!(found, expected, "{filter:?}");
    }
}

fn seqs(rows: &[Message]) -> Vec<u64> {
    rows.iter().map(|row| row.seq.get()).collect()
}

#[tokio::test]
async fn a_summarised_log_gives_what_reading_everything_gives() {
    Stage::summarised().await.check(1, 12).await;
}

#[tokio::test]
async fn a_log_without_summaries_gives_the_same() {
    Stage::start().await.check(2, 6).await;
}

#[tokio::test]
async fn missing_and_unreadable_summaries_are_replaced_by_reading_rows() {
    let stage = Stage::summarised().await;
    for (sk, remove) in [
        (keys::block(1), true),
        (keys::block(4), false),
        (keys::block(31), true),
        (keys::span(0), true),
        (keys::span(3), false),
        (keys::span(9), true),
    ] {
        stage.spoil(&sk, remove).await;
    }
    stage.check(3, 8).await;
}

#[tokio::test]
async fn a_filter_reads_no_rows_of_summarised_spans() {
    let stage = Stage::summarised().await;
    let filter = Filter { send_user: Some(Puid::new("user1")), ..Filter::default() };
    let expected = stage.expected(&filter);
    let mut walked = stage.search(&filter, Limit { units: f64::INFINITY, rows: HEAD % LAYOUT.block + 1 });
    let page = walked.older(HistoryCursor::of_page(PageRequest { page: 1, size: 2 }), 2).await.unwrap();
    assert_eq!((page.complete, page.count), (true, expected.len() as u64));
    assert!(page.read_units <= 20.0, "{} units", page.read_units);
    // With fewer rows it does not get through the incomplete block.
    walked.limit.rows = HEAD % LAYOUT.block;
    let page = walked.older(HistoryCursor::of_page(PageRequest { page: 1, size: 2 }), 2).await.unwrap();
    assert!(!page.complete);
}

#[tokio::test]
async fn blocks_are_summarised_in_order() {
    let stage = Stage::start().await;
    let (store, app) = (&stage.store, &stage.app);
    for block in 0..7 {
        assert_eq!(store.first_block_without_summary(app).await.unwrap(), block);
        store.summarise_in(LAYOUT, app, block).await.unwrap();
    }
    assert_eq!(store.first_block_without_summary(app).await.unwrap(), 7);
    let exists = async |sk: String| store.get(&keys::app(app), &sk).await.unwrap().is_some();
    assert_eq!((exists(keys::span(1)).await, exists(keys::span(2)).await), (true, false));
    // The block at the end of the log is incomplete.
    let incomplete = LAYOUT.complete_blocks(HEAD);
    assert!(matches!(store.summarise_in(LAYOUT, app, incomplete).await, Err(crate::StoreError::Corrupt { .. })));
    assert!(!exists(keys::block(incomplete)).await);
}
