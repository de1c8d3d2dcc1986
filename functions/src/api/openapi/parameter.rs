//! Parameters of operations.

use domain::page::MAX_SIZE;
use serde_json::{Value, json};

use crate::api::params::{MAX_VALUE, MAX_WAIT};

/// A parameter, with what it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub name: &'static str,
    pub place: Place,
    pub required: bool,
    pub kind: Kind,
    pub about: &'static str,
    /// A value as the URL has it, before it is encoded.
    pub example: &'static str,
}

/// Where a parameter is. Those in a query may also be in the body of a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Query,
    Path,
    Header,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// At most so many characters.
    Text(usize),
    /// A name that the channel has given out: at most [`MAX_VALUE`] visible ASCII characters.
    Opaque,
    /// A contact's puid.
    Puid,
    /// 32 hexadecimal digits.
    Id,
    /// Several path segments.
    Path,
    Boolean,
    /// A whole number from the first to the second.
    Whole(u64, u64),
    /// One of a few words.
    OneOf(fn() -> Vec<&'static str>),
    /// A local time in the service's zone.
    Time,
}

/// A text of the usual length.
pub(crate) const TEXT: Kind = Kind::Text(MAX_VALUE);

impl Parameter {
    pub(crate) const fn query(name: &'static str, kind: Kind, about: &'static str, example: &'static str) -> Self {
        Self { name, place: Place::Query, required: false, kind, about, example }
    }

    /// A filter that a field must equal.
    pub(crate) const fn exact(name: &'static str, example: &'static str) -> Self {
        Self::query(name, TEXT, "The field must equal this.", example)
    }

    /// One in the path; it cannot be left out.
    pub(crate) const fn path(name: &'static str, kind: Kind, about: &'static str, example: &'static str) -> Self {
        Self { name, place: Place::Path, required: true, kind, about, example }
    }

    pub(crate) const fn header(name: &'static str, kind: Kind, about: &'static str, example: &'static str) -> Self {
        Self { name, place: Place::Header, required: false, kind, about, example }
    }

    #[must_use]
    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// As a Parameter Object.
    pub(super) fn object(&self) -> Value {
        let place = match self.place {
            Place::Query => "query",
            Place::Path => "path",
            Place::Header => "header",
        };
        json!({
            "name": self.name,
            "in": place,
            "required": self.required,
            "description": self.about,
            "schema": self.schema(),
            "example": self.example(),
        })
    }

    /// As a property of a body.
    pub(super) fn property(&self) -> Value {
        let mut schema = self.schema();
        schema["description"] = self.about.into();
        schema["examples"] = json!([self.example()]);
        schema
    }

    fn schema(&self) -> Value {
        match self.kind {
            Kind::Text(max) if self.required => json!({ "type": "string", "minLength": 1, "maxLength": max }),
            Kind::Text(max) => json!({ "type": "string", "maxLength": max }),
            Kind::Opaque => json!({ "type": "string", "pattern": "^[!-~]+$", "maxLength": MAX_VALUE }),
            Kind::Puid => json!({ "type": "string", "pattern": "^[0-9a-f]{1,64}$" }),
            Kind::Id => json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }),
            Kind::Path => json!({ "type": "string", "minLength": 1 }),
            Kind::Boolean => json!({ "type": "boolean" }),
            Kind::Whole(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Kind::OneOf(words) => json!({ "type": "string", "enum": words() }),
            Kind::Time => json!({ "type": "string", "pattern": TIME }),
        }
    }

    fn example(&self) -> Value {
        match self.kind {
            Kind::Boolean | Kind::Whole(..) => serde_json::from_str(self.example).expect("a number or a boolean"),
            _ => self.example.into(),
        }
    }
}

/// A local time: with or without a fraction of a second.
const TIME: &str = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?$";

/// `page` and `page_size`.
pub(crate) const PAGES: &[Parameter] = &[
    Parameter::query("page", Kind::Whole(1, u32::MAX as u64), "From 1.", "1"),
    Parameter::query(
        "page_size",
        Kind::Whole(1, MAX_SIZE as u64),
        "Rows a page: 20 by default. More than 100 count as 100.",
        "20",
    ),
];

/// `wait`.
pub(crate) const WAIT: Parameter =
    Parameter::query("wait", Kind::Whole(0, MAX_WAIT), "How long the answer may wait, in seconds.", "0");
