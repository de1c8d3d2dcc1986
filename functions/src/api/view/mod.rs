//! Rows as a client sees them: the fields of the predecessor's README, in its order.

pub mod contact;
pub mod job;
pub mod session;

/// `None` for an empty text.
fn non_empty(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}
