//! The worker: it runs the sessions of the shards that it leases, and is the only writer of their logs.
//!
//! # A shard
//! A worker acquires a released lease at once. It takes over a lease whose heartbeat has stopped for
//! [`Config::takeover`], measured on its own clock. It then
//! 1. starts a session for every app that is online or logging in,
//! 2. routes the jobs that are open in the ledger, since a queue may have lost them,
//! 3. receives commands and routes them to their apps.
//!
//! Apps run side by side; the commands of one app run in order. A command is deleted from the queue once its job has
//! ended.
//!
//! The lease is lost when a heartbeat meets another owner, or when no heartbeat could be written for two thirds of the
//! takeover time: the sessions stop first. Shutdown stops them as well and releases the lease. A session stops only
//! between batches. After releasing the lease the worker waits for its last receive, up to 20 s, and returns its commands
//! to the queue, as sessions do with commands that wait. Nothing depends on a clean shutdown: after a crash at any line
//! the next worker continues from the ledger.
//!
//! # What survives a crash
//! - Nothing is written for an empty poll. A batch with contact changes only is written to the contact book, and its
//!   cursor is kept in memory: reading it again changes nothing.
//! - A crash between two rows: the batch is fetched again from the last checkpoint, and messages that the log holds are
//!   recognised by WeChat's message id.
//! - A crash between rows and envelopes: at its start a session reconciles. Every undelivered message gets its envelope
//!   again, in order. A superfluous envelope changes nothing, since the dispatcher reads the row.
//! - A crash during a download: the row says that its media are pending, with the reference to them. The session that
//!   starts downloads them, and until then holds the envelopes of the chat.
//! - A sequence number that is taken was written by another worker, or by this one when the answer was lost. The row is
//!   read; if it is foreign, the lease is checked, and the session stops if it is lost.
//! - A message that is sent for a job becomes a row in one transaction with the end of the job. A crash after WeChat has
//!   accepted it and before that transaction leaves the job uncertain; it is sent again with the same client id.

mod backoff;
mod config;
mod context;
mod grants;
mod monitor;
mod pace;
mod session;
mod shard;

pub use config::Config;
pub use context::Channels;
pub use grants::GRANTS;
pub use monitor::{Health, SessionCounts, Telemetry, Unhealthy, health_server};
pub use pace::Pace;
pub use shard::Worker;
