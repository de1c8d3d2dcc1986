//! `GET /access-token`: a token for every endpoint, in place of a signature. A new one replaces the old.

use axum::{Router, routing::get};
use domain::{app::AccessToken, secret};
use jiff::SignedDuration;
use serde::Serialize;

use crate::api::{auth::SecretCaller, endpoints::at, error::ApiError, state::AppState, success::Success};

/// How long a token works, in seconds.
const LIFETIME: i64 = 7200;

#[derive(Serialize)]
struct Token {
    access_token: String,
    expire_in: i64,
}

pub const PATHS: &[&str] = &["/access-token"];

pub fn route() -> Router<AppState> {
    at(PATHS, &get(handle))
}

/// A token begins with its app's id, so that one read finds what it is compared with.
async fn handle(state: AppState, caller: SecretCaller) -> Result<Success<Token>, ApiError> {
    let access_token = format!("{}{}", caller.app.id, state.relay.ids.hex());
    let expires = state.relay.now() + SignedDuration::from_secs(LIFETIME);
    let kept = AccessToken { hash: secret::hash(&access_token), expires };
    state.relay.store.put_access_token(&caller.app.id, &kept).await?;
    Ok(Success::new(Token { access_token, expire_in: LIFETIME }))
}

#[cfg(test)]
mod tests {
    use crate::support::Api;

    #[tokio::test]
    async fn the_app_secret_buys_a_token() {
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
