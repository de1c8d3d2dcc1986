//! Who calls, as API.md § Who calls: [`Caller`] for signed requests, [`SecretCaller`] for the three endpoints that take the
//! bare app secret. Both take an access token as well.
//!
//! An unknown app, a wrong secret, a wrong signature and a wrong token answer alike, after like work. Every comparison
//! takes constant time.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use domain::{
    app::{AccessToken, App},
    id::{ID_LENGTH, InvalidId},
    secret, signature,
};
use http::{Method, header, request::Parts};
use jiff::Timestamp;
use url::Url;

use crate::api::{
    error::{ApiError, Fields},
    params::Params,
    request_url,
    state::AppState,
};

/// The longest body that is read, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// How the caller showed who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    AppSecret,
    Signature,
    AccessToken,
}

/// A caller of a signed endpoint, let in; with everything that its request says.
#[derive(Debug)]
pub struct Caller {
    pub app: App,
    /// Changes whenever a contact did.
    pub book_version: u64,
    pub mode: Mode,
    pub params: Params,
    /// The request's own address, as the caller knows it.
    pub url: Url,
}

/// A caller that holds the app secret, let in.
#[derive(Debug)]
pub struct SecretCaller {
    pub app: App,
    pub params: Params,
}

impl FromRequest<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        admit(request, state, Mode::Signature).await
    }
}

impl FromRequest<AppState> for SecretCaller {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let Caller { app, params, .. } = admit(request, state, Mode::AppSecret).await?;
        Ok(Self { app, params })
    }
}

/// Reads the parameters and lets the caller in by `otherwise`, unless it brings an access token.
async fn admit(request: Request, state: &AppState, otherwise: Mode) -> Result<Caller, ApiError> {
    let (parts, body) = request.into_parts();
    let mut params = Params::of_query(parts.uri.query());
    if parts.method == Method::POST {
        params.add_body(&parts.headers, &read(body).await?)?;
    }
    let token = bearer(&parts).or(params.get("access_token"));
    let mode = if token.is_some() { Mode::AccessToken } else { otherwise };
    let (app, book_version) = match token {
        Some(token) => by_token(state, token).await?,
        None => by_secret(state, &params, mode).await?,
    };
    let url = request_url::of(&parts, state.config.public_url.as_ref());
    Ok(Caller { app, book_version, mode, params, url })
}

async fn read(body: Body) -> Result<bytes::Bytes, ApiError> {
    axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| ApiError::TooLarge("a body may have 256 KiB"))
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn refused() -> ApiError {
    ApiError::Unauthorized(Fields::new())
}

/// The row of an app id; what cannot be one is not looked up.
async fn look_up(state: &AppState, id: &str) -> Result<Option<store::Caller>, ApiError> {
    match id.parse() {
        Ok(id) => Ok(state.relay.store.caller(&id).await?),
        Err(InvalidId) => Ok(None),
    }
}

async fn by_token(state: &AppState, token: &str) -> Result<(App, u64), ApiError> {
    let caller = look_up(state, token.get(..ID_LENGTH).unwrap_or_default()).await?;
    let hash = secret::hash(token);
    let nobodys = AccessToken { hash: secret::hash(""), expires: Timestamp::MIN };
    let kept = caller.as_ref().and_then(|caller| caller.token.as_ref()).unwrap_or(&nobodys);
    let admitted = secret::same(&kept.hash, &hash) & (state.relay.now() < kept.expires);
    let caller = caller.filter(|_| admitted).ok_or_else(refused)?;
    Ok((caller.app, caller.book_version))
}

async fn by_secret(state: &AppState, params: &Params, mode: Mode) -> Result<(App, u64), ApiError> {
    let wanted: &[&'static str] = match mode {
        Mode::Signature => &["app_id", "app_secret", "timestamp", "signature"],
        Mode::AppSecret | Mode::AccessToken => &["app_id", "app_secret"],
    };
    let missing = wanted.iter().filter(|name| params.get(name).is_none());
    let missing: Fields = missing.map(|name| (*name, "is required".to_owned())).collect();
    if !missing.is_empty() {
        return Err(ApiError::Unauthorized(missing));
    }
    let given = |name| params.get(name).unwrap_or_default();
    let caller = look_up(state, given("app_id")).await?;
    let (hash, token) = match &caller {
        Some(caller) => (caller.app.secret_hash.clone(), caller.app.open_token(&state.relay.sealer)?),
        None => (secret::hash(""), String::new()),
    };
    let known = secret::same(&hash, &secret::hash(given("app_secret")));
    let signed = signature::verify(&token, given("timestamp"), given("signature"));
    // Both were worked out before either counts.
    let admitted = known && (signed || mode != Mode::Signature);
    let caller = caller.filter(|_| admitted).ok_or_else(refused)?;
    if mode == Mode::Signature {
        in_time(state, given("timestamp"))?;
    }
    Ok((caller.app, caller.book_version))
}

