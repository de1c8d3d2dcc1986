//! S3's operations, called on the engine's service.

use std::{fmt, future::Future, sync::Arc};

use anyhow::Context;
use aws_smithy_runtime_api::client::{orchestrator::HttpRequest, result::ConnectorError};
use bytes::Bytes;
use http::{HeaderValue, header::HOST};
use http_body_util::BodyExt;
use s3s::service::S3Service;
use tempfile::TempDir;

/// The engine on a folder, which is removed with the last clone.
#[derive(Clone)]
pub(super) struct S3 {
    service: S3Service,
    _folder: Arc<TempDir>,
}

impl S3 {
    pub(super) fn open() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("temporary folder for S3")?;
        Ok(Self { service: crate::s3::service(folder.path())?, _folder: Arc::new(folder) })
    }

    /// Answers as the engine's own server does.
    pub(super) fn answer(
        &self,
        request: HttpRequest,
    ) -> impl Future<Output = Result<http::Response<Bytes>, ConnectorError>> + Send + use<> {
        let service = self.service.clone();
        async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(Box::new(error)))?;
            let (mut head, body) = request.into_parts();
            // The signature covers it; a connection would add it.
            if let Some(host) = head.uri.authority().and_then(|host| HeaderValue::try_from(host.as_str()).ok()) {
                head.headers.entry(HOST).or_insert(host);
            }
            let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
            let request = http::Request::from_parts(head, s3s::Body::from(body));
            let response = service.call(request).await.map_err(|error| ConnectorError::other(error.into(), None))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| ConnectorError::other(error, None))?;
            Ok(http::Response::from_parts(head, body.to_bytes()))
        }
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").finish_non_exhaustive()
    }
}
