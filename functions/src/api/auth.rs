//! Authentication: [`Caller`] for endpoints with signed requests, [`SecretCaller`] for the three endpoints that accept the
//! app secret without a signature. Both accept an access token instead, and `Authorization: Basic` for app id and secret.
//!
//! An unknown app, a wrong secret, a wrong signature and a wrong token get the same response after the same work. Every
//! comparison takes constant time.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use domain::{
    app::{AccessToken, App},
    id::{ID_LENGTH, InvalidId},
    media::MediaPath,
    secret, signature,
};
use http::{Method, header, request::Parts};
use jiff::Timestamp;
use url::Url;

use crate::{
    api::{
        endpoint::NeededCapability,
        error::{ApiError, Fields},
        params::Params,
        request_url,
        state::AppState,
    },
    links::Links,
};

/// The longest request body, in bytes.
pub(crate) const MAX_BODY: usize = 256 * 1024;

/// What a request was authenticated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    AppSecret,
    Signature,
    AccessToken,
}

/// An authenticated caller, and its request.
#[derive(Debug)]
pub struct Caller {
    pub app: App,
    /// The state of the app's contact book.
    pub book: store::Book,
    pub mode: AuthMode,
    pub params: Params,
    /// The API's URL, as the caller knows it.
    pub base: Url,
    /// The request's URL, as the caller knows it.
    pub url: Url,
}

impl Caller {
    /// Signs links to the app's media.
    pub(crate) fn links(&self, state: &AppState) -> Links<'_> {
        Links::new(Some(&self.base), &self.app, state.relay.now())
    }

    /// The puid of the app's account, which every row of a contact names.
    pub(crate) fn owner(&self) -> Option<Arc<str>> {
        self.app.bound.as_ref().map(|bound| Arc::from(bound.puid.as_str()))
    }
}

/// A caller that was authenticated with the app secret or an access token.
#[derive(Debug)]
pub struct SecretCaller {
    pub app: App,
    pub mode: AuthMode,
    pub params: Params,
    /// The API's URL, as the caller knows it.
    pub base: Url,
}

impl SecretCaller {
    /// Signs links to the app's media.
    pub(crate) fn links(&self, state: &AppState) -> Links<'_> {
        Links::new(Some(&self.base), &self.app, state.relay.now())
    }
}

impl FromRequest<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        authenticate(request, state, AuthMode::Signature).await
    }
}

impl FromRequest<AppState> for SecretCaller {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let Caller { app, mode, params, base, .. } = authenticate(request, state, AuthMode::AppSecret).await?;
        Ok(Self { app, mode, params, base })
    }
}

/// Reads the parameters, and authenticates the caller.
async fn authenticate(request: Request, state: &AppState, mode: AuthMode) -> Result<Caller, ApiError> {
    let (parts, body) = request.into_parts();
    let mut params = Params::from_query(parts.uri.query())?;
    if parts.method == Method::POST {
        params.add_body(&parts.headers, &read_body(body).await?)?;
    }
    admit(&parts, params, state, mode).await
}

/// Authenticates a caller by its access token if it has one, else by `mode`. Refuses an endpoint that the app's channel
/// does not support.
pub(crate) async fn admit(parts: &Parts, params: Params, state: &AppState, mode: AuthMode) -> Result<Caller, ApiError> {
    let token = bearer(parts).or(params.get("access_token"));
    let mode = if token.is_some() { AuthMode::AccessToken } else { mode };
    let (app, book) = match token {
        Some(token) => authenticate_by_token(state, token).await?,
        None => authenticate_by_secret(state, &params, basic(parts).as_ref(), mode).await?,
    };
    if let Some(NeededCapability(needed)) = parts.extensions.get()
        && !(state.config.capabilities)(app.channel).has(*needed)
    {
        return Err(ApiError::UnsupportedByChannel(*needed));
    }
    let base = request_url::base(parts, state.config.public_url.as_ref());
    let url = request_url::of(parts, &base);
    Ok(Caller { app, book, mode, params, base, url })
}

async fn read_body(body: Body) -> Result<bytes::Bytes, ApiError> {
    axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| ApiError::TooLarge("a body may have 256 KiB"))
}

/// The value of `Authorization` if it has this scheme.
fn authorization<'a>(parts: &'a Parts, scheme: &str) -> Option<&'a str> {
    let (given, value) = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then_some(value.trim())
}

fn bearer(parts: &Parts) -> Option<&str> {
    authorization(parts, "bearer")
}