/// Tells a caller that has signed rightly that its clock, or its request, is off.
fn in_time(state: &AppState, timestamp: &str) -> Result<(), ApiError> {
    let at = timestamp.split('.').next().unwrap_or_default().parse::<i64>();
    let most = state.config.signature_max_age.as_secs();
    if at.is_ok_and(|at| state.relay.now().as_second().abs_diff(at) <= most) {
        return Ok(());
    }
    let why = format!("must be Unix seconds within {most} of the service's clock");
    Err(ApiError::Unauthorized(Fields::from([("timestamp", why)])))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use testing::{APP_SECRET, TOKEN};

    use super::*;
    use crate::support::Api;

    #[tokio::test]
    async fn all_four_parts_of_a_signed_request_must_be_right() {
        let api = Api::start().await;
        let (id, now) = (api.app.id.clone(), api.fixture.relay.now().as_second());
        let ask = async |id: &str, secret: &str, timestamp: i64, signature: &str| {
            let query = format!("app_id={id}&app_secret={secret}&timestamp={timestamp}&signature={signature}");
            api.get(&format!("/friends?{query}")).await
        };
        let signature = |at: i64| signature::sign(TOKEN, &at.to_string());
        assert_eq!(ask(&id, APP_SECRET, now, &signature(now)).await.status, StatusCode::OK);
        assert_eq!(ask(&id, APP_SECRET, now - 300, &signature(now - 300)).await.status, StatusCode::OK);

        let unknown = ask(&"0".repeat(32), APP_SECRET, now, &signature(now)).await;
        insta::assert_snapshot!(unknown, @r#"
        401 Unauthorized
        {
          "code": "unauthorized",
          "errmsg": "The credentials are missing, wrong or out of date.",
          "success": false
        }
        "#);
        let wrong = [
            ask("no-id", APP_SECRET, now, &signature(now)).await,
            ask(&"é".repeat(600), APP_SECRET, now, &signature(now)).await,
            ask(&id, "wrong", now, &signature(now)).await,
            ask(&id, APP_SECRET, now, &signature(now + 1)).await,
            ask(&id, APP_SECRET, now, "é").await,
        ];
        for answer in wrong {
            assert_eq!(answer, unknown);
        }
        let stale = ask(&id, APP_SECRET, now + 302, &signature(now + 302)).await;
        insta::assert_snapshot!(stale, @r#"
        401 Unauthorized
        {
          "code": "unauthorized",
          "errmsg": "The credentials are missing, wrong or out of date.",
          "fields": {
            "timestamp": "must be Unix seconds within 300 of the service's clock"
          },
          "success": false
        }
        "#);
        let bare = api.get("/friends?app_id=1").await;
        insta::assert_snapshot!(bare, @r#"
        401 Unauthorized
        {
          "code": "unauthorized",
          "errmsg": "The credentials are missing, wrong or out of date.",
          "fields": {
            "app_secret": "is required",
            "signature": "is required",
            "timestamp": "is required"
          },
          "success": false
        }
        "#);
    }

    #[tokio::test]
    async fn an_access_token_works_until_it_expires_or_is_replaced() {
        let api = Api::start().await;
        let token = api.token().await;
        assert_eq!(api.get(&format!("/friends?access_token={token}")).await.status, StatusCode::OK);
        assert_eq!(api.bearer("/friends", &token).await.status, StatusCode::OK);
        assert_eq!(api.bearer("/friends", &format!("{token}0")).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(api.bearer("/friends", "é").await.status, StatusCode::UNAUTHORIZED);
        let newer = api.token().await;
        assert_eq!(api.bearer("/friends", &token).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(api.bearer("/friends", &newer).await.status, StatusCode::OK);
        api.fixture.clock.advance_seconds(7200);
        assert_eq!(api.bearer("/friends", &newer).await.status, StatusCode::UNAUTHORIZED);
    }
}
