//! Where the services keep data and listen.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// When DynamoDB's writes are flushed to the disk. An acknowledged write survives `kill -9` in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// Before the write is acknowledged, so that it also survives a power failure. (Not on macOS, whose flush leaves the
    /// drive's own cache.)
    EveryWrite,
    /// When SQLite checkpoints its log into the database file, after about 4 MiB of writes. A power failure loses the last
    /// writes, as whole transactions and in order: an earlier state remains.
    Periodic,
}

/// Where the services keep data and listen.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of the data, created with mode 0700 if missing. `None`: DynamoDB in memory, S3 in a temporary folder.
    pub folder: Option<PathBuf>,
    /// No effect in memory.
    pub flush: Flush,
    /// Address of DynamoDB; port 0 takes any free one.
    pub dynamodb: SocketAddr,
    /// Address of SQS; port 0 takes any free one.
    pub sqs: SocketAddr,
    /// Address of S3; port 0 takes any free one.
    pub s3: SocketAddr,
}

impl Options {
    /// Keeps nothing; free ports on 127.0.0.1.
    pub fn memory() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { folder: None, flush: Flush::Periodic, dynamodb: any, sqs: any, s3: any }
    }

    /// Keeps data in `path`; free ports on 127.0.0.1.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self { folder: Some(path.into()), ..Self::memory() }
    }
}
