//! The bucket on the services under test.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use media::{MediaStore, MediaType, Object, PutError};
use testing::Fixture;

const KEY: &str = "app/image/7.jpg";
const MIB: usize = 1024 * 1024;
const NO_LIMIT: u64 = u64::MAX;

/// A JPEG's head and then zeros, in chunks of 1 MiB.
fn jpeg(size: usize) -> impl futures_util::Stream<Item = Result<Bytes, String>> {
    let mut bytes = vec![0; size];
    bytes[..4].copy_from_slice(b"\xff\xd8\xff\xe0");
    let bytes = Bytes::from(bytes);
    stream::iter((0..size).step_by(MIB).map(move |at| Ok(bytes.slice(at..size.min(at + MIB)))))
}

async fn read(media: &MediaStore, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let mut found = media.open(KEY, range).await.unwrap().unwrap();
    let mut all = Vec::new();
    while let Some(bytes) = found.next().await.unwrap() {
        all.extend_from_slice(&bytes);
    }
    assert_eq!(found.size, all.len() as u64);
    all
}

#[tokio::test]
async fn small_and_large_objects_are_stored_with_the_type_of_their_first_bytes() {
    let fixture = Fixture::start().await;
    let media = &fixture.relay.media;
    for size in [5, 8 * MIB, 20 * MIB + 1] {
        let stored = media.put_stream(KEY, jpeg(size), NO_LIMIT).await.unwrap();
        assert_eq!(stored, Object { size: size as u64, content_type: "image/jpeg".to_owned() });
        assert_eq!(media.head(KEY).await.unwrap(), Some(stored));
        assert_eq!(read(media, None).await.len(), size);
        assert_eq!(read(media, Some(1..4)).await, b"\xd8\xff\xe0");
    }
}

#[tokio::test]
async fn a_stream_that_ends_badly_leaves_the_earlier_object() {
    let fixture = Fixture::start().await;
    let media = &fixture.relay.media;
    media.put_stream(KEY, jpeg(5), NO_LIMIT).await.unwrap();
    for size in [10, 9 * MIB] {
        let broken = jpeg(size).chain(stream::once(async { Err("cut".to_owned()) }));
        let error = media.put_stream(KEY, broken, NO_LIMIT).await.unwrap_err();
        assert!(matches!(error, PutError::Source(why) if why == "cut"));
        let limit = size as u64 - 1;
        let error = media.put_stream(KEY, jpeg(size), limit).await.unwrap_err();
        assert!(matches!(error, PutError::TooLarge { limit: told } if told == limit));
    }
    let empty = media.put_stream(KEY, stream::empty::<Result<Bytes, String>>(), NO_LIMIT).await;
    assert!(matches!(empty, Err(PutError::Empty)));
    assert_eq!(read(media, None).await.len(), 5);
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let fixture = Fixture::start().await;
    let media = &fixture.relay.media;
    assert_eq!(media.head(KEY).await.unwrap(), None);
    assert!(media.open(KEY, None).await.unwrap().is_none());
}

#[tokio::test]
async fn presigned_urls_read_and_write_without_credentials() {
    let fixture = Fixture::start().await;
    let media = &fixture.relay.media;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let minute = Duration::from_mins(1);

    let html = Bytes::from_static(b"<!DOCTYPE html><script>alert(1)</script>");
    media.put(KEY, html.clone(), MediaType::of(&html)).await.unwrap();
    let url = media.presign_get(KEY, minute).await.unwrap();
    let answer = http.get(&url).header("range", "bytes=0-8").send().await.unwrap();
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.headers()["content-type"], "application/octet-stream");
    assert_eq!(answer.headers()["content-disposition"], "attachment");
    assert_eq!(answer.bytes().await.unwrap(), "<!DOCTYPE");

    let url = media.presign_put("app/upload/1", minute).await.unwrap();
    assert_eq!(http.put(&url).body("bytes").send().await.unwrap().status(), 200);
    assert_eq!(media.head("app/upload/1").await.unwrap().map(|object| object.size), Some(5));
}

#[tokio::test]
async fn a_presigned_url_opens_no_other_object() {
    let fixture = Fixture::start().await;
    let media = &fixture.relay.media;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = media.presign_get(KEY, Duration::from_mins(1)).await.unwrap();
    assert_eq!(http.get(url.replace("7.jpg", "8.jpg")).send().await.unwrap().status(), 403);
}

#[tokio::test(start_paused = true)]
async fn the_bucket_works_without_sockets() {
    let fixture = Fixture::in_process().await;
    let media = &fixture.relay.media;
    let before = fixture.relay.now();
    media.put_stream(KEY, jpeg(9 * MIB), NO_LIMIT).await.unwrap();
    assert_eq!(read(media, None).await.len(), 9 * MIB);
    assert_eq!(media.head("nothing").await.unwrap(), None);
    assert_eq!(fixture.relay.now(), before, "no request moves the clock");
}

#[tokio::test]
async fn an_object_without_bytes_is_one() {
    for fixture in [Fixture::start().await, Fixture::in_process().await] {
        let media = &fixture.relay.media;
        media.put(KEY, Bytes::new(), MediaType::text()).await.unwrap();
        assert_eq!(media.head(KEY).await.unwrap().map(|object| object.size), Some(0));
        assert!(read(media, None).await.is_empty());
    }
}
