//! The history of a log of a million messages, in an embedded DynamoDB in memory.

use std::time::Instant;

use anyhow::ensure;
use domain::{
    id::{AppId, Seq},
    message::{Content, Direction, Kind, Message},
    page::PageRequest,
    puid::Puid,
};
use jiff::{SignedDuration, Timestamp};
use store::{Filter, HistoryCursor, SUMMARY_BLOCK, Store};
use testing::Fixture;

use crate::table::{Budget, Spread, Table};

const MESSAGES: u64 = 1_000_000;
const GROUPS: u64 = 40;
const MEMBERS: u64 = 50;
const FRIENDS: u64 = 300;
const ACCOUNTS: u64 = 20;

pub(crate) async fn measure(repetitions: u32) -> anyhow::Result<Table> {
    let fixture = Fixture::start().await;
    let (store, app) = (&fixture.relay.store, &fixture.app(None).await.id);
    let begun = Instant::now();
    let mut next = 1;
    while next <= MESSAGES {
        let last = (next + 4_999).min(MESSAGES);
        store.append_all(app, &(next..=last).map(message).collect::<Vec<_>>(), None).await?;
        next = last + 1;
    }
    let appended = begun.elapsed().as_secs_f64();

    let mut table = Table::default();
    for (name, filter, page) in cases() {
        figure(&mut table, &format!("no summaries: {name}"), store, app, &filter, page, repetitions).await?;
    }
    let begun = Instant::now();
    for block in 0..MESSAGES / SUMMARY_BLOCK {
        store.summarise(app, block).await?;
    }
    let summarised = begun.elapsed().as_secs_f64();
    for (name, filter, page) in cases() {
        figure(&mut table, name, store, app, &filter, page, repetitions).await?;
    }
    table.note(format!(
        "{MESSAGES} messages of {GROUPS} groups with {MEMBERS} members, {FRIENDS} friends and {ACCOUNTS} official \
         accounts; pages of 20. Appended in {appended:.0} s, summarised in {summarised:.0} s. Read units as the \
         embedded DynamoDB reports them. Without summaries a search is not complete after one request."
    ));
    Ok(table)
}

/// The filters, each with a page. Pages near the end need everything before them to be counted.
fn cases() -> Vec<(&'static str, Filter, u64)> {
    let any = Filter::default;
    let member = member(7, 3);
    vec![
        ("page 1", any(), 1),
        ("page 50,000", any(), MESSAGES / 20),
        ("type=Text", Filter { kind: Some(Kind::Text), ..any() }, 1),
        ("type=Text, page 40,000", Filter { kind: Some(Kind::Text), ..any() }, 40_000),
        ("type=Video (one in 50,000)", Filter { kind: Some(Kind::Video), ..any() }, 1),
        ("type=Card (none)", Filter { kind: Some(Kind::Card), ..any() }, 1),
        ("send_user", Filter { send_user: Some(member.clone()), ..any() }, 1),
        ("send_user, page 10", Filter { send_user: Some(member.clone()), ..any() }, 10),
        ("send_group", Filter { send_group: Some(puid(7)), ..any() }, 1),
        ("maps", Filter { maps: Some(puid(9_001)), ..any() }, 1),
        ("receiver", Filter { receiver: Some(puid(0)), ..any() }, 1),
        ("receiver_group", Filter { receiver_group: Some(puid(7)), ..any() }, 1),
        ("chat", Filter { chat: Some(puid(8_005)), ..any() }, 1),
        ("create_time, a day", Filter { create_from: Some(at(500_000)), create_to: Some(at(502_880)), ..any() }, 1),
        ("receive_time, a second", Filter { receive_from: Some(at(77_777)), receive_to: Some(at(77_778)), ..any() }, 1),
        ("receive_time, from the middle on", Filter { receive_from: Some(at(500_000)), ..any() }, 20_000),
        ("send_user and type=Sharing", Filter { send_user: Some(member), kind: Some(Kind::Sharing), ..any() }, 1),
        (
            "chat, type=Sharing and a year of create_time",
            Filter {
                chat: Some(puid(7)),
                kind: Some(Kind::Sharing),
                create_from: Some(at(100_000)),
                create_to: Some(at(900_000)),
                ..any()
            },
            5,
        ),
    ]
}

async fn figure(
    table: &mut Table,
    name: &str,
    store: &Store,
    app: &AppId,
    filter: &Filter,
    page: u64,
    repetitions: u32,
) -> anyhow::Result<()> {
    let (mut times, mut units) = (Vec::new(), Vec::new());
    let mut found = String::new();
    for _ in 0..repetitions {
        let begun = Instant::now();
        let part = store.history(app, filter, HistoryCursor::of_page(PageRequest { page, size: 20 }), 20).await?;
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
        units.push(part.read_units);
        ensure!(!filter.is_empty() || part.rows.len() == 20, "the page is full");
        found = format!("{} of {}{}", part.rows.len(), if part.complete { "" } else { "at least " }, part.count);
    }
    table.row(format!("{name}: ms ({found})"), Budget::AtMost(2_000.0), Spread::of(times));
    table.row(format!("{name}: read units"), Budget::AtMost(500.0), Spread::of(units));
    Ok(())
}

fn puid(number: u64) -> Puid {
    Puid::new(format!("{:08x}", number.wrapping_mul(0x9E37_79B9) & 0xFFFF_FFFF))
}

fn member(group: u64, number: u64) -> Puid {
    puid(1_000 + group * MEMBERS + number)
}

/// A message every thirty seconds.
fn at(seq: u64) -> Timestamp {
    let elapsed = SignedDuration::from_millis(i64::try_from(seq * 30_000).unwrap_or(i64::MAX));
    testing::START.parse::<Timestamp>().expect("a timestamp").checked_add(elapsed).expect("a time of this century")
}

fn message(seq: u64) -> Message {
    let mix = (seq.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % 1_000_000;
    let owner = Some(puid(0));
    let (received, created) = (at(seq), Timestamp::from_second(at(seq).as_second() - 2).expect("a timestamp"));
    let text = "你好，这是一条普通的消息。".repeat(1 + (mix % 4) as usize);
    let content = match mix {
        0..20 => Content::Video { video: None, play_length: None },
        20..100_000 => Content::Sharing { url: "https://example.com/".into(), text, articles: Vec::new() },
        _ => Content::Text { text },
    };
    let bare = Message {
        seq: Seq::new(seq),
        create_time: created,
        receive_time: received,
        update_time: received,
        receiver: owner.clone(),
        content,
        ..testing::message(seq)
    };
    let (group, friend) = (puid(1 + mix % GROUPS), puid(8_000 + mix % FRIENDS));
    match mix / 7 % 20 {
        0 => Message {
            chat: friend.clone(),
            send_user: owner,
            receiver: Some(friend),
            direction: Direction::Out,
            ..bare
        },
        1 => Message {
            chat: group.clone(),
            send_user: owner,
            receiver: None,
            receiver_group: Some(group),
            direction: Direction::Out,
            ..bare
        },
        2 => {
            let account = puid(9_000 + mix % ACCOUNTS);
            Message { chat: account.clone(), send_user: None, maps: Some(account), ..bare }
        }
        3..8 => Message { chat: friend.clone(), send_user: Some(friend), ..bare },
        _ => {
            let author = member(1 + mix % GROUPS, mix / GROUPS % MEMBERS);
            Message { chat: group.clone(), send_user: Some(author), send_group: Some(group), ..bare }
        }
    }
}
