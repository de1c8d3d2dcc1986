//! `GET /openapi.json`: the API as an OpenAPI document. `GET /docs`: a page that shows it, with a viewer that comes from
//! here as well. Needs no credentials.

use axum::{
    http::request::Parts,
    response::{IntoResponse, Json, Response},
    routing::on,
};
use http::header;

use crate::api::{
    endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
    error::ApiError,
    html,
    openapi::{Auth, Failure, Kind, Operation, Parameter, Reply, document},
    path_segment::PathSegment,
    request_url,
    state::AppState,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "docs",
    title: Title { zh: "接口文档", en: "API documentation" },
    routes: &[
        Route { method: Method::Get, path: "/openapi.json", handler: |method| on(method, openapi) },
        Route { method: Method::Get, path: "/docs", handler: |method| on(method, page) },
        Route { method: Method::Get, path: "/docs/{asset}", handler: |method| on(method, asset) },
    ],
    needs: None,
    grants: &[],
    sample: Sample {
        auth: SampleAuth::None,
        online: false,
        query: "",
        fields: &["components", "info", "openapi", "paths", "servers", "tags"],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        paths: &["/openapi.json"],
        summary: "This document.",
        replies: &[Reply::content("OpenAPI 3.1.", &["application/json"])],
        ..PAGE
    },
    PAGE,
    Operation {
        paths: &["/docs/{asset}"],
        summary: "A part of that page.",
        parameters: &[&[Parameter::path("asset", Kind::Text(64), "Its name.", "swagger-ui.css")]],
        replies: &[Reply::content("The part, compressed with gzip.", &["text/css", "text/javascript"])],
        failures: &[Failure::NOT_FOUND],
        ..PAGE
    },
];
const PAGE: Operation = Operation {
    method: Method::Get,
    paths: &["/docs"],
    summary: "A page that shows this document.",
    auth: Auth::None,
    parameters: &[],
    body: &[],
    file: None,
    replies: &[Reply::content("The page.", &["text/html"])],
    failures: &[],
};

const HTML: &str = include_str!("docs.html");
/// The viewer sets styles through the object model, and its style sheet has pictures as data URIs.
const DIRECTIVES: &str =
    "style-src 'self' 'nonce-{{nonce}}'; script-src 'self' 'nonce-{{nonce}}'; img-src data:; connect-src 'self'";
/// Swagger UI, compressed: `swagger-ui/README.md` says where it comes from.
const ASSETS: [(&str, &str, &[u8]); 2] = [
    ("swagger-ui.css", "text/css; charset=utf-8", include_bytes!("swagger-ui/swagger-ui.css.gz")),
    ("swagger-ui.js", "text/javascript; charset=utf-8", include_bytes!("swagger-ui/swagger-ui-bundle.js.gz")),
];

/// The path of the API on its host, without a slash at its end.
fn base(state: &AppState, parts: &Parts) -> String {
    let url = request_url::of(parts, &request_url::base(parts, state.config.public_url.as_ref()));
    url.path().strip_suffix(parts.uri.path()).unwrap_or_default().to_owned()
}

async fn openapi(state: AppState, parts: Parts) -> Response {
    Json(document(&base(&state, &parts))).into_response()
}

async fn page(state: AppState, parts: Parts) -> Response {
    html::page(&HTML.replace("{{base}}", &base(&state, &parts)), &state.relay.ids.hex(), DIRECTIVES)
}

/// Every browser accepts gzip, so there is no other form.
async fn asset(PathSegment(name): PathSegment) -> Result<Response, ApiError> {
    let found = ASSETS.into_iter().find(|(asset, ..)| *asset == name);
    let (_, content_type, bytes) = found.ok_or(ApiError::NotFound("path"))?;
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_ENCODING, "gzip"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::state::Config, support::Api};

    #[tokio::test]
    async fn the_document_names_the_url_that_the_caller_used() {
        let api = Api::start().await;
        assert_eq!(api.get("/openapi.json").await.json["servers"][0]["url"], "/");
        let public = Config { public_url: Some("https://a.example/docs/".parse().unwrap()), ..Config::default() };
        let api = Api::with(public).await;
        assert_eq!(api.get("/openapi.json/").await.json["servers"][0]["url"], "/docs");
        assert!(api.get("/docs/").await.text().contains(r#"src="/docs/docs/swagger-ui.js""#));
    }

    #[tokio::test]
    async fn the_page_loads_nothing_from_elsewhere() {
        let api = Api::start().await;
        let page = api.get("/docs").await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        insta::assert_snapshot!(page.header("content-security-policy").unwrap(), @"default-src 'none'; style-src 'self' 'nonce-00000000000000000000000000000009'; script-src 'self' 'nonce-00000000000000000000000000000009'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        assert!(!page.text().contains("//") && !page.text().contains("{{"), "{}", page.text());
        for (name, content_type, bytes) in ASSETS {
            assert!(page.text().contains(&format!(r#"="/docs/{name}""#)), "{name}");
            let asset = api.get(&format!("/docs/{name}")).await;
            let found = (asset.status.as_u16(), asset.header("content-type"), asset.header("content-encoding"));
            assert_eq!(found, (200, Some(content_type), Some("gzip")), "{name}");
            assert_eq!(asset.body, bytes);
        }
        assert_eq!(api.get("/docs/other.js").await.json["code"], "not_found");
    }
}
