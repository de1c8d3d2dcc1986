//! Puids: contact ids that survive logins.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of a contact across logins. New ones are lower-case hex digits: eight, or more if those are in use.
/// [`crate::matching`] assigns them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, extend("examples" = ["12ed2cd6"])))]
#[serde(transparent)]
pub struct Puid(Box<str>);

impl Puid {
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Puid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
