//! The bytes of media, in S3. Only this crate knows the bucket; its interface has no AWS types except the client that it
//! is created with.
//!
//! Bytes stream through in parts of 8 MiB, so that no object is in memory as a whole. The type of an object is found in
//! its first bytes and stored with it, whatever its source called it; together with whether a browser may show it.

mod error;
mod kind;
mod read;
mod write;

use std::time::Duration;

use aws_sdk_s3::{error::SdkError, presigning::PresigningConfig};
pub use error::{Cause, MediaError, PutError};
pub use kind::MediaType;
pub use read::Bytes;

/// A handle on the bucket; cheap to clone.
#[derive(Debug, Clone)]
pub struct MediaStore {
    client: aws_sdk_s3::Client,
    bucket: String,
}

/// A stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// In bytes.
    pub size: u64,
    pub content_type: String,
}

impl MediaStore {
    /// The bucket, which must exist (see [`Self::create_bucket`]).
    pub fn new(client: &aws_sdk_s3::Client, bucket: impl Into<String>) -> Self {
        Self { client: client.clone(), bucket: bucket.into() }
    }

    /// Creates the bucket if it does not exist, where there is no CloudFormation.
    pub async fn create_bucket(&self) -> Result<(), MediaError> {
        match self.client.create_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let exists = error
                    .as_service_error()
                    .is_some_and(|error| error.is_bucket_already_exists() || error.is_bucket_already_owned_by_you());
                if exists { Ok(()) } else { Err(MediaError::unavailable(error)) }
            }
        }
    }

    /// Size and type of an object; `None` if there is none.
    pub async fn head(&self, key: &str) -> Result<Option<Object>, MediaError> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(found) => Ok(Some(Object {
                size: found.content_length().and_then(|size| size.try_into().ok()).unwrap_or(0),
                content_type: found.content_type.unwrap_or_else(|| kind::UNKNOWN.to_owned()),
            })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(MediaError::unavailable(error)),
        }
    }

    /// A URL that reads the object without credentials for a limited time.
    pub async fn presign_get(&self, key: &str, valid: Duration) -> Result<String, MediaError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let presigned = request.presigned(presigning(valid)?).await.map_err(MediaError::unavailable)?;
        Ok(presigned.uri().to_owned())
    }

    /// A URL that tells size and type of the object to `HEAD`, as [`Self::presign_get`].
    pub async fn presign_head(&self, key: &str, valid: Duration) -> Result<String, MediaError> {
        let request = self.client.head_object().bucket(&self.bucket).key(key);
        let presigned = request.presigned(presigning(valid)?).await.map_err(MediaError::unavailable)?;
        Ok(presigned.uri().to_owned())
    }

    /// A URL that writes the object by `PUT` without credentials for a limited time.
    pub async fn presign_put(&self, key: &str, valid: Duration) -> Result<String, MediaError> {
        let request = self.client.put_object().bucket(&self.bucket).key(key);
        let presigned = request.presigned(presigning(valid)?).await.map_err(MediaError::unavailable)?;
        Ok(presigned.uri().to_owned())
    }
}

fn presigning(valid: Duration) -> Result<PresigningConfig, MediaError> {
    PresigningConfig::expires_in(valid).map_err(|error| MediaError::Unavailable(error.into()))
}

/// Whether S3 says that there is no such object.
fn is_missing<E>(error: &SdkError<E>) -> bool {
    error.raw_response().is_some_and(|response| response.status().as_u16() == 404)
}
