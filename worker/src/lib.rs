//! The worker: it holds the sessions of the shards that it leases, and is the only writer of their logs.
//!
//! | module | holds |
//! |---|---|
//! | `supervisor` | [`Worker`]: one task a shard, until the process is told to end |
//! | `shard` | taking, keeping, losing and giving back a shard's lease |
//! | `desk` | the sessions of a leased shard, and who is given which command |
//! | `commands` | a shard's command queue, polled |
//! | `session` | one task and one plain loop an app: login, contacts, messages in and out |
//! | `backoff`, `pace` | how long to wait after failures, and between sends |
//! | `config` | what can be set |
//! | `health` | whether it is alive, and whether it can work |
//! | `census`, `telemetry` | what is measured |
//! | [`port`] | where it tells both |
//!
//! # A shard
//! A worker that sees a lease given back takes it at once; one whose beat stands still for [`Config::takeover`] *on
//! its own clock* it takes over. It then (1) starts a task for every app that is online or logging in, (2) hands out
//! the jobs that are still open in the ledger, for a queue may have forgotten them, (3) receives commands and hands
//! them to their apps. Apps work side by side, the commands of one app in order. A command leaves the queue once its
//! job has ended.
//!
//! A beat that meets another owner, or that could not be written for two thirds of the takeover time, means that the
//! lease is lost: its sessions stop first. Told to end, the worker stops them too, and gives the lease back. Stopping
//! is asked for, not done to a session: a batch in hand is finished. Once the lease is given back, the worker waits for
//! its last request for commands, 20 s unless SQS is away, and gives back what that brings, as sessions do with commands
//! that waited. What a killed worker leaves behind, at any line, its successor makes good; so nothing here depends on a
//! clean end.
//!
//! # Order of steps in a session
//! ```text
//! wait ─▶ fetch ─▶ user names to puids ─▶ rows, in one step      ─▶ envelopes ─▶ wait
//!                                          the cursor rides on the last
//! ```
//! - An empty poll writes nothing. A batch that brings contact changes only is written to the book, and its cursor
//!   kept in memory: reading it again changes nothing.
//! - Killed between two rows: the batch is fetched again from the last cursor that stands on a row, and what is in
//!   the log already is known by WeChat's message id.
//! - Killed between rows and envelopes: at its start a session *reconciles*; whatever is in the log, is to be delivered
//!   and was not gets its envelope again, in order. One too many changes nothing, for the dispatcher reads the row.
//! - A row whose number is taken was written by somebody else, or by ourselves with the answer lost: it is read, and
//!   if it is not ours the lease is looked at. If that is gone the session stops.
//! - A message that is sent for a job becomes a row in one transaction with the job's end. What remains uncertain is a
//!   crash between WeChat's taking it and that transaction: the job then says so (`uncertain`), and is repeated with
//!   the same client message id.

mod backoff;
mod census;
mod commands;
mod config;
mod desk;
mod grants;
mod health;
mod pace;
pub mod port;
mod session;
mod shard;
mod supervisor;
mod telemetry;

pub use census::Census;
pub use config::Config;
pub use grants::GRANTS;
pub use health::{Health, Trouble};
pub use pace::Pace;
pub use supervisor::Worker;
pub use telemetry::Telemetry;
