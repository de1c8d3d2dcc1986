//! A stored object as a file that a channel sends.

use async_trait::async_trait;
use channel::{ByteStream, Error, FileBytes};
use domain::error::chain;
use futures_util::stream;
use media::{MediaError, MediaStore};

/// An object of the bucket.
pub(super) struct StoredFile {
    pub(super) media: MediaStore,
    pub(super) key: String,
}

#[async_trait]
impl FileBytes for StoredFile {
    async fn open(&self) -> Result<ByteStream, Error> {
        let opened = self.media.open(&self.key, None).await.map_err(|error| unreadable(&error))?;
        let bytes = opened.ok_or_else(|| Error::Protocol { reason: "the staged media are gone".to_owned() })?;
        let chunks = stream::try_unfold(bytes, |mut bytes| async move {
            let next = bytes.next().await.map_err(|error| unreadable(&error))?;
            Ok(next.map(|chunk| (chunk, bytes)))
        });
        Ok(Box::pin(chunks))
    }
}

fn unreadable(error: &MediaError) -> Error {
    tracing::warn!(error = %chain(error), "staged media not read");
    Error::Transient { reason: "the media bucket is not available".to_owned(), sent: false }
}
