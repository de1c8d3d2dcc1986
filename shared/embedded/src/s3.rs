//! S3: s3s-fs. A bucket is a folder, an object is a file. Path-style addressing only.

use std::net::TcpListener;
use std::path::Path;

use anyhow::Context;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;

use crate::thread::Stop;

/// Serves the buckets under `root` on `listener`.
pub(crate) fn open(listener: TcpListener, root: &Path, stop: Stop) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let service = service(root)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(async move {
        stop.within_grace(crate::serve::serve(listener, service, stop.clone())).await;
    })
}

/// The buckets under `root` as a service.
pub(crate) fn service(root: &Path) -> anyhow::Result<S3Service> {
    let files = FileSystem::new(root)
        .map_err(|error| anyhow::anyhow!("{error:?}"))
        .with_context(|| root.display().to_string())?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(crate::ACCESS_KEY, crate::SECRET_KEY));
    Ok(service.build())
}
