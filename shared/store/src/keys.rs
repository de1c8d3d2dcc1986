//! Keys of the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    id::{AppId, JobId, Seq},
    puid::Puid,
};

pub(crate) const PK: &str = "pk";
pub(crate) const SK: &str = "sk";
/// The sparse index of parked chats and jobs by time.
pub(crate) const DUE: &str = "due";
pub(crate) const DUE_KEY: &str = "due_key";
pub(crate) const DUE_AT: &str = "due_at";
/// Seconds since the epoch after which DynamoDB may remove the row.
pub(crate) const EXPIRES: &str = "ttl";

pub(crate) const APP: &str = "APP";
pub(crate) const TOKEN: &str = "TOKEN";
pub(crate) const SESSION: &str = "SESSION";
pub(crate) const BOOK: &str = "BOOK";
pub(crate) const MARK: &str = "MARK";
pub(crate) const LEASE: &str = "LEASE";
pub(crate) const CONTACT: &str = "CONTACT#";
pub(crate) const MEMBERS: &str = "MEMBERS#";
pub(crate) const NAMES: &str = "NAMES#";
pub(crate) const AVATARS: &str = "AVATARS#";
pub(crate) const LIST: &str = "LIST#";
pub(crate) const DEPARTED: &str = "DEPARTED";
pub(crate) const LOG: &str = "LOG#";
pub(crate) const BLOCK: &str = "BLOCK#";
pub(crate) const SPAN: &str = "SPAN#";
pub(crate) const PARK: &str = "PARK#";
pub(crate) const JOB: &str = "JOB#";
/// Prefix of an app's partition key, and of the sort key of its row in a shard.
pub(crate) const APP_PREFIX: &str = "APP#";

pub(crate) fn app(id: &AppId) -> String {
    format!("{APP_PREFIX}{id}")
}

pub(crate) fn shard(number: u16) -> String {
    format!("SHARD#{number}")
}

/// Twenty digits: enough for any number, so that the keys sort as the numbers do.
pub(crate) fn log(seq: Seq) -> String {
    format!("{LOG}{seq:020}")
}

/// The sequence number in a message's sort key.
pub(crate) fn log_number(sk: &str) -> Option<Seq> {
    sk.strip_prefix(LOG)?.parse().ok().map(Seq::new)
}

/// The summary of a block.
pub(crate) fn block(number: u64) -> String {
    format!("{BLOCK}{number:020}")
}

/// The number in the sort key of a block's summary.
pub(crate) fn block_number(sk: &str) -> Option<u64> {
    sk.strip_prefix(BLOCK)?.parse().ok()
}

/// The summary of a span.
pub(crate) fn span(number: u64) -> String {
    format!("{SPAN}{number:020}")
}

/// The number in the sort key of a span's summary.
pub(crate) fn span_number(sk: &str) -> Option<u64> {
    sk.strip_prefix(SPAN)?.parse().ok()
}

pub(crate) fn contact(puid: &Puid) -> String {
    format!("{CONTACT}{puid}")
}

pub(crate) fn members(group: &Puid) -> String {
    format!("{MEMBERS}{group}")
}

pub(crate) fn names(row: u8) -> String {
    format!("{NAMES}{row:04}")
}

pub(crate) fn list(part: u32) -> String {
    format!("{LIST}{part}")
}

pub(crate) fn avatars(chunk: usize) -> String {
    format!("{AVATARS}{chunk:04}")
}

pub(crate) fn park(chat: &Puid) -> String {
    format!("{PARK}{chat}")
}

pub(crate) fn parked(chat: &Puid, seq: Seq) -> String {
    format!("{}{seq:020}", parked_of(chat))
}

/// Prefix of the rows of a chat's backlog.
pub(crate) fn parked_of(chat: &Puid) -> String {
    format!("PARKED#{chat}#")
}

pub(crate) fn job(id: &JobId) -> String {
    format!("{JOB}{id}")
}

/// Partition of the index with a shard's parked chats.
pub(crate) fn due_parked(shard: u16) -> String {
    format!("{PARK}{shard}")
}

/// Partition of the index with a shard's jobs that have not ended.
pub(crate) fn due_jobs(shard: u16) -> String {
    format!("{JOB}{shard}")
}

/// A primary key in the SDK's form.
pub(crate) fn key(pk: &str, sk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([(PK.into(), AttributeValue::S(pk.into())), (SK.into(), AttributeValue::S(sk.into()))])
}
