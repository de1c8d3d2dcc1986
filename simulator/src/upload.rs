//! Files that clients upload in chunks.

use std::sync::Arc;

use crate::spec::Uin;

/// A file that a client uploaded. Messages refer to it by its `MediaId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub uin: Uin,
    pub name: String,
    /// `pic`, `video` or `doc`.
    pub media_type: String,
    /// The file's MD5 as the client sent it, or empty.
    pub md5: String,
    pub bytes: Arc<[u8]>,
}

/// An upload whose last chunk has not arrived.
#[derive(Debug)]
pub(crate) struct PartialUpload {
    pub(crate) chunks: usize,
    pub(crate) next: usize,
    pub(crate) bytes: Vec<u8>,
}

/// The keys that webwxcheckupload issued for a large file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UploadPermit {
    pub(crate) size: u64,
    pub(crate) aes_key: String,
    pub(crate) signature: String,
}
