//! The summary of a block: what filters compare, for each message of it.

use domain::{message::Kind, puid::Puid};
use jiff::Timestamp;
use serde::Deserialize;

use super::{
    VERSION,
    codec::{Decoder, Encoder},
    facets::{Collector, Dictionary, Facets, PerPuid},
};

/// What a summary takes from a row of the log.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    content: RowContent,
    chat: Puid,
    send_user: Option<Puid>,
    send_group: Option<Puid>,
    maps: Option<Puid>,
    receiver: Option<Puid>,
    receiver_group: Option<Puid>,
    create_time: Timestamp,
    receive_time: Timestamp,
}

#[derive(Debug, Deserialize)]
struct RowContent {
    r#type: Kind,
}

impl Row {
    fn puids(&self) -> PerPuid<Option<&Puid>> {
        let Self { send_user, send_group, maps, receiver, receiver_group, .. } = self;
        let [send_user, send_group, maps, receiver, receiver_group] =
            [send_user, send_group, maps, receiver, receiver_group].map(Option::as_ref);
        [Some(&self.chat), send_user, send_group, maps, receiver, receiver_group]
    }
}

/// A message in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The number of its facets in [`Block::facets`].
    pub(crate) facets: usize,
    pub(crate) create_time: Timestamp,
    pub(crate) receive_time: Timestamp,
}

/// The summary of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) dictionary: Dictionary,
    /// Each facets of the block once.
    pub(crate) facets: Vec<Facets>,
    /// The messages in the order of their numbers.
    pub(crate) entries: Vec<Entry>,
}

impl Block {
    pub(super) fn of(rows: &[Row]) -> Self {
        let mut collector = Collector::default();
        let entry = |row: &Row| Entry {
            facets: collector.add(row.content.r#type, row.puids()),
            create_time: row.create_time,
            receive_time: row.receive_time,
        };
        let entries = rows.iter().map(entry).collect();
        let (dictionary, facets) = collector.finish();
        Self { dictionary, facets, entries }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.number(VERSION);
        self.dictionary.encode(&mut encoder);
        encoder.length(self.facets.len());
        self.facets.iter().for_each(|facets| facets.encode(&mut encoder));
        encoder.length(self.entries.len());
        let mut previous = Timestamp::UNIX_EPOCH;
        for entry in &self.entries {
            encoder.length(entry.facets);
            encoder.signed(entry.receive_time.as_nanosecond() - previous.as_nanosecond());
            encode_near(&mut encoder, entry.create_time, entry.receive_time);
            previous = entry.receive_time;
        }
        encoder.finish()
    }

    /// `None` for the bytes of another version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let decoder = &mut Decoder(bytes);
        decoder.number().filter(|version: &u8| *version == VERSION)?;
        let dictionary = Dictionary::decode(decoder)?;
        let facets: Vec<Facets> =
            (0..decoder.length()?).map(|_| Facets::decode(decoder, &dictionary)).collect::<Option<_>>()?;
        let (count, mut previous) = (decoder.length()?, 0);
        let entry = |_| {
            let facets = decoder.number().filter(|number| *number < facets.len())?;
            previous += decoder.signed::<i128>()?;
            let receive_time = Timestamp::from_nanosecond(previous).ok()?;
            Some(Entry { facets, create_time: decode_near(decoder, receive_time)?, receive_time })
        };
        let entries = (0..count).map(entry).collect::<Option<_>>()?;
        Some(Self { dictionary, facets, entries })
    }
}

/// Writes a time that is mostly in whole seconds and not far from another one: usually one byte.
fn encode_near(encoder: &mut Encoder, time: Timestamp, other: Timestamp) {
    let (seconds, nanoseconds) = (i128::from(time.as_second()), time.subsec_nanosecond());
    let seconds = seconds - i128::from(other.as_second());
    encoder.signed(seconds << 1 | i128::from(nanoseconds != 0));
    if nanoseconds != 0 {
        encoder.signed(nanoseconds);
    }
}

fn decode_near(decoder: &mut Decoder<'_>, other: Timestamp) -> Option<Timestamp> {
    let code: i64 = decoder.signed()?;
    let nanoseconds = if code & 1 == 1 { decoder.signed()? } else { 0 };
    Timestamp::new(other.as_second().checked_add(code >> 1)?, nanoseconds).ok()
}
