//! Translates a message of webwxsync into an [`Incoming`].
//!
//! | `MsgType` | content |
//! |---|---|
//! | 1 | `Text`; with `SubMsgType` 48 and a `Url` `Map` |
//! | 3 picture, 47 sticker | `Picture` |
//! | 34 | `Recording` |
//! | 37 | `Friends` |
//! | 42 | `Card` |
//! | 43, 62 | `Video` |
//! | 48 location as phones write it | `Map` |
//! | 49 with `AppMsgType` 6 | `Attachment` |
//! | 49 with `AppMsgType` 57, a text that quotes a message | `Text` with `refer` |
//! | 49 with `AppMsgType` 8, a sticker sent by an app | `Picture` |
//! | 49 otherwise (5 link, 2000 transfer, 2001 red packet, …) | `Sharing` if it has a URL, else `System` |
//! | 51 | not a message; names recent groups |
//! | 10000 | `Note` |
//! | 10002 | `Note` that names the recalled message |
//! | anything else | `System` with the raw content |

mod app;
mod entry;
mod quote;

use channel::{Incoming, IncomingMedia, MediaKind, Peer};
use domain::message::{Content, Direction};
pub(crate) use entry::Entries;
use jiff::Timestamp;

use crate::{
    download::Source,
    peer::{groups_in, peer},
    session::WebSession,
    text::{decode, decode_owned, location_label, non_empty, split_sender},
    wire::{
        contact::sex,
        message::{AddMsg, RecommendInfo},
        xml,
    },
};

/// An entry of `AddMsgList`.
pub(crate) enum Entry {
    Message(Box<Incoming>),
    /// A status message: groups with recent messages, perhaps none.
    RecentGroups(Vec<Peer>),
}

/// Translates an entry that `session` received. Its id is 0 where WeChat gave none.
fn parse(session: &WebSession, mut message: AddMsg) -> Entry {
    if message.msg_type == 51 {
        return Entry::RecentGroups(groups_in(&message.status_notify_user_name));
    }
    let me = session.user_name.as_str();
    // A message from the phone has the account as its author. In groups it lacks the prefix with the sender.
    let out = message.from_user_name == me;
    let chat = if out { message.to_user_name.as_str() } else { &message.from_user_name };
    // A message that names no chat is kept in the account's own.
    let chat = peer(if chat.is_empty() { me } else { chat }, me);
    let in_group = chat.is_group();
    let mut sender = if in_group { None } else { Some(chat.clone()) };
    if out {
        sender = Some(peer(me, me));
    } else if in_group && let Some((member, rest)) = split_sender(&message.content) {
        sender = Some(peer(member, me));
        message.content.drain(..message.content.len() - rest.len());
    }
    if message.msg_type == 10_000 {
        sender = None;
    }
    let id = if message.new_msg_id == 0 { message.msg_id } else { message.new_msg_id };
    let create_time = time(message.create_time);
    let media = media(&message, id);
    let (content, refer) = match quote::find(&message) {
        Some((text, refer)) => (Content::Text { text }, Some(refer)),
        None => (content(message), None),
    };
    let is_at = in_group.then(|| match &content {
        Content::Text { text } => session.is_mentioned(&chat.id, text),
        _ => false,
    });
    let direction = if out { Direction::Out } else { Direction::In };
    Entry::Message(Box::new(Incoming { id, direction, chat, sender, is_at, create_time, content, media, refer }))
}

/// A time in seconds since 1970. Impossible times become the nearest one between 1970 and 9999.
fn time(seconds: i64) -> Timestamp {
    let seconds = seconds.clamp(0, Timestamp::MAX.as_second());
    Timestamp::from_second(seconds).expect("it is between 1970 and the greatest time")
}

/// Where the bytes of the message with this id are, for a kind that has bytes.
fn media(message: &AddMsg, id: i64) -> Option<IncomingMedia> {
    let (kind, source) = match (message.msg_type, message.app_msg_type) {
        (3, _) => (MediaKind::Image, Source::Picture { message: id }),
        (47, _) | (49, 8) => (MediaKind::Image, Source::Sticker { message: id }),
        (34, _) => (MediaKind::Record, Source::Recording { message: id }),
        (43 | 62, _) => (MediaKind::Video, Source::Video { message: id }),
        (49, 6) => {
            let source = Source::File {
                sender: message.from_user_name.clone(),
                media_id: message.media_id.clone(),
                encry_file_name: message.encry_file_name.clone(),
            };
            (MediaKind::File, source)
        }
        _ => return None,
    };
    let sticker = matches!(source, Source::Sticker { .. });
    Some(IncomingMedia { kind, source: source.opaque(), sticker })
}

