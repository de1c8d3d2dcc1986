//! The walk over a log in search of the messages of a filter: span by span, in a span block by block.

use std::{collections::HashMap, ops::RangeInclusive};

use domain::{id::Seq, message::Message};

use super::{
    Filter,
    budget::{BLOCKS_AT_ONCE, SPAN},
    reader::{Order, Reader},
};
use crate::{
    StoreError,
    summary::{Block, Layout, Span},
};

/// Summaries of spans in one request, at most.
const SPANS_AT_ONCE: u32 = 8;

/// A message that matches.
enum Found {
    /// As a summary names it.
    At(Seq),
    Read(Box<Message>),
}

impl Found {
    fn seq(&self) -> Seq {
        match self {
            Self::At(seq) => *seq,
            Self::Read(message) => message.seq,
        }
    }
}

pub(super) struct Walk<'a> {
    pub(super) reader: Reader<'a>,
    filter: &'a Filter,
    layout: Layout,
    order: Order,
    /// Messages of the log.
    head: u64,
    /// The part of the log that is left to search.
    left: RangeInclusive<u64>,
    /// Whether it goes on when the page is full, to count.
    counts: bool,
    /// Matching messages to pass over until the page begins.
    pub(super) skip: u64,
    page: usize,
    found: Vec<Found>,
    /// Matching messages in the part that was searched.
    pub(super) count: u64,
    /// Summaries of spans that were read; `None` for a span that has none.
    spans: HashMap<u64, Option<Span>>,
}

impl<'a> Walk<'a> {
    /// Searches `range`, which is in a log of `head` messages, for a page of at most `page` messages after the first
    /// `skip`. With [`Order::NewestFirst`] it also counts all that match.
    pub(super) fn new(
        reader: Reader<'a>,
        filter: &'a Filter,
        layout: Layout,
        order: Order,
        head: Seq,
        range: RangeInclusive<u64>,
        (skip, page): (u64, u32),
    ) -> Self {
        Self {
            reader,
            filter,
            layout,
            order,
            head: head.get(),
            left: range,
            counts: order == Order::NewestFirst,
            skip,
            page: page as usize,
            found: Vec::new(),
            count: 0,
            spans: HashMap::new(),
        }
    }

    /// Walks to the end, or until the page is full if it does not count, or until the budget is spent.
    pub(super) async fn run(&mut self) -> Result<(), StoreError> {
        while !self.is_done() && !self.reader.budget.is_spent() {
            self.search_span().await?;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.is_at_end() || (self.is_full() && !self.counts)
    }

    /// Whether the whole range was searched.
    pub(super) fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.page
    }

    /// The last number that was searched.
    pub(super) fn reached(&self) -> Seq {
        Seq::new(match self.order {
            Order::OldestFirst => self.left.start() - 1,
            Order::NewestFirst => self.left.end() + 1,
        })
    }

    /// The number at which the search goes on.
    fn next(&self) -> u64 {
        match self.order {
            Order::OldestFirst => *self.left.start(),
            Order::NewestFirst => *self.left.end(),
        }
    }

    /// Leaves only what comes after these numbers.
    fn pass(&mut self, range: &RangeInclusive<u64>) {
        let (from, to) = self.left.clone().into_inner();
        self.left = match self.order {
            Order::OldestFirst => from.max(to.min(*range.end()) + 1)..=to,
            Order::NewestFirst => from..=to.min(range.start() - 1),
        };
    }

    /// Leaves only what these numbers and those after them are.
    fn pass_up_to(&mut self, range: &RangeInclusive<u64>) {
        let (from, to) = self.left.clone().into_inner();
        self.left = match self.order {
            Order::OldestFirst => from.max(*range.start())..=to,
            Order::NewestFirst => from..=to.min(*range.end()),
        };
    }

    /// What is left of these numbers.
    fn left_of(&self, range: &RangeInclusive<u64>) -> RangeInclusive<u64> {
        *self.left.start().max(range.start())..=*self.left.end().min(range.end())
    }

    fn add(&mut self, found: Found) {
        self.count += 1;
        if self.skip > 0 {
            self.skip -= 1;
        } else if !self.is_full() {
            self.found.push(found);
        }
    }

