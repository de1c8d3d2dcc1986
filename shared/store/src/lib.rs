//! The ledger: the one place that knows DynamoDB keys and expressions. AWS types stay inside.
//!
//! One table. Everything of an app lies in the partition `APP#<id>`:
//!
//! | sort key | row | module |
//! |---|---|---|
//! | `APP` | the app | `apps` |
//! | `TOKEN` | its access token | `apps` |
//! | `SESSION` | its session | `sessions` |
//! | `BOOK`, `CONTACT#<puid>`, `MEMBERS#<group>`, `NAMES#<n>` | its contacts, and which user name is whose | `contacts` |
//! | `LOG#<seq>` | the dense message log, cursors riding on it | `log` |
//! | `MARK` | up to where the log is known to be delivered | `log` |
//! | `PARK#<chat>`, `PARKED#<chat>#<seq>` | chats whose delivery failed, and what waits in them | `parking` |
//! | `JOB#<id>` | what the worker is asked to do | `jobs` |
//!
//! and everything of a shard in `SHARD#<n>`: `LEASE` (`leases`) and `APP#<id>`, which apps it serves.
//! The sparse index `due` (`due_key`, `due_at` in milliseconds) holds what a sweep must look at: parked chats and jobs
//! that should have ended.
//!
//! Every write that depends on what was read is conditional and says whether it applied.

mod apps;
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
mod parking;
mod sessions;
mod table;
mod transact;

pub use apps::{AppChange, Caller};
pub use contacts::Names;
pub use due::Due;
pub use error::{Cause, StoreError};
pub use history::Filter;
pub use jobs::Claim;
pub use leases::Lease;
pub use log::{Checkpoint, Entry, PendingDelivery};
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
