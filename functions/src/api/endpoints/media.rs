//! `GET /media/<path>`: redirects to the stored bytes of a picture, recording, file or video. The caller has credentials, or
//! a signed link. A picture of a contact that is not stored is answered with a neutral one.

use axum::{
    extract::{FromRequest, Request},
    http::{Method as HttpMethod, StatusCode, header},
    response::{IntoResponse, Response},
    routing::on,
};
use boot::{
    Grant::{Media, Table},
    MediaOperation::{GetObject, ListBucket},
    TableOperation::BatchGetItem,
};
use domain::{app::App, media::MediaPath};

use crate::api::{
    auth::{self, Caller},
    endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
    error::ApiError,
    openapi::{Auth, Failure, Kind, Operation, Parameter, Reply},
    params::Params,
    path_segment::PathSegment,
    state::AppState,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "media",
    title: Title { zh: "图片、语音、文件、视频", en: "Pictures, recordings, files, videos" },
    routes: &[Route { method: Method::Get, path: "/media/{*path}", handler: |method| on(method, handle) }],
    needs: None,
    grants: &[Table(BatchGetItem), Media(GetObject), Media(ListBucket)],
    sample: Sample { auth: SampleAuth::Signature, online: true, query: "", fields: &[] },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Get,
    paths: &["/media/{*path}"],
    summary: "A stored picture, recording, file or video. The paths and links are in messages and contacts.",
    auth: Auth::SignatureOrLink,
    parameters: &[&[Parameter::path("path", Kind::Path, "As a response gives it.", "image/avatar/1fee435b.jpg")]],
    body: &[],
    file: None,
    replies: &[
        Reply::content("A neutral picture: the contact's own is not stored.", &["image/png"]),
        Reply::redirect("To the bytes, for five minutes. The URL takes `Range`."),
    ],
    failures: &[Failure::NOT_FOUND],
}];

/// How long the storage URL works.
const VALID: std::time::Duration = std::time::Duration::from_mins(5);
/// A cache keeps the redirect for a shorter time than its target works.
const CACHE: &str = "private, max-age=240";
/// The neutral picture may soon be replaced by the contact's own.
const CACHE_NEUTRAL: &str = "private, max-age=60";
/// A grey figure of 96 × 96 pixels.
const NEUTRAL: &[u8] = include_bytes!("media_neutral.png");

async fn handle(state: AppState, PathSegment(rest): PathSegment, request: Request) -> Result<Response, ApiError> {
    let path = MediaPath::parse(rest.strip_suffix('/').unwrap_or(&rest));
    let method = request.method().clone();
    let app = app(&state, request, path.as_ref()).await?;
    let path = path.ok_or(NOT_STORED)?;
    let (key, media) = (path.key(&app.id), &state.relay.media);
    if media.head(&key).await?.is_none() {
        return if path.is_avatar() { Ok(neutral()) } else { Err(NOT_STORED) };
    }
    // The signature of the URL covers the method, and a client follows with its own.
    let target = match method {
        HttpMethod::HEAD => media.presign_head(&key, VALID).await?,
        _ => media.presign_get(&key, VALID).await?,
    };
    Ok((StatusCode::FOUND, [(header::LOCATION, target.as_str()), (header::CACHE_CONTROL, CACHE)]).into_response())
}

const NOT_STORED: ApiError = ApiError::NotFound("media, or their bytes are not stored yet");

/// The app of a signed link, or of the caller.
async fn app(state: &AppState, request: Request, path: Option<&MediaPath>) -> Result<App, ApiError> {
    let params = Params::from_query(request.uri().query())?;
    if params.get("sig").is_some() {
        return auth::app_of_link(state, &params, path).await;
    }
    Ok(Caller::from_request(request, state).await?.app)
}

