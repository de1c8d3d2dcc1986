//! The summary of a span: how many messages have which facets, and in which of its blocks.

use jiff::Timestamp;

use super::{
    VERSION,
    block::Block,
    codec::{Decoder, Encoder},
    facets::{Collector, Dictionary, Facets},
};

/// The messages of a span that have the same facets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) facets: Facets,
    /// Messages.
    pub(crate) count: u64,
    /// A bit for each block of the span that has such a message; the lowest for the first block.
    pub(crate) blocks: u64,
}

/// The first and the last of some times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

/// The summary of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) dictionary: Dictionary,
    /// Each facets of the span once.
    pub(crate) shares: Vec<Share>,
    pub(crate) created: Period,
    pub(crate) received: Period,
}

impl Period {
    fn of(times: impl Iterator<Item = Timestamp> + Clone) -> Option<Self> {
        Some(Self { first: times.clone().min()?, last: times.max()? })
    }

    fn encode(self, encoder: &mut Encoder) {
        encoder.signed(self.first.as_nanosecond());
        encoder.signed(self.last.as_nanosecond());
    }

    fn decode(decoder: &mut Decoder<'_>) -> Option<Self> {
        let mut time = || Timestamp::from_nanosecond(decoder.signed()?).ok();
        Some(Self { first: time()?, last: time()? })
    }
}

impl Span {
    /// The summary of the span that consists of these blocks, at most 64. `None` without messages.
    pub(super) fn of(blocks: &[Block]) -> Option<Self> {
        let mut collector = Collector::default();
        let mut counts: Vec<(u64, u64)> = Vec::new();
        for (position, block) in blocks.iter().enumerate() {
            let number = |facets| collector.add_from(&block.dictionary, facets);
            let numbers: Vec<usize> = block.facets.iter().map(number).collect();
            for entry in &block.entries {
                let number = numbers[entry.facets];
                if counts.len() <= number {
                    counts.resize(number + 1, (0, 0));
                }
                counts[number].0 += 1;
                counts[number].1 |= 1 << position;
            }
        }
        let entries = blocks.iter().flat_map(|block| &block.entries);
        let created = Period::of(entries.clone().map(|entry| entry.create_time))?;
        let received = Period::of(entries.map(|entry| entry.receive_time))?;
        let (dictionary, facets) = collector.finish();
        let share = |(facets, (count, blocks))| Share { facets, count, blocks };
        Some(Self { dictionary, shares: facets.into_iter().zip(counts).map(share).collect(), created, received })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.number(VERSION);
        self.dictionary.encode(&mut encoder);
        self.created.encode(&mut encoder);
        self.received.encode(&mut encoder);
        encoder.length(self.shares.len());
        for share in &self.shares {
            share.facets.encode(&mut encoder);
            encoder.number(share.count);
            encode_bits(&mut encoder, share.blocks);
        }
        encoder.finish()
    }

    /// `None` for the bytes of another version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let decoder = &mut Decoder(bytes);
        decoder.number().filter(|version: &u8| *version == VERSION)?;
        let dictionary = Dictionary::decode(decoder)?;
        let (created, received) = (Period::decode(decoder)?, Period::decode(decoder)?);
        let count = decoder.length()?;
        let share = |_| {
            let facets = Facets::decode(decoder, &dictionary)?;
            Some(Share { facets, count: decoder.number()?, blocks: decode_bits(decoder)? })
        };
        let shares = (0..count).map(share).collect::<Option<_>>()?;
        Some(Self { dictionary, shares, created, received })
    }
}

/// Bits that are listed one by one; more are written as a number.
const LISTED_BITS: u32 = 8;

/// Most facets occur in a few blocks, or in all of them.
fn encode_bits(encoder: &mut Encoder, bits: u64) {
    let count = bits.count_ones();
    encoder.number(count);
    if count < LISTED_BITS {
        (0..u64::BITS).filter(|bit| bits >> bit & 1 == 1).for_each(|bit| encoder.number(bit));
    } else if count < u64::BITS {
        encoder.number(bits);
    }
}

fn decode_bits(decoder: &mut Decoder<'_>) -> Option<u64> {
    match decoder.number()? {
        count @ 0..LISTED_BITS => (0..count).try_fold(0, |bits, _| Some(bits | 1_u64.checked_shl(decoder.number()?)?)),
        u64::BITS => Some(u64::MAX),
        _ => decoder.number(),
    }
}
