//! The ledger against a DynamoDB, over the wire: an embedded one, or that which the environment names.

mod apps;
mod contacts;
mod history;
mod jobs;
mod leases;
mod log;
mod parking;
mod sessions;
mod size;
mod support;
mod trouble;
