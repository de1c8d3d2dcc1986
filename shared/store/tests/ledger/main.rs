//! The ledger against an embedded DynamoDB, over the wire.

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
