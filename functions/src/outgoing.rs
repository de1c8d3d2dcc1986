//! Which messages can be sent, by `/send` or by a callback's reply.

use domain::{
    channel::{Capabilities, MediaKind},
    job::{Command, OutgoingSource},
    media,
    puid::Puid,
};
use guard::Policy;
use url::Url;

/// The longest text, in bytes of UTF-8. WeChat's own programs accept about this many characters.
pub const MAX_TEXT: usize = 16 * 1024;
/// The longest URL, in bytes. Signed URLs of storage services are long.
pub const MAX_URL: usize = 8 * 1024;
/// The names of the types of messages in the API.
pub const TYPES: [&str; 4] = ["text", "image", "file", "video"];

/// Why a message cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    #[error("{0} is missing or empty")]
    Missing(&'static str),
    #[error("msg_type must be text, image, file or video")]
    Kind,
    #[error("the app's channel cannot send a message of type {0}")]
    Unsupported(&'static str),
    #[error("the text has more than 16 KiB")]
    TooLong,
    #[error("the URL cannot be used: {0}")]
    Url(String),
}

/// The type of a message to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    Text,
    Media(MediaKind),
}

impl MessageType {
    /// The type with this name, if the channel can send it.
    pub fn parse(name: Option<&str>, channel: &Capabilities) -> Result<Self, Unsendable> {
        let found = match name {
            None => return Err(Unsendable::Missing("msg_type")),
            Some("text") => Self::Text,
            Some("image") => Self::Media(MediaKind::Image),
            Some("file") => Self::Media(MediaKind::File),
            Some("video") => Self::Media(MediaKind::Video),
            Some(_) => return Err(Unsendable::Kind),
        };
        match found {
            Self::Media(kind) if !channel.media_out.contains(&kind) => Err(Unsendable::Unsupported(found.as_str())),
            _ => Ok(found),
        }
    }

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Media(MediaKind::Image) => "image",
            Self::Media(MediaKind::Record) => "record",
            Self::Media(MediaKind::File) => "file",
            Self::Media(MediaKind::Video) => "video",
        }
    }
}

/// What to send into a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    Text(String),
    Media { kind: MediaKind, source: OutgoingSource, name: Option<String> },
}

impl Outgoing {
    /// The command that sends it to a chat.
    pub fn to(self, to: Puid) -> Command {
        match self {
            Self::Text(text) => Command::SendText { to, text },
            Self::Media { kind, source, name } => Command::SendMedia { to, kind, source, name },
        }
    }
}

/// A text to send.
pub fn text(text: Option<&str>) -> Result<&str, Unsendable> {
    let text = text.ok_or(Unsendable::Missing("text"))?;
    if text.len() > MAX_TEXT { Err(Unsendable::TooLong) } else { Ok(text) }
}

/// The URL of media to send. One that names its host by address is checked here; whoever fetches it checks the others.
pub fn url(url: Option<&str>, policy: &Policy) -> Result<OutgoingSource, Unsendable> {
    let text = url.ok_or(Unsendable::Missing("url"))?;
    if text.len() > MAX_URL {
        return Err(Unsendable::Url("it is too long".to_owned()));
    }
    let url = Url::parse(text).map_err(|_| Unsendable::Url("it is not a URL".to_owned()))?;
    policy.check_url(&url).map_err(|refused| Unsendable::Url(refused.to_string()))?;
    Ok(OutgoingSource::Url(text.to_owned()))
}

/// The name to show for a file, without what is dangerous in one.
pub fn file_name(name: Option<&str>) -> Option<String> {
    name.map(media::safe_name)
}