    /// Searches what is left of the next span, or a part of it if the budget is spent or the page is full.
    async fn search_span(&mut self) -> Result<(), StoreError> {
        let number = self.layout.span_of(self.layout.block_of(self.next()));
        let range = self.layout.span(number);
        let hits = self.span(number).await?.map(|span| self.filter.matches_in(&span));
        let total = hits.and_then(|hits| hits.count).filter(|_| self.left_of(&range) == range);
        // In a span whose messages are all passed over or only counted, they need not be found.
        if let Some(total) = total.filter(|total| *total <= self.skip || self.is_full()) {
            (self.count, self.skip) = (self.count + total, self.skip.saturating_sub(total));
            self.pass(&range);
            return Ok(());
        }
        let before = self.count;
        for blocks in self.blocks(number, hits.map_or(u64::MAX, |hits| hits.blocks)).chunks(BLOCKS_AT_ONCE) {
            if self.reader.budget.is_spent() {
                return Ok(());
            }
            let complete = self.layout.complete_blocks(self.head);
            let summarised: Vec<u64> = blocks.iter().copied().filter(|block| *block < complete).collect();
            let summaries = self.reader.blocks(&summarised).await?;
            for block in blocks {
                self.search_block(*block, summaries.get(block)).await?;
                if self.reader.budget.is_spent() || self.is_done() {
                    return Ok(());
                }
                if let Some(total) = total.filter(|_| self.is_full()) {
                    self.count = before + total;
                    self.pass(&range);
                    return Ok(());
                }
            }
        }
        self.pass(&range);
        Ok(())
    }

    /// Searches what is left of a block. Blocks before it in the order of the walk have no matching messages.
    async fn search_block(&mut self, number: u64, summary: Option<&Block>) -> Result<(), StoreError> {
        let range = self.layout.block(number);
        self.pass_up_to(&range);
        let Some(summary) = summary else { return self.search_rows(&range).await };
        let mut seqs: Vec<u64> = self.filter.find_in(summary).iter().map(|position| range.start() + position).collect();
        if self.order == Order::NewestFirst {
            seqs.reverse();
        }
        for seq in seqs.into_iter().filter(|seq| self.left_of(&range).contains(seq)).collect::<Vec<_>>() {
            self.add(Found::At(Seq::new(seq)));
            if self.is_done() {
                self.pass(&(seq..=seq));
                return Ok(());
            }
        }
        self.pass(&range);
        Ok(())
    }

    /// Reads what is left of a block that has no summary, until the budget is spent.
    async fn search_rows(&mut self, range: &RangeInclusive<u64>) -> Result<(), StoreError> {
        while !self.left_of(range).is_empty() && !self.reader.budget.is_spent() {
            let rows = self.reader.rows(self.filter, self.left_of(range), self.order).await?;
            for message in rows.messages {
                let seq = message.seq.get();
                self.add(Found::Read(Box::new(message)));
                if self.is_done() {
                    self.pass(&(seq..=seq));
                    return Ok(());
                }
            }
            self.pass(&(rows.last..=rows.last));
        }
        Ok(())
    }

    /// The blocks of a span that are left, and whose bit is set, in the order of the walk.
    fn blocks(&self, span: u64, bits: u64) -> Vec<u64> {
        let left = self.layout.block_of(*self.left.start())..=self.layout.block_of(*self.left.end());
        let first = *self.layout.blocks(span).start();
        let may_match = |block: &u64| bits >> (block - first) & 1 == 1 && left.contains(block);
        let blocks = self.layout.blocks(span).filter(may_match);
        match self.order {
            Order::OldestFirst => blocks.collect(),
            Order::NewestFirst => blocks.rev().collect(),
        }
    }

    /// The summary of a span. Reads those of the following spans with it.
    async fn span(&mut self, number: u64) -> Result<Option<Span>, StoreError> {
        if *self.layout.span(number).end() > self.head {
            return Ok(None);
        }
        if let Some(span) = self.spans.remove(&number) {
            return Ok(span);
        }
        let span_of = |seq: u64| self.layout.span_of(self.layout.block_of(seq));
        let others = u64::from(self.reader.budget.fitting(SPAN, SPANS_AT_ONCE) - 1);
        let wanted = match self.order {
            Order::OldestFirst => number..=span_of(*self.left.end()).min(number + others),
            Order::NewestFirst => span_of(*self.left.start()).max(number.saturating_sub(others))..=number,
        };
        let (mut spans, known) = self.reader.spans(wanted, self.order).await?;
        for known in number.min(known)..=number.max(known) {
            self.spans.insert(known, spans.remove(&known));
        }
        Ok(self.spans.remove(&number).flatten())
    }

    /// The place after the last message of the page.
    pub(super) fn after_page(&self) -> Option<Seq> {
        self.found.last().map(Found::seq)
    }

    /// The number of messages of the page.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Reads the messages of the page. Returns them with the read units of everything.
    pub(super) async fn finish(mut self) -> Result<(Vec<Message>, f64), StoreError> {
        let named = self.found.iter().filter_map(|found| match found {
            Found::At(seq) => Some(*seq),
            Found::Read(_) => None,
        });
        let mut named = self.reader.messages(&named.collect::<Vec<_>>()).await?;
        let rows = self.found.into_iter().filter_map(|found| match found {
            Found::At(seq) => named.remove(&seq),
            Found::Read(message) => Some(*message),
        });
        Ok((rows.collect(), self.reader.budget.units))
    }
}
