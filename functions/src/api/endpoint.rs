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

/// A request to the endpoint's first route that is answered with 200. The grants' test, the cold-start bench and the
/// walk of `tests/watch` send it.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub auth: SampleAuth,
    /// Whether the app must be online.
    pub online: bool,
    /// Parameters besides those of `auth`. `{friend}` here, and `{group}` in the route's path, stand for puids.
    pub query: &'static str,
    /// The fields of the response besides `success`. The OpenAPI document has no `success`.
    pub fields: &'static [&'static str],
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
    /// Whether `body` is the response that the sample promises.
    pub fn promises(&self, body: &Value) -> bool {
        let found = body.as_object().map(|body| body.keys().map(String::as_str).collect::<BTreeSet<_>>());
        if self.fields.contains(&"openapi") {
            return found == Some(self.fields.iter().copied().collect());
        }
        let promised = self.fields.iter().copied().chain(["success"]).collect();
        found == Some(promised) && body["success"] == true
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

    /// The method, the path and the query of the sample, with these puids in it.
    pub fn sample_request(&self, friend: &str, group: &str) -> (Method, String, String) {
        let Route { method, path, .. } = self.routes[0];
        (method, path.replace("{group}", group), self.sample.query.replace("{friend}", friend))
    }
}

/// A path without and, unless it is only a slash, with a slash at its end.
pub fn spellings(path: &str) -> Vec<String> {
    if path == "/" { vec![path.to_owned()] } else { vec![path.to_owned(), format!("{path}/")] }
}
