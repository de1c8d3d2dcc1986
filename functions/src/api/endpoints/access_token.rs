//! `GET /access-token`, better `POST`: an access token, which authenticates requests to every other endpoint. A new one
//! replaces the old one. `/access_token` is the same.

use axum::{
    response::{IntoResponse, Response},
    routing::on,
};
use boot::{
    Grant::Table,
    TableOperation::{BatchGetItem, BatchWriteItem},
};
use domain::{app::AccessToken, secret};
use http::{Method as HttpMethod, header};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::{
    auth::{AuthMode, SecretCaller},
    endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
    error::{ApiError, Fields},
    openapi::{Auth, Operation, Reply},
    response::ApiResponse,
    state::AppState,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "access-token",
    title: Title { zh: "访问令牌", en: "Access token" },
    routes: &[
        Route { method: Method::Get, path: "/access-token", handler: |method| on(method, handle) },
        Route { method: Method::Post, path: "/access-token", handler: |method| on(method, handle) },
        Route { method: Method::Get, path: "/access_token", handler: |method| on(method, handle) },
        Route { method: Method::Post, path: "/access_token", handler: |method| on(method, handle) },
    ],
    needs: None,
    grants: &[Table(BatchGetItem), Table(BatchWriteItem)],
    sample: Sample { auth: SampleAuth::AppSecret, online: false, query: "", fields: &["access_token", "expire_in"] },
};

const PATHS: &[&str] = &["/access-token", "/access_token"];
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::Post,
        summary: "Makes an access token, for every other endpoint. It ends the one before.",
        ..GET
    },
    GET,
];
const GET: Operation = Operation {
    method: Method::Get,
    paths: PATHS,
    summary: "The same as POST, which keeps the app secret out of URLs. HEAD makes no token.",
    auth: Auth::OnlySecret,
    parameters: &[],
    body: &[],
    file: None,
    replies: &[Reply::ok::<ApiResponse<Token>>("The token.")],
    failures: &[],
};

/// How long an access token is valid, in seconds.
const LIFETIME: i64 = 7200;

#[derive(Serialize, JsonSchema)]
struct Token {
    #[schemars(example = &"2f0c66e1a9d94be5b3d8a0b5c2f4e7c1b0a4f6e85d3c4f7e9a1b2c3d4e5f6a7b")]
    access_token: String,
    /// Seconds.
    #[schemars(example = LIFETIME)]
    expire_in: i64,
}

/// The token begins with the app's id, so that one read finds the stored hash. An access token gets no further one: it
/// would never end. HEAD makes none either, for it would only end the current one.
async fn handle(state: AppState, method: HttpMethod, caller: SecretCaller) -> Result<Response, ApiError> {
    if caller.mode == AuthMode::AccessToken {
        return Err(ApiError::Unauthorized(Fields::new()));
    }
    if method == HttpMethod::HEAD {
        return Ok(().into_response());
    }
    let access_token = format!("{}{}", caller.app.id, state.relay.ids.hex());
    let expires = state.relay.now() + SignedDuration::from_secs(LIFETIME);
    let stored = AccessToken { hash: secret::hash(&access_token), expires };
    state.relay.store.put_access_token(&caller.app.id, &stored).await?;
    let token = ApiResponse::new(Token { access_token, expire_in: LIFETIME });
    Ok(([(header::CACHE_CONTROL, "no-store")], token).into_response())
}

#[cfg(test)]
mod tests {
    use http::Request;
    use testing::APP_SECRET;

    use crate::support::Api;

    #[tokio::test]
    async fn the_app_secret_gets_an_access_token() {
        let api = Api::start().await;
        let answer = api.secret("/access-token").await;
        insta::assert_snapshot!(answer, @r#"
        200 OK
        {
          "access_token": "0000000000000000000000000000000100000000000000000000000000000009",
          "expire_in": 7200,
          "success": true
        }
        "#);
        let wrong = api.get(&format!("/access-token?app_id={}&app_secret=wrong", api.app.id)).await;
        assert_eq!(wrong.json["code"], "unauthorized");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }

    #[tokio::test]
    async fn every_spelling_and_method_gets_one_and_a_head_request_none() {
        let api = Api::start().await;
        let secret = format!("app_id={}&app_secret={APP_SECRET}", api.app.id);
        let ask = async |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(format!("{path}?{secret}"));
            api.request(request).await
        };
        let mut latest = String::new();
        for (method, path) in
            [("GET", "/access-token/"), ("POST", "/access-token"), ("GET", "/access_token"), ("POST", "/access_token/")]
        {
            let answer = ask(method, path).await;
            latest = answer.json["access_token"].as_str().expect(path).to_owned();
        }
        let head = ask("HEAD", "/access-token").await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        assert_eq!(api.bearer("/friends", &latest).await.status, 200, "HEAD has not replaced it");
        assert_eq!(api.bearer("/access-token", &latest).await.json["code"], "unauthorized");
    }
}
