//! Schemas of texts in bodies that have a form of their own.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        pub(crate) enum $name {}

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text! {
    /// A local time in ISO 8601, with microseconds unless they are zero.
    LocalTime, {
        "type": "string",
        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$",
        "examples": ["2020-01-07T11:25:46.124013"],
    }
}

text! {
    /// A local time in whole seconds.
    PlainTime, {
        "type": "string",
        "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$",
        "examples": ["2020-01-07 11:32:48"],
    }
}

text! {
    /// The path of stored media.
    MediaUrl, {
        "type": "string",
        "pattern": "^/media/.+$",
        "examples": ["/media/image/avatar/12ed2cd6.jpg"],
    }
}
