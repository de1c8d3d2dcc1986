//! `GET /access-token`: an access token, which authenticates requests to every endpoint. A new one replaces the old one.

use axum::routing::on;
use boot::{
    Grant::Table,
    TableOperation::{BatchGetItem, BatchWriteItem},
};
use domain::{app::AccessToken, secret};
use jiff::SignedDuration;
use serde::Serialize;

use crate::api::{
    auth::SecretCaller,
    endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
    error::ApiError,
    response::ApiResponse,
    state::AppState,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "access-token",
    title: Title { zh: "访问令牌", en: "Access token" },
    routes: &[Route { method: Method::Get, path: "/access-token", handler: |method| on(method, handle) }],
    needs: None,
    grants: &[Table(BatchGetItem), Table(BatchWriteItem)],
    sample: Sample { auth: SampleAuth::AppSecret, online: false, query: "", fields: &["access_token", "expire_in"] },
};

/// How long an access token is valid, in seconds.
const LIFETIME: i64 = 7200;

#[derive(Serialize)]
struct Token {
    access_token: String,
    expire_in: i64,
}

/// The token begins with the app's id, so that one read finds the stored hash.
async fn handle(state: AppState, caller: SecretCaller) -> Result<ApiResponse<Token>, ApiError> {
    let access_token = format!("{}{}", caller.app.id, state.relay.ids.hex());
    let expires = state.relay.now() + SignedDuration::from_secs(LIFETIME);
    let stored = AccessToken { hash: secret::hash(&access_token), expires };
    state.relay.store.put_access_token(&caller.app.id, &stored).await?;
    Ok(ApiResponse::new(Token { access_token, expire_in: LIFETIME }))
}

#[cfg(test)]
mod tests {
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
    }
}
