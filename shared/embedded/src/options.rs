//! What to run where.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// When DynamoDB's writes are flushed to the disk.
///
/// A write that was acknowledged survives `kill -9` either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// Before the write is acknowledged, so that it survives the loss of power
    /// too. (Not on macOS, whose flush does not empty the drive's own cache.)
    EveryWrite,
    /// When SQLite folds its log into the database file, after some 4 MiB of
    /// writes. The loss of power takes the last writes with it, whole
    /// transactions and in order: what is left is the state of a moment ago.
    NowAndThen,
}

/// Where the data lives and which addresses are listened on.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that keeps the data, made with mode 0700 when missing.
    /// `None`: DynamoDB in memory, S3 in a temporary folder.
    pub folder: Option<PathBuf>,
    /// What DynamoDB does before it acknowledges a write; of no effect in memory.
    pub flush: Flush,
    /// Address of DynamoDB; port 0 takes any free one.
    pub dynamodb: SocketAddr,
    /// Address of SQS; port 0 takes any free one.
    pub sqs: SocketAddr,
    /// Address of S3; port 0 takes any free one.
    pub s3: SocketAddr,
}

impl Options {
    /// Nothing is kept; free ports on 127.0.0.1.
    pub fn memory() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { folder: None, flush: Flush::NowAndThen, dynamodb: any, sqs: any, s3: any }
    }

    /// Kept in `path`; free ports on 127.0.0.1.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self { folder: Some(path.into()), ..Self::memory() }
    }
}
