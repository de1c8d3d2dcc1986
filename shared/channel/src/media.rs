//! Bytes on their way to and from a chat network. They pass as streams: a file is never in memory as a whole.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use domain::channel::{MediaKind, MediaSource};
use futures_util::stream::BoxStream;

use crate::Error;

/// Bytes, part by part. An error ends the stream: the bytes before it are not the whole.
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

/// The media of a received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingMedia {
    pub kind: MediaKind,
    /// For [`Connection::download`](crate::Connection::download).
    pub source: MediaSource,
    /// Whether the picture is a sticker: small, and often animated.
    pub sticker: bool,
}

/// A download that has begun: the first bytes are there.
pub struct Download {
    /// The content type as the network reports it, if it does: a hint, for the bytes alone tell the truth.
    pub content_type: Option<String>,
    /// The number of bytes, if the network reports it.
    pub length: Option<u64>,
    /// Ends with an error where the bytes stall, break off or exceed the channel's limit.
    pub bytes: ByteStream,
}

/// The other fields are a person's.
impl fmt::Debug for Download {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self { content_type, length, .. } = self;
        let mut debug = formatter.debug_struct("Download");
        debug.field("content_type", content_type).field("length", length).finish_non_exhaustive()
    }
}

/// The bytes of a file to send. A channel may read them more than once, for example for a digest that goes first.
#[async_trait]
pub trait FileBytes: Send + Sync {
    /// The bytes from their beginning, the same at every call. A failure to read them is an [`Error::Transient`] that
    /// was not sent.
    async fn open(&self) -> Result<ByteStream, Error>;
}

/// A file to send.
#[derive(Clone, Copy)]
pub struct OutgoingFile<'a> {
    /// How the network shows it: [`MediaKind::Image`], [`MediaKind::Video`] or [`MediaKind::File`].
    pub kind: MediaKind,
    pub name: &'a str,
    pub content_type: &'a str,
    /// In bytes; the stream must have as many.
    pub size: u64,
    pub bytes: &'a dyn FileBytes,
}

/// A file that the network has, ready for [`Connection::send_media`](crate::Connection::send_media) to the peer that it
/// was uploaded for. Valid for the login that uploaded it.
#[derive(Clone, PartialEq, Eq)]
pub struct Uploaded {
    pub kind: MediaKind,
    /// The channel's own reference to the file.
    pub reference: Box<str>,
}

/// The reference contains keys and a file's name.
impl fmt::Debug for Uploaded {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Uploaded").field("kind", &self.kind).finish_non_exhaustive()
    }
}
