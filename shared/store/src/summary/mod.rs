//! Summaries of the log: rows that say what filters compare of many messages, so that the history reads few rows.
//!
//! A **block** is [`BLOCK`] messages with successive numbers, a **span** is 64 successive blocks. The summary of a block
//! has an entry for each message, so a filter finds its messages in it. The summary of a span counts the messages by
//! their facets, and says in which blocks they are.
//!
//! What a summary holds never changes once a message is in the log. So the summary of a complete block is final, may be
//! written by anybody, and may be read at any age. One that is missing is no error: the history reads the messages
//! instead.

mod block;
mod codec;
mod facets;
mod layout;
mod span;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use block::Block;
pub(crate) use facets::{PUIDS, PerPuid, puids_of};
pub(crate) use layout::{LAYOUT, Layout};
pub(crate) use span::{Period, Span};

/// Messages in a block.
pub const BLOCK: u64 = LAYOUT.block;

/// The attribute of a summary row that holds its bytes.
pub(crate) const BYTES: &str = "bytes";

/// The version of the bytes. A reader ignores a summary of another version.
const VERSION: u8 = 1;
