//! Rows as a client sees them: the README's fields, in its order.

pub mod contact;
pub mod session;

use domain::puid::Puid;

/// Where a picture is, or will be.
fn avatar(puid: &Puid) -> String {
    format!("/media/image/avatar/{puid}.jpg")
}

/// Absent where empty.
fn filled(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}
