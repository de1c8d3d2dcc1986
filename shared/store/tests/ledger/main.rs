//! Tests of the ledger over the wire, against the embedded DynamoDB or the one that the environment names.

mod apps;
mod contacts;
mod history;
mod jobs;
mod leases;
mod log;
mod media;
mod parking;
mod sessions;
mod size;
mod stored;
mod support;
mod trouble;
