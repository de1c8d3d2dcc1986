//! Ids of apps and jobs, and the sequence numbers of the message log.
//!
//! Text from outside becomes an id through `FromStr`, which checks its form once. A row or an envelope holds an id that
//! was checked before it was written, so deserialising does not check again.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::time::Ids;

/// Length of an id, in hex digits.
pub const ID_LENGTH: usize = 32;

/// The text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has {ID_LENGTH} lower-case hex digits")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(
            feature = "schema",
            derive(schemars::JsonSchema),
            schemars(inline, extend("pattern" = "^[0-9a-f]{32}$"))
        )]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// A new random id.
            pub fn generate(ids: &dyn Ids) -> Self {
                Self(ids.hex().into())
            }

            /// An id that was checked before: a part of a stored key, or a constant of a test.
            pub fn trusted(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let is_id = text.len() == ID_LENGTH && text.bytes().all(is_digit);
                if is_id { Ok(Self(text.into())) } else { Err(InvalidId) }
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// Names an app: 32 lower-case hex digits.
    AppId
}

id! {
    /// Names a job of an app: 32 lower-case hex digits.
    JobId
}

/// A message's number in its app's log: 1, 2, 3, … without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub struct Seq(u64);

impl Seq {
    /// The position before the first message: the head of an empty log, and the watermark before any delivery.
    pub const START: Self = Self(0);
    pub const FIRST: Self = Self(1);
    pub const MAX: Self = Self(u64::MAX);

    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number after this one; [`Self::MAX`] stays.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number before this one; [`Self::START`] stays.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_lower_case_hex_digits_parse_as_an_id() {
        let text = "0123456789abcdef".repeat(2);
        assert_eq!(text.parse::<AppId>().unwrap().as_str(), text);
        assert_eq!(text.parse::<JobId>().unwrap().to_string(), text);
        for wrong in ["", "0", &text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace('a', "g")] {
            assert_eq!(wrong.parse::<AppId>(), Err(InvalidId), "{wrong}");
            assert_eq!(wrong.parse::<JobId>(), Err(InvalidId), "{wrong}");
        }
        assert_eq!(InvalidId.to_string(), "an id has 32 lower-case hex digits");
    }

    #[test]
    fn ids_and_numbers_are_stored_as_plain_values() {
        let id = AppId::trusted("short");
        assert_eq!(serde_json::to_value(&id).unwrap(), "short");
        assert_eq!(serde_json::from_value::<AppId>("short".into()).unwrap(), id);
        assert_eq!(serde_json::to_value(Seq::new(7)).unwrap(), 7);
        assert_eq!(serde_json::from_value::<Seq>(7.into()).unwrap(), Seq::new(7));
    }

    #[test]
    fn neighbours_of_a_number_stay_within_its_range() {
        assert_eq!((Seq::START.next(), Seq::FIRST.previous()), (Seq::FIRST, Seq::START));
        assert_eq!((Seq::MAX.next(), Seq::START.previous()), (Seq::MAX, Seq::START));
        assert_eq!(format!("{:020}", Seq::new(42)), "00000000000000000042");
    }
}
