//! What an endpoint declares about itself.

use std::collections::BTreeSet;

use axum::{
    Extension, Router,
    routing::{MethodFilter, MethodRouter},
};
use boot::Grant;
use domain::channel::Capability;
use serde_json::Value;

use crate::api::state::AppState;

/// A function that serves paths of the API.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint {
    /// The name of the binary; the function's is the stack's name and this.
    pub binary: &'static str,
    pub title: Title,
    pub routes: &'static [Route],
    /// What the app's channel must be able to do; a request of another app is answered with 422.
    pub needs: Option<Capability>,
    /// The AWS operations that the function may call, besides writing its log.
    pub grants: &'static [Grant],
    pub sample: Sample,
}

/// The capability that the matched route needs, as an extension of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NeededCapability(pub(crate) Capability);

/// An endpoint's name in the list of endpoints.
#[derive(Debug, Clone, Copy)]
pub struct Title {
    pub zh: &'static str,
    pub en: &'static str,
}

/// A path with one method.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: Method,
    /// In axum's notation, without a slash at its end. It is served with one, too.
    pub path: &'static str,
    pub handler: fn(MethodFilter) -> MethodRouter<AppState>,
}

/// `Get` includes HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
        }
    }
}

/// A request to the endpoint's first route that succeeds. The grants' test, the cold-start bench and the walk of
/// `tests/watch` send it.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub auth: SampleAuth,
    /// Whether the app must be online.
    pub online: bool,
    /// Parameters besides those of `auth`. Here and in the route's path, words in braces stand for [`SampleValues`].
    pub query: &'static str,
    /// The fields of the response besides `success`. The OpenAPI document has no `success`. None for a response that is
    /// no JSON, or a redirect to one.
    pub fields: &'static [&'static str],
}

/// What samples refer to.
#[derive(Debug, Clone, Copy)]
pub struct SampleValues<'a> {
    /// `{friend}`: the puid of a friend.
    pub friend: &'a str,
    /// `{group}`: the puid of a group.
    pub group: &'a str,
    /// `{job}`: the id of a job that has sent a message within the last two minutes.
    pub job: &'a str,
    /// `{ticket}`: the ticket of a friend request in the history.
    pub ticket: &'a str,
}

/// The parameters that authenticate a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleAuth {
    None,
    AppSecret,
    /// The app secret and a signature.
    Signature,
}

impl Sample {
    /// Whether the response is the one that the sample promises. `body` is `Null` for one that is no JSON.
    pub fn is_answered_by(&self, status: u16, body: &Value) -> bool {
        if self.fields.is_empty() {
            return matches!(status, 200 | 302);
        }
        let found = body.as_object().map(|body| body.keys().map(String::as_str).collect::<BTreeSet<_>>());
        if self.fields.contains(&"openapi") {
            return status == 200 && found == Some(self.fields.iter().copied().collect());
        }
        let promised = self.fields.iter().copied().chain(["success"]).collect();
        matches!(status, 200 | 202) && found == Some(promised) && body["success"] == true
    }
}

impl Endpoint {
    pub fn router(&self) -> Router<AppState> {
        self.routes.iter().fold(Router::new(), |router, route| {
            let mut handler = (route.handler)(route.method.filter());
            if let Some(capability) = self.needs {
                handler = handler.layer(Extension(NeededCapability(capability)));
            }
            spellings(route.path).into_iter().fold(router, |router, path| router.route(&path, handler.clone()))
        })
    }

    /// The method, the path and the query of the sample, with these values in it.
    pub fn sample_request(&self, values: SampleValues<'_>) -> (Method, String, String) {
        let Route { method, path, .. } = self.routes[0];
        let fill = |text: &str| {
            let words = [("{friend}", values.friend), ("{group}", values.group), ("{job}", values.job)];
            let words = words.into_iter().chain([("{ticket}", values.ticket)]);
            words.fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
        };
        // A path of media may have several segments; a picture of a contact is always answered.
        (method, fill(&path.replace("{*path}", "image/avatar/{friend}.jpg")), fill(self.sample.query))
    }
}

/// A path without and with a slash at its end; only as it is if it is a slash, or ends in a parameter of any length.
pub fn spellings(path: &str) -> Vec<String> {
    let one = path == "/" || path.contains("{*");
    if one { vec![path.to_owned()] } else { vec![path.to_owned(), format!("{path}/")] }
}
