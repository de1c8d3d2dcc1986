//! The facets of a message: its kind and its puids, which filters compare.

use std::collections::HashMap;

use domain::{
    message::{Kind, Message},
    puid::Puid,
};

use super::codec::{Decoder, Encoder};

/// The attributes of a row that hold puids which filters compare. The chat comes first.
pub(crate) const PUIDS: [&str; 6] = ["chat", "send_user", "send_group", "maps", "receiver", "receiver_group"];

/// A value for each of [`PUIDS`].
pub(crate) type PerPuid<T> = [T; PUIDS.len()];

/// The puids of a message.
pub(crate) fn puids_of(message: &Message) -> PerPuid<Option<&Puid>> {
    [
        Some(&message.chat),
        message.send_user.as_ref(),
        message.send_group.as_ref(),
        message.maps.as_ref(),
        message.receiver.as_ref(),
        message.receiver_group.as_ref(),
    ]
}

/// Facets of a message as positions in a [`Dictionary`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Facets {
    kind: usize,
    puids: PerPuid<Option<usize>>,
}

/// The kinds and the puids that occur in a summary, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dictionary {
    kinds: Vec<Kind>,
    puids: Vec<Puid>,
}

/// What a filter wants of facets of one dictionary. `None` admits every value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    kind: Option<usize>,
    puids: PerPuid<Option<usize>>,
}

impl Wanted {
    pub(crate) fn admits(&self, facets: &Facets) -> bool {
        let puids = self.puids.iter().zip(&facets.puids);
        self.kind.is_none_or(|kind| kind == facets.kind)
            && puids.into_iter().all(|(wanted, puid)| wanted.is_none() || wanted == puid)
    }
}

impl Dictionary {
    /// The positions of a filter's values; `None` if one of them does not occur.
    pub(crate) fn find(&self, kind: Option<Kind>, puids: PerPuid<Option<&Puid>>) -> Option<Wanted> {
        let kind = match kind {
            Some(kind) => Some(self.kinds.iter().position(|known| *known == kind)?),
            None => None,
        };
        let mut wanted = Wanted { kind, puids: [None; PUIDS.len()] };
        for (position, puid) in wanted.puids.iter_mut().zip(puids) {
            if let Some(puid) = puid {
                *position = Some(self.puids.iter().position(|known| known == puid)?);
            }
        }
        Some(wanted)
    }

    pub(super) fn encode(&self, encoder: &mut Encoder) {
        encoder.length(self.kinds.len());
        self.kinds.iter().for_each(|kind| encoder.text(kind.as_str()));
        encoder.length(self.puids.len());
        self.puids.iter().for_each(|puid| encoder.text(puid.as_str()));
    }

    /// `None` also for a kind that this version does not know.
    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Option<Self> {
        let kinds = (0..decoder.length()?).map(|_| decoder.text().and_then(|name| kind_named(&name)));
        let kinds = kinds.collect::<Option<_>>()?;
        let puids = (0..decoder.length()?).map(|_| decoder.text().map(Puid::new)).collect::<Option<_>>()?;
        Some(Self { kinds, puids })
    }
}

fn kind_named(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
}

/// Codes of a puid that is not the chat's: two bits each.
const ABSENT: u16 = 0;
const CHAT: u16 = 1;
const LISTED: u16 = 2;

impl Facets {
    pub(super) fn encode(&self, encoder: &mut Encoder) {
        let [chat, others @ ..] = self.puids;
        let code = |puid: &Option<usize>| match puid {
            None => ABSENT,
            same if *same == chat => CHAT,
            Some(_) => LISTED,
        };
        encoder.length(self.kind);
        encoder.number(others.iter().rev().fold(0, |codes, puid| codes << 2 | code(puid)));
        let listed = others.iter().filter(|puid| code(puid) == LISTED);
        for position in [&chat].into_iter().chain(listed).flatten() {
            encoder.length(*position);
        }
    }

    /// Facets of messages, all of which have a chat.
    pub(super) fn decode(decoder: &mut Decoder<'_>, dictionary: &Dictionary) -> Option<Self> {
        let kind = decoder.number().filter(|kind| *kind < dictionary.kinds.len())?;
        let mut codes: u16 = decoder.number()?;
        let mut position = || decoder.number().filter(|position| *position < dictionary.puids.len());
        let chat = position()?;
        let mut puids = [Some(chat); PUIDS.len()];
        for puid in &mut puids[1..] {
            *puid = match codes & 3 {
                ABSENT => None,
                CHAT => Some(chat),
                _ => Some(position()?),
            };
            codes >>= 2;
        }
        Some(Self { kind, puids })
    }
}

/// Assigns positions to values, and numbers to facets, in the order in which they are first added.
#[derive(Debug, Default)]
pub(super) struct Collector {
    dictionary: Dictionary,
    positions: HashMap<Puid, usize>,
    numbers: HashMap<Facets, usize>,
    facets: Vec<Facets>,
}

impl Collector {
    /// The number of facets with these values.
    pub(super) fn add(&mut self, kind: Kind, puids: PerPuid<Option<&Puid>>) -> usize {
        let kinds = &mut self.dictionary.kinds;
        let kind = kinds.iter().position(|known| *known == kind).unwrap_or_else(|| {
            kinds.push(kind);
            kinds.len() - 1
        });
        let facets = Facets { kind, puids: puids.map(|puid| puid.map(|puid| self.position(puid))) };
        *self.numbers.entry(facets).or_insert_with(|| {
            self.facets.push(facets);
            self.facets.len() - 1
        })
    }

    /// The number of facets that another dictionary describes.
    pub(super) fn add_from(&mut self, dictionary: &Dictionary, facets: &Facets) -> usize {
        let puids = facets.puids.map(|puid| puid.map(|position| &dictionary.puids[position]));
        self.add(dictionary.kinds[facets.kind], puids)
    }

    fn position(&mut self, puid: &Puid) -> usize {
        if let Some(position) = self.positions.get(puid) {
            return *position;
        }
        let position = self.dictionary.puids.len();
        self.dictionary.puids.push(puid.clone());
        self.positions.insert(puid.clone(), position);
        position
    }

    /// The facets by number.
    pub(super) fn finish(self) -> (Dictionary, Vec<Facets>) {
        (self.dictionary, self.facets)
    }
}
