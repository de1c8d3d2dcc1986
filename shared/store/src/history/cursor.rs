//! Where to go on in the history.

use std::{fmt, str::FromStr};

use domain::{id::Seq, page::PageRequest};

/// A place in the history of a filter, from which it goes on to older messages. Its text is `<seq>.<count>.<skip>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryCursor {
    /// Only messages before this number are left.
    pub(super) before: Seq,
    /// Matching messages that are not before it.
    pub(super) count: u64,
    /// Matching messages to pass over until the page begins.
    pub(super) skip: u64,
}

/// The text is not a cursor of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cursor has three numbers")]
pub struct InvalidCursor;

impl HistoryCursor {
    /// The beginning of a page.
    pub fn of_page(page: PageRequest) -> Self {
        Self { before: Seq::MAX, count: 0, skip: page.offset() }
    }
}

impl fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.before, self.count, self.skip)
    }
}

impl FromStr for HistoryCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let numbers = text.split('.').map(|part| part.parse().ok().filter(|_| digits(part)));
        match numbers.collect::<Option<Vec<u64>>>().as_deref() {
            Some(&[before, count, skip]) => Ok(Self { before: Seq::new(before), count, skip }),
            _ => Err(InvalidCursor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_through_its_text() {
        let cursor = HistoryCursor { before: Seq::new(48_120), count: 300, skip: 680 };
        assert_eq!(cursor.to_string(), "48120.300.680");
        assert_eq!("48120.300.680".parse(), Ok(cursor));
        for wrong in ["", "1", "1.2", "1.2.3.4", "1..3", "-1.2.3", "+1.2.3", "1.2.x", "1.2.18446744073709551616"] {
            assert_eq!(wrong.parse::<HistoryCursor>(), Err(InvalidCursor), "{wrong}");
        }
    }
}
