//! Writing summaries. Blocks are summarised in order, so the newest summary tells how far a log is summarised.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::id::{AppId, Seq};

use super::{
    BYTES, LAYOUT, Layout,
    block::{Block, Row},
    span::Span,
};
use crate::{
    Store, StoreError,
    item::{Item, bytes_of, from_item, string, string_of},
    keys,
};

/// The longest summary, in bytes: DynamoDB's limit of 400 KB for a row, with room for the key.
const LONGEST: usize = 390_000;

impl Store {
    /// The number of the first block after all that have a summary. Blocks are numbered from 0.
    pub async fn first_block_without_summary(&self, app: &AppId) -> Result<u64, StoreError> {
        let query = self.query_prefix(&keys::app(app), keys::BLOCK).scan_index_forward(false).consistent_read(false);
        let newest = self.first(query.projection_expression(keys::SK), 1).await?;
        let number = newest.first().and_then(|item| keys::block_number(string_of(item, keys::SK)?));
        Ok(number.map_or(0, |number| number + 1))
    }

    /// Writes the summary of a block all of whose messages are in the log; before it that of a span, if the block is the
    /// last of one. It reads the block's messages, about 64 read units. [`StoreError::Corrupt`] if a message is
    /// unreadable; such a block gets no summary. Repeating it, also by several writers at once, is harmless.
    pub async fn summarise(&self, app: &AppId, block: u64) -> Result<(), StoreError> {
        self.summarise_in(LAYOUT, app, block).await
    }

    pub(crate) async fn summarise_in(&self, layout: Layout, app: &AppId, number: u64) -> Result<(), StoreError> {
        let block = Block::of(&self.facets_of(app, layout.block(number)).await?);
        let blocks = layout.blocks(layout.span_of(number));
        if number == *blocks.end() {
            // The block's own summary is written last: while it is missing, both are written again.
            self.put_span(app, *blocks.start()..=number - 1, &block, layout.span_of(number)).await?;
        }
        self.put_summary(app, &keys::block(number), block.encode()).await
    }

    /// What filters compare of some messages.
    async fn facets_of(&self, app: &AppId, range: RangeInclusive<u64>) -> Result<Vec<Row>, StoreError> {
        let count = range.end() - range.start() + 1;
        let query = self
            .query_log(app, Seq::new(*range.start())..=Seq::new(*range.end()))
            .limit(i32::try_from(count).unwrap_or(i32::MAX))
            .projection_expression(
                "pk, sk, content.#type, chat, send_user, send_group, maps, receiver, receiver_group, create_time, receive_time",
            )
            .expression_attribute_names("#type", "type");
        // The eventually consistent read costs half, and the numbers have no gaps, so that a missing row is noticed.
        let mut items = self.collect(query.clone().consistent_read(false)).await?;
        if items.len() as u64 != count {
            items = self.collect(query).await?;
        }
        if items.len() as u64 != count {
            return Err(StoreError::corrupt(keys::log(Seq::new(*range.start())), "messages after it are missing"));
        }
        items.into_iter().map(from_item).collect()
    }

    /// Writes the summary of a span from those of its blocks, of which `last` is not yet written. A span with a block
    /// that has no summary gets none.
    async fn put_span(
        &self,
        app: &AppId,
        others: RangeInclusive<u64>,
        last: &Block,
        number: u64,
    ) -> Result<(), StoreError> {
        let mut blocks = Vec::new();
        if !others.is_empty() {
            let items = self.collect(self.query_keys(app, &keys::block(*others.start()), &keys::block(*others.end())));
            blocks.extend(items.await?.iter().filter_map(|item| Block::decode(bytes_of(item, BYTES)?)));
        }
        if blocks.len() as u64 != others.count() as u64 {
            return Ok(());
        }
        blocks.push(last.clone());
        match Span::of(&blocks) {
            Some(span) => self.put_summary(app, &keys::span(number), span.encode()).await,
            None => Ok(()),
        }
    }

    async fn put_summary(&self, app: &AppId, sk: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        if bytes.len() > LONGEST {
            return Ok(());
        }
        let mut item: Item = keys::key(&keys::app(app), sk);
        item.insert(BYTES.into(), AttributeValue::B(Blob::new(bytes)));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(drop).map_err(StoreError::from_sdk)
    }

    /// A query for the rows of an app between two sort keys, both included.
    pub(crate) fn query_keys(
        &self,
        app: &AppId,
        from: &str,
        to: &str,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", string(keys::app(app)))
            .expression_attribute_values(":from", string(from))
            .expression_attribute_values(":to", string(to))
            .consistent_read(true)
    }
}
