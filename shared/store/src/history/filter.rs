//! Which messages a request selects, and what that means for a row and for a summary.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use domain::{
    message::{Kind, Message},
    puid::Puid,
};
use jiff::Timestamp;

use crate::{
    item::string,
    summary::{Block, PUIDS, PerPuid, Period, Span, puids_of},
};

/// Selects messages. A field that is `None` selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub kind: Option<Kind>,
    pub send_user: Option<Puid>,
    pub send_group: Option<Puid>,
    pub maps: Option<Puid>,
    pub receiver: Option<Puid>,
    pub receiver_group: Option<Puid>,
    pub chat: Option<Puid>,
    /// Inclusive.
    pub create_from: Option<Timestamp>,
    /// Exclusive.
    pub create_to: Option<Timestamp>,
    /// Inclusive.
    pub receive_from: Option<Timestamp>,
    /// Exclusive.
    pub receive_to: Option<Timestamp>,
}

/// What the summary of a span says about a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpanMatch {
    /// Messages that match; `None` if some of the span's times are outside of the filter's ranges.
    pub(super) count: Option<u64>,
    /// A bit for each block that may have such a message.
    pub(super) blocks: u64,
}

impl Filter {
    /// Whether it selects all messages.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn puids(&self) -> PerPuid<Option<&Puid>> {
        [
            self.chat.as_ref(),
            self.send_user.as_ref(),
            self.send_group.as_ref(),
            self.maps.as_ref(),
            self.receiver.as_ref(),
            self.receiver_group.as_ref(),
        ]
    }

    pub(super) fn matches(&self, message: &Message) -> bool {
        let mut puids = self.puids().into_iter().zip(puids_of(message));
        self.kind.is_none_or(|kind| kind == message.content.kind())
            && puids.all(|(wanted, puid)| wanted.is_none() || wanted == puid)
            && self.matches_times(message.create_time, message.receive_time)
    }

    fn matches_times(&self, created: Timestamp, received: Timestamp) -> bool {
        let [create, receive] = self.ranges();
        create.contains(created) && receive.contains(received)
    }

    fn ranges(&self) -> [Range; 2] {
        [Range { from: self.create_from, to: self.create_to }, Range { from: self.receive_from, to: self.receive_to }]
    }

    /// Adds the puids and the kind to DynamoDB's filter. Times are compared in [`Self::matches`], because their stored
    /// form does not sort.
    pub(super) fn narrow(&self, mut query: QueryFluentBuilder) -> QueryFluentBuilder {
        let mut conditions = Vec::new();
        for (name, puid) in PUIDS.into_iter().zip(self.puids()) {
            if let Some(puid) = puid {
                conditions.push(format!("{name} = :{name}"));
                query = query.expression_attribute_values(format!(":{name}"), string(puid.as_str()));
            }
        }
        if let Some(kind) = self.kind {
            conditions.push("content.#type = :type".to_owned());
            query = query
                .expression_attribute_names("#type", "type")
                .expression_attribute_values(":type", string(kind.as_str()));
        }
        if conditions.is_empty() { query } else { query.filter_expression(conditions.join(" AND ")) }
    }

    /// The positions of the matching messages in a block, from 0, in order.
    pub(super) fn find_in(&self, block: &Block) -> Vec<u64> {
        let Some(wanted) = block.dictionary.find(self.kind, self.puids()) else { return Vec::new() };
        let admitted: Vec<bool> = block.facets.iter().map(|facets| wanted.admits(facets)).collect();
        let entries = (0..).zip(&block.entries);
        let matching = entries
            .filter(|(_, entry)| admitted[entry.facets] && self.matches_times(entry.create_time, entry.receive_time));
        matching.map(|(position, _)| position).collect()
    }

    pub(super) fn matches_in(&self, span: &Span) -> SpanMatch {
        let none = SpanMatch { count: Some(0), blocks: 0 };
        let periods = self.ranges().into_iter().zip([span.created, span.received]);
        if periods.clone().any(|(range, period)| !range.overlaps(period)) {
            return none;
        }
        let Some(wanted) = span.dictionary.find(self.kind, self.puids()) else { return none };
        let shares = span.shares.iter().filter(|share| wanted.admits(&share.facets));
        let (count, blocks) =
            shares.fold((0, 0), |(count, blocks), share| (count + share.count, blocks | share.blocks));
        let covered = periods.into_iter().all(|(range, period)| range.covers(period));
        SpanMatch { count: (covered || blocks == 0).then_some(count), blocks }
    }
}

/// A range of times, `to` excluded.
#[derive(Debug, Clone, Copy)]
struct Range {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Range {
    fn contains(self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }

    fn covers(self, period: Period) -> bool {
        self.contains(period.first) && self.contains(period.last)
    }

    fn overlaps(self, period: Period) -> bool {
        self.from.is_none_or(|from| period.last >= from) && self.to.is_none_or(|to| period.first < to)
    }
}
