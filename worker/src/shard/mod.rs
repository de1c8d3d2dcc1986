//! A shard: its lease, its command queue, and the sessions of its apps.

mod commands;
mod lease;
mod router;
mod supervisor;

pub(crate) use commands::return_command;
pub use supervisor::Worker;
