//! What to run where.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where the data lives and which addresses are listened on.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that keeps the data, made with mode 0700 when missing.
    /// `None`: DynamoDB in memory, S3 in a temporary folder.
    pub folder: Option<PathBuf>,
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
        Self { folder: None, dynamodb: any, sqs: any, s3: any }
    }

    /// Kept in `path`; free ports on 127.0.0.1.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self { folder: Some(path.into()), ..Self::memory() }
    }
}
