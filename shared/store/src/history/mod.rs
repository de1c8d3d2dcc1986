//! Reading the log for clients: by filter, by page, or from a sequence number on.
//!
//! A page without a filter follows from the head by arithmetic. For a filter, summaries say where its messages are; only
//! parts of the log without a summary are read and compared: usually the newest, incomplete block. A request reads at
//! most 500 units; if that is not enough, it returns what it found, and where to go on.

mod budget;
mod cursor;
mod filter;
mod reader;
#[cfg(test)]
mod tests;
mod walk;

use domain::{
    id::{AppId, Seq},
    message::Message,
};

use self::{
    budget::{Budget, LIMIT, Limit},
    reader::{Order, Reader},
    walk::Walk,
};
pub use self::{
    cursor::{HistoryCursor, InvalidCursor},
    filter::Filter,
};
use crate::{
    Store, StoreError,
    summary::{LAYOUT, Layout},
};

/// A part of the history, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPage {
    pub rows: Vec<Message>,
    /// All matching messages; if it is not `complete`, at least so many.
    pub count: u64,
    /// Whether the page has all its messages and all were counted.
    pub complete: bool,
    /// Where older messages follow; `None` if there are none.
    pub next: Option<HistoryCursor>,
    /// Read units that it took.
    pub read_units: f64,
}

/// Messages after a sequence number, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessages {
    pub rows: Vec<Message>,
    /// Every message up to this one was compared.
    pub last: Seq,
    /// Whether no more than the log or the page had an end.
    pub complete: bool,
    /// Read units that it took.
    pub read_units: f64,
}

impl Store {
    /// At most `size` messages, up to 100, from a place in the history on. A page past the end is empty.
    pub async fn history(
        &self,
        app: &AppId,
        filter: &Filter,
        from: HistoryCursor,
        size: u32,
    ) -> Result<HistoryPage, StoreError> {
        let search = Search { store: self, app, filter, layout: LAYOUT, limit: LIMIT };
        if filter.is_empty() { search.unfiltered(from, size).await } else { search.older(from, size).await }
    }

    /// At most `size` messages after `seq`, up to 100, oldest first. While there are none, it takes one read unit.
    pub async fn messages_after(
        &self,
        app: &AppId,
        filter: &Filter,
        seq: Seq,
        size: u32,
    ) -> Result<NewMessages, StoreError> {
        Search { store: self, app, filter, layout: LAYOUT, limit: LIMIT }.newer(seq, size).await
    }
}

/// A request for the history.
struct Search<'a> {
    store: &'a Store,
    app: &'a AppId,
    filter: &'a Filter,
    layout: Layout,
    limit: Limit,
}

impl<'a> Search<'a> {
    fn reader(&self) -> Reader<'a> {
        Reader { store: self.store, app: self.app, budget: Budget::new(self.limit) }
    }

    async fn unfiltered(&self, from: HistoryCursor, size: u32) -> Result<HistoryPage, StoreError> {
        let mut reader = self.reader();
        let left = reader.head_after(Seq::START).await?.min(from.before.previous()).get();
        let newest = left.saturating_sub(from.skip);
        let oldest = newest.saturating_sub(u64::from(size)) + 1;
        let (mut rows, mut rest) = (Vec::new(), oldest..=newest);
        while !rest.is_empty() {
            let read = reader.current_rows(rest).await?;
            rows.extend(read.messages);
            rest = oldest..=read.last - 1;
        }
        let next =
            HistoryCursor { before: Seq::new(oldest), count: from.count.saturating_add(left - (oldest - 1)), skip: 0 };
        Ok(HistoryPage {
            rows,
            count: from.count.saturating_add(left),
            complete: true,
            next: (newest > 0 && oldest > 1).then_some(next),
            read_units: reader.budget.units,
        })
    }

    async fn older(&self, from: HistoryCursor, size: u32) -> Result<HistoryPage, StoreError> {
        let mut reader = self.reader();
        let head = reader.head_after(Seq::START).await?;
        let range = Seq::FIRST.get()..=head.min(from.before.previous()).get();
        let mut walk = Walk::new(reader, self.filter, self.layout, Order::NewestFirst, head, range, (from.skip, size));
        walk.run().await?;
        let (count, complete) = (from.count.saturating_add(walk.count), walk.is_at_end());
        let passed = from.skip - walk.skip + walk.len() as u64;
        let next = match walk.after_page() {
            Some(before) if walk.len() == size as usize => {
                let more = !complete || walk.count > passed;
                more.then_some(HistoryCursor { before, count: from.count.saturating_add(passed), skip: 0 })
            }
            _ => (!complete).then_some(HistoryCursor { before: walk.reached(), count, skip: walk.skip }),
        };
        let (rows, read_units) = walk.finish().await?;
        Ok(HistoryPage { rows, count, complete, next, read_units })
    }

    async fn newer(&self, after: Seq, size: u32) -> Result<NewMessages, StoreError> {
        let mut reader = self.reader();
        if self.filter.is_empty() {
            let rows = reader.rows_after(after, size).await?;
            let last = rows.last().map_or(after, |message| message.seq);
            return Ok(NewMessages { rows, last, complete: true, read_units: reader.budget.units });
        }
        let head = reader.head_after(after).await?;
        if head == after {
            return Ok(NewMessages { rows: Vec::new(), last: after, complete: true, read_units: reader.budget.units });
        }
        let range = after.next().get()..=head.get();
        let mut walk = Walk::new(reader, self.filter, self.layout, Order::OldestFirst, head, range, (0, size));
        walk.run().await?;
        let (last, complete) = (walk.reached(), walk.is_at_end() || walk.len() == size as usize);
        let (rows, read_units) = walk.finish().await?;
        Ok(NewMessages { rows, last, complete, read_units })
    }
}
