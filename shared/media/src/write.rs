//! Writing objects: in one request if they are small, in parts otherwise.

use aws_sdk_s3::{
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use crate::{MediaError, MediaStore, MediaType, Object, PutError};

/// Bytes of a part. S3 wants at least 5 MiB, except in the last one, and at most 10,000 parts.
const PART: usize = 8 * 1024 * 1024;

/// A multipart upload that has begun.
struct Upload<'a> {
    store: &'a MediaStore,
    key: &'a str,
    id: String,
    parts: Vec<CompletedPart>,
}

impl MediaStore {
    /// Stores bytes as they come, at most `limit`, with the type that the first ones tell. An object appears as a whole or
    /// not at all, and replaces an earlier one. Holds at most one part of 8 MiB in memory.
    pub async fn put_stream<E>(
        &self,
        key: &str,
        bytes: impl Stream<Item = Result<Bytes, E>> + Send,
        limit: u64,
    ) -> Result<Object, PutError<E>> {
        let mut bytes = std::pin::pin!(bytes);
        let (mut part, mut size) = (BytesMut::new(), 0u64);
        let mut upload: Option<(Upload<'_>, MediaType)> = None;
        let outcome = loop {
            match bytes.next().await {
                Some(Ok(chunk)) => {
                    size += chunk.len() as u64;
                    if size > limit {
                        break Err(PutError::TooLarge { limit });
                    }
                    part.extend_from_slice(&chunk);
                    if part.len() >= PART {
                        let full = part.split().freeze();
                        if upload.is_none() {
                            let found = MediaType::of(&full);
                            upload = Some((self.begin(key, found).await?, found));
                        }
                        if let Some((upload, _)) = &mut upload
                            && let Err(error) = upload.put_part(full).await
                        {
                            break Err(error.into());
                        }
                    }
                }
                Some(Err(error)) => break Err(PutError::Source(error)),
                None if size == 0 => break Err(PutError::Empty),
                None => break Ok(part.freeze()),
            }
        };
        let Some((mut upload, kind)) = upload else {
            let rest = outcome?;
            let kind = MediaType::of(&rest);
            return Ok(self.put(key, rest, kind).await?);
        };
        let finished = match outcome {
            Ok(rest) => upload.finish(rest).await.map_err(PutError::Store),
            Err(error) => Err(error),
        };
        match finished {
            Ok(()) => Ok(Object { size, content_type: kind.content_type.to_owned() }),
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    /// Stores bytes that are in memory.
    pub async fn put(&self, key: &str, bytes: Bytes, kind: MediaType) -> Result<Object, MediaError> {
        let size = bytes.len() as u64;
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(kind.content_type)
            .content_disposition(kind.disposition())
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(MediaError::unavailable)?;
        Ok(Object { size, content_type: kind.content_type.to_owned() })
    }

    async fn begin<'a>(&'a self, key: &'a str, kind: MediaType) -> Result<Upload<'a>, MediaError> {
        let created = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .content_type(kind.content_type)
            .content_disposition(kind.disposition())
            .send()
            .await
            .map_err(MediaError::unavailable)?;
        Ok(Upload { store: self, key, id: created.upload_id.unwrap_or_default(), parts: Vec::new() })
    }
}

impl Upload<'_> {
    async fn put_part(&mut self, bytes: Bytes) -> Result<(), MediaError> {
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let put = self
            .store
            .client
            .upload_part()
            .bucket(&self.store.bucket)
            .key(self.key)
            .upload_id(&self.id)
            .part_number(number)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(MediaError::unavailable)?;
        self.parts.push(CompletedPart::builder().part_number(number).set_e_tag(put.e_tag).build());
        Ok(())
    }

    async fn finish(&mut self, rest: Bytes) -> Result<(), MediaError> {
        if !rest.is_empty() {
            self.put_part(rest).await?;
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(std::mem::take(&mut self.parts))).build();
        self.store
            .client
            .complete_multipart_upload()
            .bucket(&self.store.bucket)
            .key(self.key)
            .upload_id(&self.id)
            .multipart_upload(parts)
            .send()
            .await
            .map_err(MediaError::unavailable)?;
        Ok(())
    }

    /// Discards the parts. Where that fails, the bucket's lifecycle does it a day later.
    async fn abort(self) {
        let abort = self.store.client.abort_multipart_upload();
        let aborted = abort.bucket(&self.store.bucket).key(self.key).upload_id(&self.id).send().await;
        if let Err(error) = aborted {
            tracing::warn!(%error, "parts of a failed upload not discarded");
        }
    }
}
