//! `GET /`: name, version and links, as JSON or as a page that lists the endpoints. Needs no credentials.

use axum::{
    http::{HeaderMap, request::Parts},
    response::{IntoResponse, Response},
    routing::on,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{ListedRoute, ROUTES};
use crate::api::{
    accept::{Representation, preferred},
    endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
    html,
    openapi::{Auth, Operation, Reply},
    request_url,
    response::ApiResponse,
    state::AppState,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "root",
    title: Title { zh: "本页", en: "This page" },
    routes: &[Route { method: Method::Get, path: "/", handler: |method| on(method, handle) }],
    needs: None,
    grants: &[],
    sample: Sample {
        auth: SampleAuth::None,
        online: false,
        query: "",
        fields: &["console", "docs", "name", "version"],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Get,
    paths: &["/"],
    summary: "Name, version and links; as a page if Accept asks for one.",
    auth: Auth::None,
    parameters: &[],
    body: &[],
    file: None,
    replies: &[Reply::ok::<ApiResponse<Root>>("Name, version and links.").or(&["text/html"])],
    failures: &[],
}];

const NAME: &str = "wechat-relay";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const PAGE: &str = include_str!("root.html");

#[derive(Serialize, JsonSchema)]
struct Root {
    #[schemars(example = NAME)]
    name: &'static str,
    #[schemars(example = &"0.1.0")]
    version: &'static str,
    /// Absolute.
    #[schemars(example = &"https://relay.example/docs")]
    docs: String,
    /// Absolute; null as long as the relay serves no console.
    console: Option<String>,
}

async fn handle(state: AppState, headers: HeaderMap, parts: Parts) -> Response {
    let mut docs = request_url::of(&parts, &request_url::base(&parts, state.config.public_url.as_ref()));
    docs.set_query(None);
    docs.set_path(&format!("{}docs", docs.path()));
    if preferred(&headers, &[Representation::Page, Representation::Json]) == Representation::Page {
        let page = PAGE
            .replace("{{version}}", VERSION)
            .replace("{{docs}}", docs.path())
            .replace("{{endpoints}}", &endpoints());
        return html::page(&page, &state.relay.ids.hex(), "style-src 'nonce-{{nonce}}'");
    }
    ApiResponse::new(Root { name: NAME, version: VERSION, docs: docs.into(), console: None }).into_response()
}

/// A row of the page's table for each route.
fn endpoints() -> String {
    let row = |route: &ListedRoute| {
        let (method, path, Title { zh, en }) = (route.method.as_str(), route.path, route.title);
        format!("<tr><td><code>{method} {path}</code></td><td>{zh} <small>{en}</small></td></tr>\n")
    };
    ROUTES.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::{api::state::Config, support::Api};

    #[tokio::test]
    async fn name_version_and_links_need_no_credentials() {
        let api = Api::start().await;
        let mut answer = api.get("/").await;
        assert_eq!(answer.json["version"].take(), VERSION);
        insta::assert_snapshot!(answer, @r#"
        200 OK
        {
          "console": null,
          "docs": "http://relay.test/docs",
          "name": "wechat-relay",
          "success": true,
          "version": null
        }
        "#);
        let queried = api.get("/?page=2").await;
        assert_eq!(queried.json["docs"], "http://relay.test/docs");
        let public = Config { public_url: Some("https://a.example/wechat/".parse().unwrap()), ..Config::default() };
        let api = Api::with(public).await;
        assert_eq!(api.get("/").await.json["docs"], "https://a.example/wechat/docs");
    }

    #[tokio::test]
    async fn a_browser_gets_a_page_that_lists_every_route() {
        let api = Api::start().await;
        let page = api.request(Request::get("/").header("accept", "text/html,*/*;q=0.8")).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        insta::assert_snapshot!(page.header("content-security-policy").unwrap(), @"default-src 'none'; style-src 'nonce-00000000000000000000000000000009'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        for route in ROUTES {
            assert!(page.text().contains(&format!("<code>{} {}</code>", route.method.as_str(), route.path)));
        }
        let text = page.text().replace(&endpoints(), "ENDPOINTS\n").replace(VERSION, "VERSION");
        insta::assert_snapshot!(text, @r#"
        <!doctype html>
        <html lang="zh">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>微信中继 · wechat-relay</title>
        <style nonce="00000000000000000000000000000009">
          :root { color-scheme: light dark; --fore: #1f2328; --back: #f3f4f6; --card: #fff; --soft: #656d76; --line: #d1d9e0; }
          @media (prefers-color-scheme: dark) { :root { --fore: #e6edf3; --back: #0d1117; --card: #161b22; --soft: #9198a1; --line: #30363d; } }
          * { box-sizing: border-box; }
          body { margin: 0; background: var(--back); color: var(--fore); font: 16px/1.5 system-ui, "PingFang SC", "Microsoft YaHei", sans-serif; }
          main { width: min(92vw, 40rem); margin: 2rem auto; padding: 2rem 1.5rem; border-radius: 1rem; background: var(--card);
                 box-shadow: 0 1px 12px rgb(0 0 0 / .08); }
          h1 { margin: 0; font-size: 1.5rem; }
          h2 { margin: 1.5rem 0 .5rem; font-size: 1.125rem; }
          p { margin: .25rem 0 0; }
          a { color: inherit; }
          small { color: var(--soft); }
          table { width: 100%; border-collapse: collapse; }
          td { padding: .4rem .5rem .4rem 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
          code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .875rem; }
        </style>
        </head>
        <body>
        <main>
          <h1>微信中继 <small>wechat-relay VERSION</small></h1>
          <p>在微信账号与 HTTP 程序之间传递消息 <small>Relays messages between WeChat accounts and programs that speak HTTP</small></p>
          <section>
            <h2>接口 <small>Endpoints</small></h2>
            <p><a href="/docs">参数与返回格式 <small>Parameters and responses</small></a></p>
            <table>
        ENDPOINTS
            </table>
          </section>
        </main>
        </body>
        </html>
        "#);
        let picture = api.request(Request::get("/").header("accept", "image/png")).await;
        assert_eq!(picture.json["name"], "wechat-relay");
    }

    #[tokio::test]
    async fn head_is_answered_without_a_body_and_other_methods_are_refused() {
        let api = Api::start().await;
        let head = api.request(Request::head("/")).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        assert_eq!(head.header("content-type"), Some("application/json"));
        let post = api.request(Request::post("/")).await;
        assert_eq!((post.status.as_u16(), post.header("allow")), (405, Some("GET,HEAD")));
        assert_eq!(api.get("//").await.status, 404);
    }
}