/// App id and app secret of `Authorization: Basic`.
fn basic(parts: &Parts) -> Option<(String, String)> {
    let decoded = data_encoding::BASE64.decode(authorization(parts, "basic")?.as_bytes()).ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn unauthorized() -> ApiError {
    ApiError::Unauthorized(Fields::new())
}

/// The app whose signed link opens `path`.
pub(crate) async fn app_of_link(state: &AppState, params: &Params, path: Option<&MediaPath>) -> Result<App, ApiError> {
    let given = |name| params.get(name).unwrap_or_default();
    let now = state.relay.now();
    let opens = |app: &App| path.is_some_and(|path| path.verify(app, given("expires"), given("sig"), now));
    let caller = find(state, given("app_id")).await?;
    caller.map(|caller| caller.app).filter(opens).ok_or_else(unauthorized)
}

/// The app and what authenticates it; `None` also for a text that is not an id.
async fn find(state: &AppState, id: &str) -> Result<Option<store::Caller>, ApiError> {
    match id.parse() {
        Ok(id) => Ok(state.relay.store.caller(&id).await?),
        Err(InvalidId) => Ok(None),
    }
}

async fn authenticate_by_token(state: &AppState, token: &str) -> Result<(App, store::Book), ApiError> {
    let caller = find(state, token.get(..ID_LENGTH).unwrap_or_default()).await?;
    let hash = secret::hash(token);
    let no_token = AccessToken { hash: secret::hash(""), expires: Timestamp::MIN };
    let stored = caller.as_ref().and_then(|caller| caller.token.as_ref()).unwrap_or(&no_token);
    let admitted = secret::same(&stored.hash, &hash) & (state.relay.now() < stored.expires);
    let caller = caller.filter(|_| admitted).ok_or_else(unauthorized)?;
    Ok((caller.app, caller.book))
}

/// `basic` replaces the parameters `app_id` and `app_secret`.
async fn authenticate_by_secret(
    state: &AppState,
    params: &Params,
    basic: Option<&(String, String)>,
    mode: AuthMode,
) -> Result<(App, store::Book), ApiError> {
    let given = |name: &str| match (name, basic) {
        ("app_id", Some((id, _))) => Some(id.as_str()),
        ("app_secret", Some((_, secret))) => Some(secret.as_str()),
        _ => params.get(name),
    };
    let required: &[&'static str] = match mode {
        AuthMode::Signature => &["app_id", "app_secret", "timestamp", "signature"],
        AuthMode::AppSecret | AuthMode::AccessToken => &["app_id", "app_secret"],
    };
    let missing = required.iter().filter(|name| given(name).is_none());
    let missing: Fields = missing.map(|name| (*name, "is required".to_owned())).collect();
    if !missing.is_empty() {
        return Err(ApiError::Unauthorized(missing));
    }
    let given = |name| given(name).unwrap_or_default();
    let caller = find(state, given("app_id")).await?;
    let (hash, token) = match &caller {
        Some(caller) => (caller.app.secret_hash.clone(), caller.app.open_token(&state.relay.sealer)?),
        None => (secret::hash(""), String::new()),
    };
    let known = secret::same(&hash, &secret::hash(given("app_secret")));
    let signed = signature::verify(&token, given("timestamp"), given("signature"));
    // Both are computed before either counts, so that the response takes the same time.
    let admitted = known && (signed || mode != AuthMode::Signature);
    let caller = caller.filter(|_| admitted).ok_or_else(unauthorized)?;
    if mode == AuthMode::Signature {
        check_timestamp(state, given("timestamp"))?;
    }
    Ok((caller.app, caller.book))
}

/// Tells a caller with a valid signature that its timestamp is too old or in the future.
fn check_timestamp(state: &AppState, timestamp: &str) -> Result<(), ApiError> {
    let at = timestamp.split('.').next().unwrap_or_default().parse::<i64>();
    let max_age = state.config.signature_max_age.as_secs();
    if at.is_ok_and(|at| state.relay.now().as_second().abs_diff(at) <= max_age) {
        return Ok(());
    }
    let why = format!("must be Unix seconds within {max_age} of the service's clock");
    Err(ApiError::Unauthorized(Fields::from([("timestamp", why)])))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use testing::{APP_SECRET, TOKEN};

    use super::*;
    use crate::support::Api;

    #[tokio::test]
    async fn every_part_of_a_signed_request_must_be_right() {
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
    async fn basic_authorization_stands_for_app_id_and_secret() {
        let api = Api::start().await;
        let now = api.fixture.relay.now().as_second().to_string();
        let signed = format!("/friends?timestamp={now}&signature={}", signature::sign(TOKEN, &now));
        let ask = async |path: &str, id: &str, secret: &str| {
            let basic = data_encoding::BASE64.encode(format!("{id}:{secret}").as_bytes());
            api.request(http::Request::get(path).header("authorization", format!("Basic {basic}"))).await.status
        };
        assert_eq!(ask(&signed, &api.app.id, APP_SECRET).await, StatusCode::OK);
        assert_eq!(ask("/access-token", &api.app.id, APP_SECRET).await, StatusCode::OK);
        assert_eq!(ask("/access-token", &api.app.id, "wrong").await, StatusCode::UNAUTHORIZED);
        assert_eq!(
            ask("/friends", &api.app.id, APP_SECRET).await,
            StatusCode::UNAUTHORIZED,
            "the signature is missing"
        );
        for odd in ["Basic", "Basic !", "Basic /w==", "Basic YQ=="] {
            let answer = api.request(http::Request::get("/access-token").header("authorization", odd)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{odd}");
        }
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
