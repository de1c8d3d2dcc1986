//! The POST to an app's callback. It is signed in two ways, goes to allowed addresses only, and follows no redirect.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use domain::signature;
use guard::{Failed, Policy};
use http::StatusCode;
use jiff::Timestamp;
use url::Url;

/// How long a callback may take to respond, body included.
const TIME_OUT: Duration = Duration::from_secs(15);
/// The longest response body that is read, in bytes.
const MAX_RESPONSE: usize = 256 * 1024;

/// Why a POST failed. Administrators see the sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The URL is not a URL, or its address may not be called.
    #[error("the callback URL is refused: {0}")]
    Refused(String),
    /// No connection, a time-out, or an incomplete response.
    #[error("the callback cannot be reached: {0}")]
    Unreachable(String),
    /// A status other than 2xx.
    #[error("the callback answered {0}")]
    Status(StatusCode),
}

impl Failure {
    /// The status of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        if let Self::Status(status) = self { Some(status.as_u16()) } else { None }
    }

    /// Whether another attempt within a second may succeed.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// Whether every other message to the same callback would fail, too.
    pub fn affects_every_message(&self) -> bool {
        !matches!(self, Self::Status(_))
    }
}

/// A callback's 2xx response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackResponse {
    pub status: StatusCode,
    /// Empty if it is longer than a reply may be.
    pub body: Vec<u8>,
}

/// A request to a callback, with the secrets that sign it.
#[derive(Debug, Clone)]
pub struct Post {
    pub url: String,
    /// The header `webhook-id`: the same for every attempt of a message.
    pub id: String,
    pub token: String,
    /// `whsec_…`.
    pub signing_secret: String,
    pub body: Bytes,
}

/// Posts to callbacks; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    policy: Arc<Policy>,
}

impl Client {
    pub fn new(policy: Policy) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(policy);
        let http = guard::client(boot::http_client(), &policy)?;
        Ok(Self { http, policy })
    }

    /// What apps may have called.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Posts once.
    pub async fn post(&self, post: &Post, at: Timestamp) -> Result<CallbackResponse, Failure> {
        let url = signed_url(post, at)?;
        self.policy.check_url(&url).map_err(|refused| Failure::Refused(refused.to_string()))?;
        let refused = || Failure::Refused("the signing secret cannot be used".to_owned());
        let signature = signature::webhook(&post.signing_secret, &post.id, at.as_second(), &post.body);
        let request = self
            .http
            .post(url)
            .timeout(TIME_OUT)
            .header("content-type", "application/json")
            .header("user-agent", concat!("wechat-relay/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &post.id)
            .header("webhook-timestamp", at.as_second())
            .header("webhook-signature", signature.ok_or_else(refused)?)
            .body(post.body.clone());
        let response = request.send().await.map_err(failure)?;
        let status = response.status();
        if status.is_success() {
            Ok(CallbackResponse { status, body: read(response).await? })
        } else {
            Err(Failure::Status(status))
        }
    }
}

/// The callback's URL with the predecessor's `timestamp` and `signature` added to its own query.
fn signed_url(post: &Post, at: Timestamp) -> Result<Url, Failure> {
    let mut url = Url::parse(&post.url).map_err(|error| Failure::Refused(error.to_string()))?;
    let timestamp = at.as_second().to_string();
    let signature = signature::sign(&post.token, &timestamp);
    url.query_pairs_mut().append_pair("timestamp", &timestamp).append_pair("signature", &signature);
    Ok(url)
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > MAX_RESPONSE {
            tracing::warn!(limit.bytes = MAX_RESPONSE, "a callback's response is too long to be a reply");
            return Ok(Vec::new());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failure(error: reqwest::Error) -> Failure {
    match guard::failed(error) {
        Failed::Refused(refused) => Failure::Refused(refused.to_string()),
        Failed::Unreachable(why) => Failure::Unreachable(why),
    }
}
