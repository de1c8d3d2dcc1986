//! The ledger: the only crate that knows DynamoDB keys and expressions. Its interface has no AWS types except the client
//! that it is created with.
//!
//! All rows are in one table. The partition `APP#<id>` holds an app:
//!
//! | sort key | row |
//! |---|---|
//! | `APP` | the app |
//! | `TOKEN` | its access token |
//! | `SESSION` | its session |
//! | `BOOK` | the version of its contact book, and the parts of its lists |
//! | `CONTACT#<puid>` | a contact |
//! | `MEMBERS#<group>` | the members of a group |
//! | `LIST#<n>` | a part of a list of contacts |
//! | `NAMES#<n>` | a part of the name table |
//! | `DEPARTED` | the keys of departed contacts |
//! | `LOG#<seq>` | a message; the last one of a batch has a checkpoint |
//! | `BLOCK#<n>` | the summary of 512 successive messages: what filters compare of each |
//! | `SPAN#<n>` | the summary of 64 blocks |
//! | `MARK` | the watermark: every message up to it has been delivered and has its media |
//! | `AVATARS#<n>` | a part of what is known of the stored pictures of contacts |
//! | `PARK#<chat>` | a parked chat |
//! | `PARKED#<chat>#<seq>` | a message in the backlog of a parked chat |
//! | `JOB#<id>` | a job |
//!
//! The partition `SHARD#<n>` holds a shard: its `LEASE`, and `APP#<id>` for each app that it serves.
//!
//! The sparse index `due` (`due_key`, and `due_at` in milliseconds) holds the rows that the sweep processes: parked
//! chats, and jobs that should have ended.
//!
//! A write that depends on an earlier read is conditional, and its result says whether it applied.

mod apps;
mod avatars;
mod contacts;
mod contention;
mod due;
mod error;
mod history;
mod item;
mod jobs;
mod keys;
mod leases;
mod log;
mod media;
mod parking;
mod sessions;
mod summary;
mod table;
mod transact;

pub use apps::{AppChange, Caller};
pub use avatars::Avatars;
pub use contacts::{Book, List, ListChanges, Lists, NameRows, Names, Part, Place};
pub use due::Due;
pub use error::{Cause, StoreError};
pub use history::{Filter, HistoryCursor, HistoryPage, InvalidCursor, NewMessages};
pub use jobs::Claim;
pub use leases::Lease;
pub use log::{Checkpoint, Entry, PendingDelivery};
pub use media::Unfinished;
pub use summary::BLOCK as SUMMARY_BLOCK;
pub use table::{IndexSpec, KeySpec, TableSpec};

/// A handle on the ledger; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    client: aws_sdk_dynamodb::Client,
    table: String,
}

impl Store {
    /// The ledger in `table`, which must exist (see [`Self::create_table`]).
    pub fn new(client: &aws_sdk_dynamodb::Client, table: impl Into<String>) -> Self {
        let config = client.config().to_builder().retry_classifier(contention::RetryContention).build();
        Self { client: aws_sdk_dynamodb::Client::from_conf(config), table: table.into() }
    }
}