fn neutral() -> Response {
    ([(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, CACHE_NEUTRAL)], NEUTRAL).into_response()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use domain::{contact::ContactKind, puid::Puid};
    use http::Request;
    use jiff::SignedDuration;
    use media::MediaType;
    use testing::contact;

    use super::*;
    use crate::support::{Answer, Api};

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";

    /// Stores bytes under a path, as the worker does.
    async fn stored(api: &Api, path: &str, bytes: &'static [u8]) -> MediaPath {
        let path = MediaPath::parse(path).unwrap();
        let (media, bytes) = (&api.fixture.relay.media, Bytes::from_static(bytes));
        media.put(&path.key(&api.app.id), bytes.clone(), MediaType::of(&bytes)).await.unwrap();
        path
    }

    /// The target of a redirect, as it is read without credentials.
    async fn follow(answer: &Answer, range: Option<&str>) -> reqwest::Response {
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (302, Some(CACHE)), "{answer}");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.get(answer.header("location").unwrap());
        range.into_iter().fold(request, |request, range| request.header("range", range)).send().await.unwrap()
    }

    /// The path and query of a link.
    fn local(link: &str) -> String {
        link.strip_prefix("http://relay.test").unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_caller_is_redirected_to_the_bytes_and_may_ask_for_a_range() {
        let api = Api::start().await;
        stored(&api, "image/7.jpg", JPEG).await;
        let answer = api.signed("/media/image/7.jpg").await;
        assert!(answer.body.is_empty());
        let found = follow(&answer, None).await;
        assert_eq!((found.status().as_u16(), &found.headers()["content-type"]), (200, &"image/jpeg".parse().unwrap()));
        assert_eq!(found.headers()["content-disposition"], "inline");
        assert_eq!(found.bytes().await.unwrap(), JPEG);
        let part = follow(&answer, Some("bytes=4-5")).await;
        assert_eq!((part.status().as_u16(), part.bytes().await.unwrap()), (206, Bytes::from_static(b" a")));
        let token = api.token().await;
        assert_eq!(api.bearer("/media/image/7.jpg/", &token).await.status, 302);

        let head = api.request(Request::head(api.sign("/media/image/7.jpg"))).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let found = client.head(head.header("location").unwrap()).send().await.unwrap();
        assert_eq!((found.status().as_u16(), &found.headers()["content-length"]), (200, &"14".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_link_opens_its_path_for_an_hour_and_nothing_else() {
        let api = Api::start().await;
        let other = api.fixture.app(None).await;
        stored(&api, "image/7.jpg", JPEG).await;
        let path = stored(&api, "file/7/名 字.pdf", b"%PDF-1.7").await;
        let (base, now) = ("http://relay.test".parse().unwrap(), api.fixture.relay.now());
        let link = local(&path.link(&base, &api.app, now + SignedDuration::from_hours(1)));
        let found = follow(&api.get(&link).await, None).await;
        assert_eq!(found.headers()["content-disposition"], "attachment");
        assert_eq!(found.bytes().await.unwrap(), "%PDF-1.7");

        let of_another = local(&path.link(&base, &other, now + SignedDuration::from_hours(1)));
        assert_eq!(api.get(&of_another).await.status, 404, "it has no such file");
        let unauthorized = api.get(&link.replace("sig=", "sig=0")).await;
        insta::assert_snapshot!(unauthorized, @r#"
        401 Unauthorized
        {
          "code": "unauthorized",
          "errmsg": "The credentials are missing, wrong or out of date.",
          "success": false
        }
        "#);
        let query = link.split_once('?').unwrap().1;
        let later = link.replace("expires=1", "expires=2");
        for wrong in [
            format!("/media/image/7.jpg?{query}"),
            format!("/media/file/7/../7/x?{query}"),
            later,
            link.replace(&*api.app.id, &other.id),
            link.replace(&*api.app.id, "x"),
            link.split_once("&sig").unwrap().0.to_owned() + "&sig=é",
            "/media/image/7.jpg?sig=0".to_owned(),
        ] {
            assert_eq!(api.get(&wrong).await, unauthorized, "{wrong}");
        }
        assert_eq!(api.get("/media/image/7.jpg").await.json["code"], "unauthorized");
        api.fixture.clock.advance_seconds(3_600);
        assert_eq!(api.get(&link).await, unauthorized);
    }

    #[tokio::test]
    async fn the_links_of_responses_open_what_is_beside_them() {
        let api = Api::start().await;
        api.contacts(vec![contact("12ed2cd6", ContactKind::Friend, "朋友")]).await;
        let avatar = MediaPath::of_avatar(&Puid::new("12ed2cd6"));
        stored(&api, "image/avatar/12ed2cd6.jpg", JPEG).await;
        let friends = api.signed("/friends").await;
        let row = &friends.json["results"][0];
        assert_eq!(row["avatar"], avatar.as_str());
        let found = follow(&api.get(&local(row["avatar_url"].as_str().unwrap())).await, None).await;
        assert_eq!(found.bytes().await.unwrap(), JPEG);
        // The contact book is cached, and its links are made anew.
        api.fixture.clock.advance_seconds(60);
        let again = &api.signed("/friends").await.json["results"][0];
        assert_ne!(again["avatar_url"], row["avatar_url"]);
    }

    #[tokio::test]
    async fn what_a_browser_would_run_is_a_download() {
        let api = Api::start().await;
        for (path, bytes) in [
            ("file/1/a.html", &b"<!DOCTYPE html><script>alert(1)</script>"[..]),
            ("image/2.jpg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
            ("file/3/a.xml", b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>"),
        ] {
            stored(&api, path, bytes).await;
            let found = follow(&api.signed(&format!("/media/{path}")).await, None).await;
            assert_eq!(found.headers()["content-disposition"], "attachment", "{path}");
            assert_eq!(found.headers()["content-type"], "application/octet-stream", "{path}");
        }
    }

    #[tokio::test]
    async fn a_picture_that_is_missing_is_neutral() {
        let api = Api::start().await;
        let answer = api.signed("/media/image/avatar/00000000.jpg").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("image/png")));
        assert_eq!((answer.header("cache-control"), &answer.body[..4]), (Some(CACHE_NEUTRAL), &b"\x89PNG"[..]));
        assert!(png::Decoder::new(std::io::Cursor::new(NEUTRAL)).read_info().is_ok());
    }

    #[tokio::test]
    async fn other_paths_are_not_found() {
        let api = Api::start().await;
        let token = api.token().await;
        insta::assert_snapshot!(api.signed("/media/image/8.jpg").await, @r#"
        404 Not Found
        {
          "code": "not_found",
          "errmsg": "There is no such media, or their bytes are not stored yet.",
          "success": false
        }
        "#);
        let long = format!("image/{}", "x".repeat(5_000));
        for path in [
            "image",
            "image/",
            "image//8.jpg",
            "upload/0000000000000000000000000000000b",
            "../friends",
            "image/../../friends",
            "file/1/%2e%2e",
            "file/1/a%2Fb",
            "file/1/%00",
            "file/1/%FF",
            "file/1/%",
            "file/1/100%25.pdf",
            "file/1/报告 1.pdf",
            "x/y",
            &long,
        ] {
            let answer = api.bearer(&format!("/media/{path}"), &token).await;
            assert_eq!((answer.status.as_u16(), &answer.json["code"]), (404, &"not_found".into()), "{path}: {answer}");
        }
        let post = api.request(Request::post("/media/image/8.jpg")).await;
        assert_eq!((post.status.as_u16(), post.header("allow")), (405, Some("GET,HEAD")));
    }
}
