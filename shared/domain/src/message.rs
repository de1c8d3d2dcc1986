//! Messages: the rows of the message log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{delivery::Delivery, id::Seq, media::MediaState, puid::Puid};

/// A message's kind: `type` in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Kind {
    Text,
    Map,
    Card,
    Note,
    Sharing,
    Picture,
    Recording,
    Attachment,
    Video,
    Friends,
    System,
}

impl Kind {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 11] = [
        Self::Text,
        Self::Map,
        Self::Card,
        Self::Note,
        Self::Sharing,
        Self::Picture,
        Self::Recording,
        Self::Attachment,
        Self::Video,
        Self::Friends,
        Self::System,
    ];

    /// The kind's name in the API, as value and as filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Map => "Map",
            Self::Card => "Card",
            Self::Note => "Note",
            Self::Sharing => "Sharing",
            Self::Picture => "Picture",
            Self::Recording => "Recording",
            Self::Attachment => "Attachment",
            Self::Video => "Video",
            Self::Friends => "Friends",
            Self::System => "System",
        }
    }
}

/// Direction of a message: to the account (`In`), or from it by its phone or the relay (`Out`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    In,
    Out,
}

/// A message's content, by kind. The API shows the fields under these names. Media paths are `None` until the media
/// are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type")]
pub enum Content {
    Text {
        text: String,
    },
    /// A location: `x` is the latitude and `y` the longitude in degrees, named as WeChat does.
    Map {
        x: f64,
        y: f64,
        scale: Option<u32>,
        label: Option<String>,
        maptype: Option<String>,
        poiname: Option<String>,
        poiid: Option<String>,
        url: Option<String>,
        text: Option<String>,
    },
    /// A shared contact card.
    Card {
        username: String,
        nickname: String,
        alias: Option<String>,
        province: Option<String>,
        city: Option<String>,
        sign: Option<String>,
        sex: Option<u8>,
        avatar: Option<String>,
    },
    /// A notice in a chat. For a recall, `revoked` is the id of the recalled message.
    Note {
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revoked: Option<i64>,
    },
    /// A link. `articles` are the entries of an official account's post, first to last; `url` and `text` are the first
    /// one's.
    Sharing {
        url: String,
        text: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        articles: Vec<Article>,
    },
    Picture {
        image: Option<String>,
        img_height: Option<u32>,
        img_width: Option<u32>,
    },
    /// A voice message; `voice_length` in milliseconds.
    Recording {
        record: Option<String>,
        voice_length: Option<u32>,
    },
    /// A file; `file_size` in bytes.
    Attachment {
        file: Option<String>,
        file_name: String,
        file_size: Option<u64>,
    },
    /// A video; `play_length` in seconds.
    Video {
        video: Option<String>,
        play_length: Option<u32>,
    },
    /// A friend request, with the ticket that accepts it.
    Friends {
        username: String,
        nickname: String,
        text: String,
        ticket: String,
        sex: Option<u8>,
        province: Option<String>,
        city: Option<String>,
    },
    /// Any other message, as WeChat sent it.
    System {
        text: String,
    },
}

/// An article of an official account's post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Article {
    pub title: String,
    pub url: String,
    pub digest: Option<String>,
    /// The address of the picture above the title.
    pub cover: Option<String>,
}

/// The message that a text quotes, as far as the channel tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refer {
    /// Its 64-bit id.
    pub id: Option<i64>,
    /// The name that its author is shown under.
    pub sender: Option<String>,
    /// What it says; a description such as `[图片]` where it is not a text.
    pub text: String,
}

impl Content {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text { .. } => Kind::Text,
            Self::Map { .. } => Kind::Map,
            Self::Card { .. } => Kind::Card,
            Self::Note { .. } => Kind::Note,
            Self::Sharing { .. } => Kind::Sharing,
            Self::Picture { .. } => Kind::Picture,
            Self::Recording { .. } => Kind::Recording,
            Self::Attachment { .. } => Kind::Attachment,
            Self::Video { .. } => Kind::Video,
            Self::Friends { .. } => Kind::Friends,
            Self::System { .. } => Kind::System,
        }
    }

    /// Where the path of its media is; `None` for a kind without media.
    pub fn media_mut(&mut self) -> Option<&mut Option<String>> {
        match self {
            Self::Picture { image, .. } => Some(image),
            Self::Recording { record, .. } => Some(record),
            Self::Attachment { file, .. } => Some(file),
            Self::Video { video, .. } => Some(video),
            _ => None,
        }
    }

    /// The path of its media.
    pub fn media(&self) -> Option<&str> {
        match self {
            Self::Picture { image: path, .. }
            | Self::Recording { record: path, .. }
            | Self::Attachment { file: path, .. }
            | Self::Video { video: path, .. } => path.as_deref(),
            _ => None,
        }
    }
}

/// A message as the log keeps it. Its contacts are puids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub seq: Seq,
    /// WeChat's 64-bit message id (`NewMsgId`).
    pub id: i64,
    pub direction: Direction,
    /// The friend, group or official account of the conversation.
    pub chat: Puid,
    /// The author, also of a message in a group.
    pub send_user: Option<Puid>,
    /// The group that an inbound message was written in.
    pub send_group: Option<Puid>,
    /// The official account (公众号) that sent it.
    pub maps: Option<Puid>,
    /// The person or official account that it was sent to.
    pub receiver: Option<Puid>,
    /// The group that it was sent to.
    pub receiver_group: Option<Puid>,
    /// The logged-in account.
    pub owner: Puid,
    /// Whether it mentions the account; `None` outside groups.
    pub is_at: Option<bool>,
    /// Time of writing as WeChat reports it, in whole seconds.
    pub create_time: Timestamp,
    /// When the worker received it.
    pub receive_time: Timestamp,
    /// When the row was last changed; until then equal to `receive_time`.
    pub update_time: Timestamp,
    pub content: Content,
    /// Where the bytes of its media are; `None` for a message without media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaState>,
    /// The path of the whole content, if this is only its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
    /// The message that it quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refer: Option<Refer>,
    pub delivery: Delivery,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_listed_in_order_and_no_further_one_exists() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
        // The last variant of the enum must also be the last of the list.
        let last = Kind::ALL[Kind::ALL.len() - 1];
        assert_eq!(last, Kind::System);
        let unknown = serde_json::from_value::<Kind>("Unknown".into()).unwrap_err().to_string();
        for kind in Kind::ALL {
            assert!(unknown.contains(&format!("`{}`", kind.as_str())));
        }
        assert_eq!(unknown.matches('`').count(), 2 * (Kind::ALL.len() + 1), "{unknown}");
    }

    #[test]
    fn a_kind_is_stored_under_the_name_that_the_filter_uses() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn content_round_trips_through_json_and_names_its_kind() {
        let note = Content::Note { text: "recalled".into(), revoked: Some(6_050_338_562_629_220_245) };
        let json = serde_json::to_string(&note).unwrap();
        assert_eq!(json, r#"{"type":"Note","text":"recalled","revoked":6050338562629220245}"#);
        assert_eq!(serde_json::from_str::<Content>(&json).unwrap(), note);
        assert_eq!(note.kind().as_str(), "Note");
        let link = Content::Sharing { url: "u".into(), text: "t".into(), articles: Vec::new() };
        let json = serde_json::to_string(&link).unwrap();
        assert_eq!(json, r#"{"type":"Sharing","url":"u","text":"t"}"#);
        assert_eq!(serde_json::from_str::<Content>(&json).unwrap(), link);
    }
}
