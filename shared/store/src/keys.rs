//! The keys of the one table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    id::{AppId, JobId, Seq},
    puid::Puid,
};

pub const PK: &str = "pk";
pub const SK: &str = "sk";
/// The sparse index of what a sweep must look at.
pub const DUE: &str = "due";
pub const DUE_KEY: &str = "due_key";
pub const DUE_AT: &str = "due_at";
/// Seconds since the epoch after which DynamoDB may remove the row.
pub const EXPIRES: &str = "ttl";

pub const APP: &str = "APP";
pub const TOKEN: &str = "TOKEN";
pub const SESSION: &str = "SESSION";
pub const BOOK: &str = "BOOK";
pub const MARK: &str = "MARK";
pub const LEASE: &str = "LEASE";
pub const CONTACT: &str = "CONTACT#";
pub const MEMBERS: &str = "MEMBERS#";
pub const NAMES: &str = "NAMES#";
pub const LOG: &str = "LOG#";
pub const PARK: &str = "PARK#";
pub const JOB: &str = "JOB#";
/// Begins an app's partition, and the sort key of its place in a shard.
pub const APP_PREFIX: &str = "APP#";

pub fn app(id: &AppId) -> String {
    format!("{APP_PREFIX}{id}")
}

pub fn shard(number: u16) -> String {
    format!("SHARD#{number}")
}

/// Twenty digits hold any number in order.
pub fn log(seq: Seq) -> String {
    format!("{LOG}{seq:020}")
}

pub fn contact(puid: &Puid) -> String {
    format!("{CONTACT}{puid}")
}

pub fn members(group: &Puid) -> String {
    format!("{MEMBERS}{group}")
}

pub fn names(chunk: usize) -> String {
    format!("{NAMES}{chunk:04}")
}

pub fn park(chat: &Puid) -> String {
    format!("{PARK}{chat}")
}

pub fn parked(chat: &Puid, seq: Seq) -> String {
    format!("{}{seq:020}", parked_of(chat))
}

pub fn parked_of(chat: &Puid) -> String {
    format!("PARKED#{chat}#")
}

pub fn job(id: &JobId) -> String {
    format!("{JOB}{id}")
}

/// The part of the `due` index that holds a shard's parked chats.
pub fn due_parked(shard: u16) -> String {
    format!("{PARK}{shard}")
}

/// The part of the `due` index that holds a shard's open jobs.
pub fn due_jobs(shard: u16) -> String {
    format!("{JOB}{shard}")
}

/// A primary key as the SDK wants it.
pub fn key(pk: &str, sk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([(PK.into(), AttributeValue::S(pk.into())), (SK.into(), AttributeValue::S(sk.into()))])
}
