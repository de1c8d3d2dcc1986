//! Messages in the format of `AddMsgList`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::contact_ref::ContactRef;
use crate::inbox::Message;
use crate::session::Session;

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    /// A string. `NewMsgId` is the same value as a number, which is above 2^53.
    msg_id: String,
    from_user_name: String,
    to_user_name: String,
    msg_type: u32,
    content: &'a str,
    status: u32,
    img_status: u32,
    create_time: u64,
    voice_length: u32,
    play_length: u32,
    file_name: &'a str,
    file_size: &'a str,
    media_id: &'a str,
    url: &'a str,
    app_msg_type: u32,
    status_notify_code: u32,
    status_notify_user_name: String,
    recommend_info: RecommendInfo<'a>,
    forward_flag: u32,
    app_info: AppInfo<'a>,
    has_product_id: u32,
    ticket: &'a str,
    img_height: u32,
    img_width: u32,
    sub_msg_type: u32,
    new_msg_id: u64,
    ori_content: &'a str,
    encry_file_name: &'a str,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RecommendInfo<'a> {
    user_name: &'a str,
    nick_name: &'a str,
    #[serde(rename = "QQNum")]
    qq_num: u32,
    province: &'a str,
    city: &'a str,
    content: &'a str,
    signature: &'a str,
    alias: &'a str,
    scene: u32,
    verify_flag: u32,
    attr_status: u32,
    sex: u32,
    ticket: &'a str,
    op_code: u32,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AppInfo<'a> {
    #[serde(rename = "AppID")]
    app_id: &'a str,
    r#type: u32,
}

/// Formats the message for this session as JSON, or as whatever bytes were pushed.
pub(crate) fn entry(message: &Message, session: &Session) -> Vec<u8> {
    if message.raw.is_empty() {
        return row(message, session).to_string().into_bytes();
    }
    let names = [
        ("{{from}}", session.user_name(message.from)),
        ("{{to}}", session.user_name(message.to)),
        ("{{id}}", message.id.to_string()),
    ];
    names.iter().fold(message.raw.clone(), |bytes, (mark, name)| replace(&bytes, mark.as_bytes(), name.as_bytes()))
}

fn replace(bytes: &[u8], mark: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(with);
        rest = &rest[at + mark.len()..];
    }
    out.extend_from_slice(rest);
    out
}

fn row(message: &Message, session: &Session) -> Value {
    // In a group, the content of other people's messages starts with the author. The account's own messages
    // have no prefix.
    let prefixed = message.member.filter(|_| matches!(message.from, ContactRef::Group(_))).map(|member| {
        let written = message.fields.get("Content").and_then(Value::as_str).unwrap_or(&message.content);
        format!("{}:<br/>{written}", session.user_name(member))
    });
    let names: Vec<String> = message.chats.iter().map(|chat| session.user_name(*chat)).collect();
    let row = Row {
        msg_id: message.id.to_string(),
        from_user_name: session.user_name(message.from),
        to_user_name: session.user_name(message.to),
        msg_type: message.msg_type,
        content: prefixed.as_deref().unwrap_or(&message.content),
        status: 3,
        img_status: 1,
        create_time: message.create_time,
        status_notify_code: if message.chats.is_empty() { 0 } else { 4 },
        status_notify_user_name: names.join(","),
        new_msg_id: message.id,
        ..Row::default()
    };
    let mut value = json!(row);
    for (field, given) in &message.fields {
        if field != "Content" || prefixed.is_none() {
            value[field] = given.clone();
        }
    }
    if let Some(petitioner) = message.petitioner {
        value["RecommendInfo"]["UserName"] = session.user_name(petitioner).into();
    }
    value
}
