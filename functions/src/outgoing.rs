//! Which messages can be sent, by `/send` or by a callback's reply.

/// The longest text, in bytes of UTF-8. WeChat's own programs accept about this many characters.
pub const MAX_TEXT: usize = 16 * 1024;

/// Why a message cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    #[error("{0} is missing or empty")]
    Missing(&'static str),
    #[error("only messages of type text can be sent so far")]
    Kind,
    #[error("the text has more than 16 KiB")]
    TooLong,
}

/// The text to send, from the parameters `msg_type` and `text`.
pub fn text<'a>(msg_type: Option<&str>, text: Option<&'a str>) -> Result<&'a str, Unsendable> {
    match msg_type {
        None => Err(Unsendable::Missing("msg_type")),
        Some("text") => match text {
            None => Err(Unsendable::Missing("text")),
            Some(text) if text.len() > MAX_TEXT => Err(Unsendable::TooLong),
            Some(text) => Ok(text),
        },
        Some(_) => Err(Unsendable::Kind),
    }
}
