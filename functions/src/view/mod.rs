//! Rows as a client sees them: the README's fields, in its order.

pub mod contact;
pub mod message;
pub mod session;

use domain::{puid::Puid, time};
use jiff::{Timestamp, tz::TimeZone};

/// Where a picture is, or will be.
fn avatar(puid: &Puid) -> String {
    format!("/media/image/avatar/{puid}.jpg")
}

/// Absent where empty.
fn filled(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Prints times of one zone.
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
