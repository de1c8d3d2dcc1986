//! Which messages are in which block and span.

use std::ops::RangeInclusive;

/// The sizes of blocks and spans. Blocks and spans are numbered from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Messages in a block.
    pub(crate) block: u64,
    /// Blocks in a span, at most 64.
    pub(crate) span: u64,
}

/// The layout of every log. Another one would need other sort keys.
pub(crate) const LAYOUT: Layout = Layout { block: 512, span: 64 };

impl Layout {
    /// The block of a sequence number.
    pub(crate) fn block_of(self, seq: u64) -> u64 {
        (seq - 1) / self.block
    }

    /// The sequence numbers of a block.
    pub(crate) fn block(self, number: u64) -> RangeInclusive<u64> {
        number * self.block + 1..=(number + 1) * self.block
    }

    /// The span of a block.
    pub(crate) fn span_of(self, block: u64) -> u64 {
        block / self.span
    }

    /// The blocks of a span.
    pub(crate) fn blocks(self, span: u64) -> RangeInclusive<u64> {
        span * self.span..=(span + 1) * self.span - 1
    }

    /// The sequence numbers of a span.
    pub(crate) fn span(self, number: u64) -> RangeInclusive<u64> {
        let blocks = self.blocks(number);
        *self.block(*blocks.start()).start()..=*self.block(*blocks.end()).end()
    }

    /// Complete blocks of a log.
    pub(crate) fn complete_blocks(self, head: u64) -> u64 {
        head / self.block
    }
}
