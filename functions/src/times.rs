//! Times as clients see them.

use domain::time;
use jiff::{Timestamp, tz::TimeZone};

/// Formats times in a zone.
#[derive(Debug, Clone, Copy)]
pub struct Times<'a>(pub &'a TimeZone);

impl Times<'_> {
    pub fn iso(self, at: Timestamp) -> String {
        time::iso(at, self.0)
    }

    pub fn plain(self, at: Timestamp) -> String {
        time::plain(at, self.0)
    }
}
