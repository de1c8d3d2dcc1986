//! What summaries hold, and how many bytes they take.

use domain::{
    message::{Content, Kind, Message},
    puid::Puid,
};
use jiff::{SignedDuration, Timestamp};

use super::{
    Block, Span,
    block::Row,
    facets::{PUIDS, PerPuid},
};

fn block(messages: &[Message]) -> Block {
    let row = |message| serde_json::from_value::<Row>(serde_json::to_value(message).unwrap()).unwrap();
    Block::of(&messages.iter().map(row).collect::<Vec<_>>())
}

/// Message `seq` of an account with 40 groups of 50 people, one message in about ten seconds.
fn typical(seq: u64) -> Message {
    let mix = seq.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    let (group, person) = (mix * mix % 40, mix % 50);
    let elapsed = SignedDuration::from_nanos(i64::try_from(seq * 10_123_456_789).unwrap());
    let received = "2026-01-07T03:25:45.123456789Z".parse::<Timestamp>().unwrap().checked_add(elapsed).unwrap();
    let puid = |number: u64| Puid::new(format!("{:08x}", number.wrapping_mul(0x9E37_79B9) & 0xFFFF_FFFF));
    let text = Content::Text { text: "字".to_owned() };
    Message {
        chat: puid(group),
        send_user: Some(puid(1_000 + group * 50 + person)),
        send_group: Some(puid(group)),
        create_time: Timestamp::from_second(received.as_second() - 2).unwrap(),
        receive_time: received,
        update_time: received,
        content: if mix.is_multiple_of(10) {
            Content::Sharing { url: "u".into(), text: "t".into(), articles: Vec::new() }
        } else {
            text
        },
        ..testing::message(seq)
    }
}

fn typical_block(number: u64) -> Block {
    block(&(number * 512 + 1..=(number + 1) * 512).map(typical).collect::<Vec<_>>())
}

/// Times at the ends of what can be stored, also before 1970, and puids of every form.
fn odd() -> Vec<Message> {
    let times = [
        "-009999-01-02T01:59:59Z",
        "1969-12-31T23:59:59.5Z",
        "1970-01-01T00:00:00.000000001Z",
        "9999-12-30T22:00:00.9Z",
    ];
    let times = times.map(|time| time.parse::<Timestamp>().unwrap());
    let pairs = times.iter().flat_map(|create| times.iter().map(move |receive| (*create, *receive)));
    let message = |(number, (create_time, receive_time)): (usize, (Timestamp, Timestamp))| Message {
        chat: Puid::new(["", "@名", "ABCD", "00ff"][number % 4]),
        maps: [None, Some(Puid::new("00ff"))][number % 2].clone(),
        receiver: None,
        create_time,
        receive_time,
        ..testing::message(number as u64 + 1)
    };
    pairs.enumerate().map(message).collect()
}

#[test]
fn summaries_are_read_as_they_were_written() {
    for blocks in [vec![block(&odd())], (0..64).map(typical_block).collect()] {
        for block in &blocks {
            assert_eq!(Block::decode(&block.encode()).as_ref(), Some(block));
        }
        let span = Span::of(&blocks).unwrap();
        assert_eq!(Span::decode(&span.encode()), Some(span));
    }
}

#[test]
fn damaged_bytes_and_other_versions_are_no_summary() {
    let block = block(&odd());
    let span = Span::of(std::slice::from_ref(&block)).unwrap();
    let (block, span) = (block.encode(), span.encode());
    for length in 0..block.len() {
        assert_eq!(Block::decode(&block[..length]), None);
    }
    for length in 0..span.len() {
        assert_eq!(Span::decode(&span[..length]), None);
    }
    let other = |mut bytes: Vec<u8>| {
        bytes[0] += 1;
        bytes
    };
    assert_eq!((Block::decode(&other(block)), Span::decode(&other(span))), (None, None));
}

#[test]
fn a_span_counts_the_messages_of_its_blocks_by_facets() {
    let blocks: Vec<Block> = (0..3).map(typical_block).collect();
    let span = Span::of(&blocks).unwrap();
    assert_eq!(span.shares.iter().map(|share| share.count).sum::<u64>(), 3 * 512);
    let wanted = |kind, chat: &Puid| {
        let mut puids: PerPuid<Option<&Puid>> = [None; PUIDS.len()];
        puids[0] = Some(chat);
        span.dictionary.find(kind, puids)
    };
    let chat = typical(700).chat;
    let messages: Vec<Message> = (1..=3 * 512).map(typical).collect();
    for kind in [None, Some(Kind::Text), Some(Kind::Sharing)] {
        let matching: Vec<u64> = messages
            .iter()
            .filter(|message| message.chat == chat && kind.is_none_or(|kind| kind == message.content.kind()))
            .map(|message| message.seq.get())
            .collect();
        let wanted = wanted(kind, &chat).unwrap();
        let shares = span.shares.iter().filter(|share| wanted.admits(&share.facets));
        let (count, blocks) =
            shares.fold((0, 0), |(count, blocks), share| (count + share.count, blocks | share.blocks));
        assert_eq!(count, matching.len() as u64);
        assert_eq!(blocks, matching.iter().fold(0, |blocks, seq| blocks | 1 << ((seq - 1) / 512)));
    }
    assert!(wanted(None, &Puid::new("unknown0")).is_none());
    assert!(wanted(Some(Kind::Video), &chat).is_none());
    assert_eq!(span.received.first, messages[0].receive_time);
    assert_eq!(span.created.last, messages[3 * 512 - 1].create_time);
}

/// Eight kilobytes are one read unit, eventually consistent, and a kilobyte is a write unit.
#[test]
fn summaries_of_a_busy_account_are_small() {
    let blocks: Vec<Block> = (0..64).map(typical_block).collect();
    let (block, span) = (blocks[7].encode().len(), Span::of(&blocks).unwrap().encode().len());
    assert!(block <= 8_000, "{block} bytes for 512 messages");
    assert!(span <= 64_000, "{span} bytes for 32,768 messages");
}
