//! The requests of the history. Each is counted in the budget. They are eventually consistent, which costs half: the log
//! has no gaps, so a row that is not there yet is noticed, and then read consistently.

use std::{collections::HashMap, ops::RangeInclusive};

use aws_sdk_dynamodb::{
    operation::query::QueryOutput,
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};
use domain::{
    id::{AppId, Seq},
    message::Message,
};

use super::{
    Filter,
    budget::{Budget, ROW},
};
use crate::{
    Store, StoreError,
    item::{bytes_of, string_of},
    keys,
    log::message_of,
    summary::{BYTES, Block, Span},
};

/// Messages in one request, at most.
const ROWS_AT_ONCE: u32 = 512;

/// In which direction the log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    OldestFirst,
    NewestFirst,
}

pub(super) struct Reader<'a> {
    pub(super) store: &'a Store,
    pub(super) app: &'a AppId,
    pub(super) budget: Budget,
}

/// A part of the log as it was read.
pub(super) struct ReadRows {
    /// The messages that match, in the order of reading.
    pub(super) messages: Vec<Message>,
    /// The last number that was read, whether it matches or not.
    pub(super) last: u64,
}

impl Reader<'_> {
    /// The newest sequence number; `after` if nothing is newer.
    pub(super) async fn head_after(&mut self, after: Seq) -> Result<Seq, StoreError> {
        let query = self.store.query_log(self.app, after.next()..=Seq::MAX).scan_index_forward(false).limit(1);
        let query = query.projection_expression(keys::SK).return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = self.spend(query.send().await.map_err(StoreError::from_sdk)?);
        let newest = answer.items().first().and_then(|item| keys::log_number(string_of(item, keys::SK)?));
        Ok(newest.unwrap_or(after).max(after))
    }

    /// Reads a part of the log, at least one message and at most 1 MB of them. All messages of the range are in the log.
    pub(super) async fn rows(
        &mut self,
        filter: &Filter,
        range: RangeInclusive<u64>,
        order: Order,
    ) -> Result<ReadRows, StoreError> {
        let (from, to) = range.into_inner();
        let others = u64::from(self.budget.fitting(ROW, ROWS_AT_ONCE) - 1);
        let range = match order {
            Order::OldestFirst => from..=to.min(from + others),
            Order::NewestFirst => from.max(to.saturating_sub(others))..=to,
        };
        match self.read_rows(filter, range.clone(), order, false).await? {
            (rows, true) => Ok(rows),
            (_, false) => Ok(self.read_rows(filter, range, order, true).await?.0),
        }
    }

    /// The messages of a range as they are now, from the newest on: at least one, at most 1 MB of them.
    pub(super) async fn current_rows(&mut self, range: RangeInclusive<u64>) -> Result<ReadRows, StoreError> {
        Ok(self.read_rows(&Filter::default(), range, Order::NewestFirst, true).await?.0)
    }

    /// At most `size` messages after `seq`, oldest first, as far as 1 MB reaches. A `size` of 0 reads nothing.
    pub(super) async fn rows_after(&mut self, seq: Seq, size: u32) -> Result<Vec<Message>, StoreError> {
        if size == 0 {
            return Ok(Vec::new());
        }
        let query = self.store.query_log(self.app, seq.next()..=Seq::MAX);
        let query = query.limit(i32::try_from(size).unwrap_or(i32::MAX));
        let query = query.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = self.spend(query.send().await.map_err(StoreError::from_sdk)?);
        answer.items.unwrap_or_default().into_iter().map(message_of).collect()
    }

    /// The second value says whether no message was missing.
    async fn read_rows(
        &mut self,
        filter: &Filter,
        range: RangeInclusive<u64>,
        order: Order,
        consistent: bool,
    ) -> Result<(ReadRows, bool), StoreError> {
        let (from, to) = range.into_inner();
        let query = filter
            .narrow(self.store.query_log(self.app, Seq::new(from)..=Seq::new(to)))
            .consistent_read(consistent)
            .limit(i32::try_from(to - from + 1).unwrap_or(i32::MAX))
            .scan_index_forward(order == Order::OldestFirst)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = self.spend(query.send().await.map_err(StoreError::from_sdk)?);
        let reached = answer.last_evaluated_key().and_then(|key| keys::log_number(string_of(key, keys::SK)?));
        let last = reached.map_or(if order == Order::OldestFirst { to } else { from }, Seq::get);
        let expected = if order == Order::OldestFirst { last + 1 - from } else { to + 1 - last };
        let scanned = u64::try_from(answer.scanned_count()).unwrap_or_default();
        self.budget.spend_rows(scanned);
        let messages = answer.items.unwrap_or_default().into_iter().map(message_of);
        let mut messages = messages.collect::<Result<Vec<_>, _>>()?;
        messages.retain(|message| filter.matches(message));
        Ok((ReadRows { messages, last }, scanned == expected))
    }

    /// The summaries of some blocks, at most 100. Those that are missing, or of another version, are left out.
    pub(super) async fn blocks(&mut self, numbers: &[u64]) -> Result<HashMap<u64, Block>, StoreError> {
        if numbers.is_empty() {
            return Ok(HashMap::new());
        }
        let sks: Vec<String> = numbers.iter().map(|number| keys::block(*number)).collect();
        let items = self.get(&sks, false).await?;
        let block = |number: &u64, sk| Some((*number, Block::decode(bytes_of(items.get(sk)?, BYTES)?)?));
        Ok(numbers.iter().zip(&sks).filter_map(|(number, sk)| block(number, sk)).collect())
    }

    /// The summaries of spans, as many as one request returns, from the end at which `order` begins. The second value is
    /// the last number that is known by this: a span before it without a summary has none.
    pub(super) async fn spans(
        &mut self,
        range: RangeInclusive<u64>,
        order: Order,
    ) -> Result<(HashMap<u64, Span>, u64), StoreError> {
        let (from, to) = range.into_inner();
        let query = self
            .store
            .query_keys(self.app, &keys::span(from), &keys::span(to))
            .consistent_read(false)
            .limit(i32::try_from(to - from + 1).unwrap_or(i32::MAX))
            .scan_index_forward(order == Order::OldestFirst)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = self.spend(query.send().await.map_err(StoreError::from_sdk)?);
        let reached = answer.last_evaluated_key().and_then(|key| keys::span_number(string_of(key, keys::SK)?));
        let known = reached.unwrap_or(if order == Order::OldestFirst { to } else { from });
        let span = |item| Some((keys::span_number(string_of(item, keys::SK)?)?, Span::decode(bytes_of(item, BYTES)?)?));
        Ok((answer.items().iter().filter_map(span).collect(), known))
    }

    /// The messages with these numbers, at most 100.
    pub(super) async fn messages(&mut self, seqs: &[Seq]) -> Result<HashMap<Seq, Message>, StoreError> {
        let mut messages = HashMap::new();
        for consistent in [false, true] {
            let missing = seqs.iter().filter(|seq| !messages.contains_key(*seq));
            let sks: Vec<String> = missing.map(|seq| keys::log(*seq)).collect();
            if sks.is_empty() {
                break;
            }
            for item in self.get(&sks, consistent).await?.into_values() {
                let message = message_of(item)?;
                messages.insert(message.seq, message);
            }
        }
        Ok(messages)
    }

    async fn get(
        &mut self,
        sks: &[String],
        consistent: bool,
    ) -> Result<HashMap<String, crate::item::Item>, StoreError> {
        let sks: Vec<&str> = sks.iter().map(String::as_str).collect();
        let (items, units) = self.store.get_counted(&keys::app(self.app), &sks, consistent).await?;
        self.budget.spend(Some(units));
        Ok(items)
    }

    fn spend(&mut self, answer: QueryOutput) -> QueryOutput {
        self.budget.spend(answer.consumed_capacity().and_then(ConsumedCapacity::capacity_units));
        answer
    }
}
