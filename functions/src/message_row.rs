//! A message as a client sees it: the same in the history and in a callback, except for the format of two times.

use domain::{
    id::Seq,
    message::{Content, Direction, Kind, Message},
    puid::Puid,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    api::openapi::{LocalTime, PlainTime},
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
    id: i64,
    /// The same as `id`, for languages whose numbers have only 53 bits.
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
    for variant in &mut variants {
        let kind = variant["properties"].as_object_mut().and_then(|fields| fields.remove("type"));
        variant["title"] = kind.map(|kind| kind["const"].clone()).unwrap_or_default();
        if let (Some(fields), Some(shared)) = (variant["properties"].as_object_mut(), row.get("properties")) {
            fields.extend(shared.as_object().cloned().unwrap_or_default());
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
    pub fn of(message: &'a Message, format: TimeFormat, times: Times<'_>) -> Self {
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
                fields: fields(message),
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
        }
    }
}

/// The content's fields without `type`, which the row has itself.
fn fields(message: &Message) -> Map<String, Value> {
    let mut fields = match serde_json::to_value(&message.content) {
        Ok(Value::Object(fields)) => fields,
        // Content is an enum of structs with plain values, so it always becomes an object.
        _ => Map::new(),
    };
    fields.remove("type");
    fields
}
