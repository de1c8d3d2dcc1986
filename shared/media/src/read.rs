//! Reading objects as streams.

use std::ops::Range;

use aws_sdk_s3::primitives::ByteStream;

use crate::{MediaError, MediaStore, is_missing};

/// The bytes of an object as they arrive.
#[derive(Debug)]
pub struct Bytes {
    /// Bytes in the stream.
    pub size: u64,
    body: ByteStream,
}

impl Bytes {
    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<bytes::Bytes>, MediaError> {
        self.body.try_next().await.map_err(MediaError::unavailable)
    }
}

impl MediaStore {
    /// Opens an object, or the bytes `range` of it; `None` if there is none.
    pub async fn open(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<Bytes>, MediaError> {
        let range = range.map(|range| format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let request = self.client.get_object().bucket(&self.bucket).key(key).set_range(range);
        match request.send().await {
            Ok(found) => {
                let size = found.content_length().and_then(|size| size.try_into().ok()).unwrap_or(0);
                Ok(Some(Bytes { size, body: found.body }))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(MediaError::unavailable(error)),
        }
    }
}
