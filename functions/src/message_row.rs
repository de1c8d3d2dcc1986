//! A message as a client sees it: the same in the history and in a callback, except for the format of two times.

use domain::{
    id::Seq,
    media::MediaState,
    message::{Content, Direction, Kind, Message, Refer},
    puid::Puid,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    api::openapi::{LocalTime, MediaUrl, PlainTime},
    links::Links,
    times::Times,
};

/// The format of `create_time` and `receive_time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    /// `YYYY-MM-DD HH:MM:SS`.
    History,
    /// ISO 8601 with microseconds.
    Callback,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Message")]
pub struct MessageRow<'a> {
    #[schemars(example = 6_050_338_562_629_220_245_i64)]
    id: i64,
    /// The same as `id`, for languages whose numbers have only 53 bits.
    #[schemars(example = &"6050338562629220245")]
    id_str: String,
    /// Besides `id`, the times and `message`, the fields of the message's `type`.
    #[schemars(schema_with = "content")]
    content: ContentRow,
    #[schemars(with = "LocalTime")]
    insert_time: String,
    #[schemars(with = "LocalTime")]
    update_time: String,
    #[schemars(with = "Kind")]
    r#type: &'static str,
    #[schemars(with = "PlainTime")]
    create_time: String,
    #[schemars(with = "PlainTime")]
    receive_time: String,
    is_at: Option<bool>,
    send_user: Option<&'a Puid>,
    send_group: Option<&'a Puid>,
    maps: Option<&'a Puid>,
    receiver: Option<&'a Puid>,
    receiver_group: Option<&'a Puid>,
    owner: &'a Puid,
    direction: Direction,
    /// The friend, group or official account of the chat: the `puid` for `/send`.
    chat: &'a Puid,
    /// Why the bytes of its media are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_error: Option<&'a str>,
    #[serde(flatten)]
    cut: Option<Cut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refer: Option<ReferRow<'a>>,
}

/// The content is only the beginning.
#[derive(Debug, Serialize, JsonSchema)]
struct Cut<'a> {
    truncated: bool,
    /// The path of the whole.
    #[schemars(with = "MediaUrl")]
    whole: &'a str,
    /// Opens the whole without credentials for an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    whole_url: Option<String>,
}

/// The quoted message, as far as it is known.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Quoted")]
struct ReferRow<'a> {
    id: Option<i64>,
    id_str: Option<String>,
    sender: Option<&'a str>,
    text: &'a str,
}

impl<'a> From<&'a Refer> for ReferRow<'a> {
    fn from(refer: &'a Refer) -> Self {
        let Refer { id, sender, text } = refer;
        Self { id: *id, id_str: id.map(|id| id.to_string()), sender: sender.as_deref(), text }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct ContentRow {
    /// The sequence number, also a cursor for `after` of the history.
    id: Seq,
    #[schemars(with = "LocalTime")]
    insert_time: String,
    #[schemars(with = "LocalTime")]
    update_time: String,
    #[serde(flatten)]
    #[schemars(skip)]
    fields: Map<String, Value>,
    message: i64,
}

/// The schema of [`ContentRow`]: one for each kind of message.
fn content(schemas: &mut SchemaGenerator) -> Schema {
    let row = ContentRow::json_schema(schemas);
    let mut kinds = Content::json_schema(schemas);
    let variants = kinds.as_object_mut().and_then(|kinds| kinds.remove("oneOf"));
    let Some(Value::Array(mut variants)) = variants else { unreachable!("an enum is described by its variants") };
    let url = json!({
        "type": "string",
        "format": "uri",
        "description": "Opens the path beside it without credentials for an hour.",
    });
    for variant in &mut variants {
        let kind = variant["properties"].as_object_mut().and_then(|fields| fields.remove("type"));
        variant["title"] = kind.map(|kind| kind["const"].clone()).unwrap_or_default();
        if let (Some(fields), Some(shared)) = (variant["properties"].as_object_mut(), row.get("properties")) {
            fields.extend(shared.as_object().cloned().unwrap_or_default());
            for name in PATHS.into_iter().filter(|name| fields.contains_key(*name)).collect::<Vec<_>>() {
                fields.insert(format!("{name}_url"), url.clone());
            }
        }
        if let (Some(required), Some(shared)) = (variant["required"].as_array_mut(), row.get("required")) {
            required.retain(|name| name != "type");
            required.extend(shared.as_array().cloned().unwrap_or_default());
        }
    }
    // The kinds are not told apart by their fields: some have the same ones.
    json_schema!({ "anyOf": variants })
}

impl<'a> MessageRow<'a> {
    pub fn of(message: &'a Message, format: TimeFormat, times: Times<'_>, links: &Links<'_>) -> Self {
        let (insert_time, update_time) = (times.iso(message.receive_time), times.iso(message.update_time));
        let when = |at| match format {
            TimeFormat::History => times.plain(at),
            TimeFormat::Callback => times.iso(at),
        };
        Self {
            id: message.id,
            id_str: message.id.to_string(),
            content: ContentRow {
                id: message.seq,
                insert_time: insert_time.clone(),
                update_time: update_time.clone(),
                fields: fields(message, links),
                message: message.id,
            },
            insert_time,
            update_time,
            r#type: message.content.kind().as_str(),
            create_time: when(message.create_time),
            receive_time: when(message.receive_time),
            is_at: message.is_at,
            send_user: message.send_user.as_ref(),
            send_group: message.send_group.as_ref(),
            maps: message.maps.as_ref(),
            receiver: message.receiver.as_ref(),
            receiver_group: message.receiver_group.as_ref(),
            owner: &message.owner,
            direction: message.direction,
            chat: &message.chat,
            media_error: match &message.media {
                Some(MediaState::Failed { why }) => Some(why),
                Some(MediaState::Pending { .. } | MediaState::Stored { .. }) | None => None,
            },
            cut: message.whole.as_deref().map(|whole| Cut { truncated: true, whole, whole_url: links.link(whole) }),
            refer: message.refer.as_ref().map(ReferRow::from),
        }
    }
}

/// The fields of a content that may be media paths.
const PATHS: [&str; 5] = ["image", "record", "file", "video", "avatar"];

/// The content's fields without `type`, which the row has itself; with a link `…_url` beside each media path.
fn fields(message: &Message, links: &Links<'_>) -> Map<String, Value> {
    let mut fields = match serde_json::to_value(&message.content) {
        Ok(Value::Object(fields)) => fields,
        // Content is an enum of structs with plain values, so it always becomes an object.
        _ => Map::new(),
    };
    fields.remove("type");
    for name in PATHS {
        if let Some(link) = fields.get(name).and_then(Value::as_str).and_then(|path| links.link(path)) {
            fields.insert(format!("{name}_url"), link.into());
        }
    }
    fields
}
