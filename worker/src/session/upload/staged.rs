//! Staging: the bytes of a job come to the bucket, under the path that its message will name.

use std::time::Duration;

use bytes::Bytes;
use domain::{
    channel::MediaKind,
    job::OutgoingSource,
    media::{MediaPath, safe_name, upload_key},
};
use futures_util::{StreamExt, stream, stream::BoxStream};
use media::{MediaType, Object, PutError};
use tokio::time::timeout;
use url::Url;

use super::{Order, fetch::fetch};
use crate::session::{
    Context,
    transfer::{Failure, unless_stalled},
};

/// How long the bytes may take to come.
const LONGEST: Duration = Duration::from_mins(10);
/// Bytes that tell a type.
const SNIFFED: usize = 512;

/// Media in the bucket.
pub(super) struct Staged {
    pub(super) path: MediaPath,
    /// The name that the channel shows.
    pub(super) name: String,
    pub(super) object: Object,
}

/// Bytes that have begun to come.
pub(super) struct Incoming {
    /// The name that their source gives them.
    pub(super) name: Option<String>,
    pub(super) bytes: BoxStream<'static, Result<Bytes, Failure>>,
}

/// Brings the bytes of a job to the bucket. An earlier attempt may have done so.
pub(super) async fn stage(context: &Context, order: &Order) -> Result<Staged, Failure> {
    // Only the path of a file has its name, which its source may give.
    if order.kind != MediaKind::File || order.name.is_some() {
        let name = order.name.clone().or_else(|| name_in(&order.source)).unwrap_or_default();
        if let Some(staged) = earlier(context, order, &name).await? {
            return Ok(staged);
        }
    }
    let staging = async {
        let Incoming { name, bytes } = open(context, order).await?;
        let name = order.name.clone().or(name).or_else(|| name_in(&order.source)).unwrap_or_default();
        if order.kind == MediaKind::File
            && let Some(staged) = earlier(context, order, &name).await?
        {
            return Ok(staged);
        }
        store(context, order, &name, bytes).await
    };
    timeout(LONGEST, staging).await.unwrap_or_else(|_| Err(Failure::passing("the media took too long to come")))
}

/// What an earlier attempt has staged.
async fn earlier(context: &Context, order: &Order, name: &str) -> Result<Option<Staged>, Failure> {
    let path = path(order, name);
    let found = context.ledger.relay().media.head(&path.key(context.ledger.app())).await?;
    Ok(found.map(|object| Staged { name: shown_name(order.kind, name, &object.content_type), path, object }))
}

fn path(order: &Order, name: &str) -> MediaPath {
    MediaPath::of_message(order.kind, false, &order.job, Some(name))
}

/// A name that the channel can show: safe, and with an ending by which phones recognise pictures and videos.
fn shown_name(kind: MediaKind, name: &str, content_type: &str) -> String {
    let name = safe_name(name);
    if kind == MediaKind::File || name.contains('.') {
        return name;
    }
    let ending = match content_type.rsplit('/').next().unwrap_or_default() {
        "jpeg" => "jpg",
        "quicktime" => "mov",
        "x-msvideo" => "avi",
        "x-matroska" => "mkv",
        other => other,
    };
    format!("{name}.{ending}")
}

/// The last part of a URL's path.
fn name_in(source: &OutgoingSource) -> Option<String> {
    let OutgoingSource::Url(url) = source else { return None };
    let url = Url::parse(url).ok()?;
    let last = url.path_segments()?.next_back()?;
    let name = percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

async fn open(context: &Context, order: &Order) -> Result<Incoming, Failure> {
    match &order.source {
        OutgoingSource::Url(url) => fetch(&context.worker, url).await,
        OutgoingSource::Upload(name) => {
            let (key, media) = (upload_key(context.ledger.app(), name), &context.ledger.relay().media);
            let missing = || Failure::lasting("nothing was uploaded under this name");
            if media.head(&key).await?.ok_or_else(missing)?.size == 0 {
                return Err(Failure::lasting("there are no bytes"));
            }
            let bytes = media.open(&key, None).await?.ok_or_else(missing)?;
            let chunks = stream::try_unfold(bytes, |mut bytes| async move {
                let next = bytes.next().await?;
                Ok(next.map(|chunk| (chunk, bytes)))
            });
            Ok(Incoming { name: None, bytes: chunks.boxed() })
        }
    }
}

async fn store(
    context: &Context,
    order: &Order,
    name: &str,
    bytes: BoxStream<'static, Result<Bytes, Failure>>,
) -> Result<Staged, Failure> {
    let config = &context.worker.config;
    let mut bytes = unless_stalled(bytes, config.media_idle, |failure| failure).fuse().boxed();
    let mut first = Vec::new();
    while first.len() < SNIFFED
        && let Some(chunk) = bytes.next().await
    {
        first.extend_from_slice(&chunk?);
    }
    let found = MediaType::of(&first).content_type;
    if !fits(order.kind, found) {
        let wanted = if order.kind == MediaKind::Image { "a picture" } else { "a video" };
        return Err(Failure::lasting(format!("the bytes are not {wanted} but {found}")));
    }
    let path = path(order, name);
    let bytes = stream::once(async { Ok(Bytes::from(first)) }).chain(bytes);
    let limit = config.max_media_bytes;
    let stored = context.ledger.relay().media.put_stream(&path.key(context.ledger.app()), bytes, limit).await;
    let object = stored.map_err(|error| match error {
        PutError::Source(failure) => failure,
        PutError::Empty => Failure::lasting("there are no bytes"),
        PutError::TooLarge { limit } => Failure::lasting(format!("the media have more than {limit} bytes")),
        PutError::Store(error) => Failure::BucketUnavailable(error),
    })?;
    Ok(Staged { name: shown_name(order.kind, name, &object.content_type), path, object })
}

/// Whether bytes of this type can be sent as this kind.
fn fits(kind: MediaKind, content_type: &str) -> bool {
    match kind {
        MediaKind::Image => {
            matches!(content_type, "image/jpeg" | "image/png" | "image/gif" | "image/webp" | "image/bmp")
        }
        MediaKind::Video => content_type.starts_with("video/"),
        MediaKind::File | MediaKind::Record => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_urls_and_get_an_ending() {
        let named = |url: &str| name_in(&OutgoingSource::Url(url.to_owned()));
        assert_eq!(named("https://a.example/x/%E5%9B%BE%201.png?y=z"), Some("图 1.png".to_owned()));
        assert_eq!((named("https://a.example/x/"), named("https://a.example")), (None, None));
        assert_eq!(name_in(&OutgoingSource::Upload("0".to_owned())), None);
        assert_eq!(shown_name(MediaKind::Image, "", "image/jpeg"), "file.jpg");
        assert_eq!(shown_name(MediaKind::Image, "a.png", "image/jpeg"), "a.png");
        assert_eq!(shown_name(MediaKind::Video, "v", "video/mp4"), "v.mp4");
        assert_eq!(shown_name(MediaKind::File, "../a b", "x/y"), "a b");
    }

    #[test]
    fn pictures_and_videos_must_be_what_they_say() {
        assert!(fits(MediaKind::Image, "image/webp") && !fits(MediaKind::Image, "application/octet-stream"));
        assert!(fits(MediaKind::Video, "video/quicktime") && !fits(MediaKind::Video, "image/gif"));
        assert!(fits(MediaKind::File, "application/octet-stream"));
    }
}
