//! The POST to an app's callback: signed two ways, never to a forbidden address, never further than told.

mod guard;
mod policy;

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use domain::signature;
use http::StatusCode;
use jiff::Timestamp;
pub use policy::{Allowed, Policy};
use url::Url;

use guard::VettedResolver;
use policy::Refused;

/// How long a callback may take to answer, body included.
const TIME_OUT: Duration = Duration::from_secs(15);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Why a POST failed. The sentence is shown to administrators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The address may not be called, or is none.
    #[error("the callback URL is refused: {0}")]
    Refused(String),
    /// No connection, no answer in time, or one that broke off.
    #[error("the callback cannot be reached: {0}")]
    Unreachable(String),
    /// An answer other than 2xx.
    #[error("the callback answered {0}")]
    Status(StatusCode),
}

impl Failure {
    /// The callback's status, where it answered.
    pub fn status(&self) -> Option<u16> {
        if let Self::Status(status) = self { Some(status.as_u16()) } else { None }
    }

    /// Whether trying again within a second may help.
    pub fn is_passing(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// Whether every other message to the same callback would fail as well.
    pub fn is_general(&self) -> bool {
        !matches!(self, Self::Status(_))
    }
}

/// What a callback has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Some 2xx.
    pub status: StatusCode,
    /// Empty where it is too long to be a reply.
    pub body: Vec<u8>,
}

/// A message on its way, with what it is signed with.
#[derive(Debug, Clone)]
pub struct Post {
    pub url: String,
    /// The same for every try of one message (`webhook-id`).
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
        let resolver = VettedResolver::new(Arc::clone(&policy));
        let http = boot::http_client().dns_resolver(Arc::new(resolver)).build()?;
        Ok(Self { http, policy })
    }

    /// Posts once.
    pub async fn post(&self, post: &Post, at: Timestamp) -> Result<Taken, Failure> {
        let url = signed_url(post, at)?;
        self.policy.admit_literal(&url).map_err(|refused| Failure::Refused(refused.to_string()))?;
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
        let answer = request.send().await.map_err(failure)?;
        let status = answer.status();
        if status.is_success() { Ok(Taken { status, body: read(answer).await? }) } else { Err(Failure::Status(status)) }
    }
}

/// The callback's address with the predecessor's `timestamp` and `signature` after its own query.
fn signed_url(post: &Post, at: Timestamp) -> Result<Url, Failure> {
    let mut url = Url::parse(&post.url).map_err(|error| Failure::Refused(error.to_string()))?;
    let timestamp = at.as_second().to_string();
    let signature = signature::sign(&post.token, &timestamp);
    url.query_pairs_mut().append_pair("timestamp", &timestamp).append_pair("signature", &signature);
    Ok(url)
}

async fn read(mut answer: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            tracing::warn!(limit.bytes = MAX_ANSWER, "a callback's answer is too long to be a reply");
            return Ok(Vec::new());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What went wrong, in a sentence without the URL, whose query may hold the receiver's own secrets.
fn failure(error: reqwest::Error) -> Failure {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return Failure::Refused(refused.to_string());
        }
    }
    Failure::Unreachable(if timed_out { "it took too long".to_owned() } else { cause.to_string() })
}