/// The content of a message whose sender prefix has been removed.
fn content(message: AddMsg) -> Content {
    match message.msg_type {
        1 if message.sub_msg_type == 48 && !message.url.is_empty() => location(&message.ori_content, &message)
            .unwrap_or_else(|| Content::Text { text: decode_owned(message.content) }),
        1 => Content::Text { text: decode_owned(message.content) },
        3 | 47 => picture(&message),
        34 => Content::Recording { record: None, voice_length: positive(message.voice_length) },
        37 => friend_request(message.recommend_info, &decode(&message.content)),
        42 => card(message.recommend_info, &decode(&message.content)),
        43 | 62 => Content::Video { video: None, play_length: positive(message.play_length) },
        48 => location(&decode(&message.content), &message).unwrap_or_else(|| system(message)),
        49 => app::content(message),
        10_000 => Content::Note { text: decode_owned(message.content), revoked: None },
        10_002 => recall(&decode(&message.content)).unwrap_or_else(|| system(message)),
        _ => system(message),
    }
}

fn system(message: AddMsg) -> Content {
    Content::System { text: message.content }
}

fn picture(message: &AddMsg) -> Content {
    Content::Picture { image: None, img_height: positive(message.img_height), img_width: positive(message.img_width) }
}

/// Degrees of latitude or longitude; `None` outside the possible range, and for numbers that the ledger cannot store:
/// `NaN`, infinities and tiny fractions.
fn degrees(text: &str) -> Option<f64> {
    let degrees: f64 = text.trim().parse().ok()?;
    (degrees == 0.0 || (1e-9..=180.0).contains(&degrees.abs())).then_some(degrees)
}

/// The coordinates come from `xml` or else from the map's URL (`…?coord=31.2,121.5`); `None` if neither has them.
fn location(xml: &str, message: &AddMsg) -> Option<Content> {
    let attribute = |name| xml::attribute(xml, "location", name).filter(|value| !value.is_empty());
    let number = |name| attribute(name).and_then(|value| degrees(&value));
    let url = non_empty(message.url.clone());
    let (x, y) = number("x").zip(number("y")).or_else(|| {
        let (_, coordinates) = url.as_ref()?.split_once("coord=")?;
        let (x, rest) = coordinates.split_once(',')?;
        Some((degrees(x)?, degrees(rest.split('&').next()?)?))
    })?;
    let label = attribute("label");
    // The content of a location has two parts: the label, and a link to a picture of the map.
    let text =
        if message.msg_type == 1 { non_empty(location_label(&message.content).to_owned()) } else { label.clone() };
    Some(Content::Map {
        x,
        y,
        scale: attribute("scale").and_then(|scale| scale.parse().ok()),
        label,
        maptype: attribute("maptype"),
        poiname: attribute("poiname"),
        poiid: attribute("poiid"),
        url,
        text,
    })
}

/// The person who asks, and the ticket that accepts the request. Values missing in `RecommendInfo` are in the XML.
fn friend_request(person: RecommendInfo, xml: &str) -> Content {
    Content::Friends {
        username: or_attribute(person.user_name, xml, "encryptusername"),
        nickname: or_attribute(decode_owned(person.nick_name), xml, "fromnickname"),
        text: decode_owned(person.content),
        ticket: or_attribute(person.ticket, xml, "ticket"),
        sex: sex(person.sex),
        province: non_empty(person.province),
        city: non_empty(person.city),
    }
}

/// A shared contact. The picture's address is only in the XML.
fn card(person: RecommendInfo, xml: &str) -> Content {
    Content::Card {
        username: or_attribute(person.user_name, xml, "username"),
        nickname: or_attribute(decode_owned(person.nick_name), xml, "nickname"),
        alias: non_empty(person.alias),
        province: non_empty(person.province),
        city: non_empty(person.city),
        sign: non_empty(person.signature),
        sex: sex(person.sex),
        avatar: xml::attribute(xml, "msg", "bigheadimgurl").filter(|address| !address.is_empty()),
    }
}

fn or_attribute(field: String, xml: &str, name: &str) -> String {
    if field.is_empty() { xml::attribute(xml, "msg", name).unwrap_or_default() } else { field }
}

/// `None` for other uses of type 10002.
fn recall(xml: &str) -> Option<Content> {
    let element = |name| xml::text(xml, &["revokemsg", name]);
    let revoked = element("msgid")?.parse().ok()?;
    let text = element("replacemsg").map(decode_owned).unwrap_or_default();
    Some(Content::Note { text, revoked: Some(revoked) })
}

/// A measurement; WeChat sends 0 if it is unknown.
fn positive(number: i64) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number != 0)
}

#[cfg(test)]
mod tests;
