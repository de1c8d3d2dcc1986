//! The API as an OpenAPI 3.1 document. Each endpoint describes its operations in a constant beside its handler, and
//! [`document`] joins them in the order of [`ROUTES`](super::endpoints::ROUTES).
//!
//! A description refers to no handler. So only the function `docs` links the descriptions, and it links no handler.

mod document;
mod failure;
mod json;
mod parameter;

pub(crate) use document::document;
pub(crate) use failure::Failure;
pub(crate) use json::{LocalTime, MediaUrl, PlainTime};
#[cfg(test)]
pub(crate) use parameter::Place;
pub(crate) use parameter::{Kind, PAGES, Parameter, WAIT};

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::api::endpoint::Method;

/// What a method of one or several paths does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub method: Method,
    /// As the routes have them. The first is the one that our documents use, the others are the same.
    pub paths: &'static [&'static str],
    /// One or two sentences.
    pub summary: &'static str,
    pub auth: Auth,
    /// Those in the path, in the query or in headers.
    pub parameters: &'static [&'static [Parameter]],
    /// Those that a body of a POST gives as JSON or as a form. They may be in the query as well.
    pub body: &'static [Parameter],
    /// The part of a `multipart/form-data` body that holds a file; the other parts are those of `body`.
    pub file: Option<&'static str>,
    pub replies: &'static [Reply],
    /// Besides those that follow from `auth`, `body` and the endpoint's capability.
    pub failures: &'static [Failure],
}

/// How an operation's caller is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    None,
    /// App id and app secret.
    OnlySecret,
    /// The same, or an access token.
    Secret,
    /// App id, app secret and a signature, or an access token.
    Signature,
    /// As `Signature`, or a signed link.
    SignatureOrLink,
}

/// An answer that is no failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply {
    status: u16,
    /// When it is given, or what it shows.
    about: &'static str,
    json: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// Content types besides JSON.
    others: &'static [&'static str],
}

impl Reply {
    /// 200 with a JSON body.
    pub(crate) const fn ok<Body: JsonSchema>(about: &'static str) -> Self {
        Self::json::<Body>(200, about)
    }

    /// 202 with a JSON body.
    pub(crate) const fn accepted<Body: JsonSchema>(about: &'static str) -> Self {
        Self::json::<Body>(202, about)
    }

    const fn json<Body: JsonSchema>(status: u16, about: &'static str) -> Self {
        Self { status, about, json: Some(SchemaGenerator::subschema_for::<Body>), others: &[] }
    }

    /// 302 to another URL.
    pub(crate) const fn redirect(about: &'static str) -> Self {
        Self { status: 302, about, json: None, others: &[] }
    }

    /// 200 with a body of one of these content types.
    pub(crate) const fn content(about: &'static str, types: &'static [&'static str]) -> Self {
        Self { status: 200, about, json: None, others: types }
    }

    /// The same, with these content types as well.
    #[must_use]
    pub(crate) const fn or(self, types: &'static [&'static str]) -> Self {
        Self { others: types, ..self }
    }
}
