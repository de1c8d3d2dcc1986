//! A message in an answer of webwxsync.

use serde::Deserialize;

use crate::wire::lenient;

/// The fields of an `AddMsgList` entry that the relay reads. Text is escaped.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct AddMsg {
    /// The same number as `NewMsgId`, sent as text.
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) msg_id: i64,
    /// Above 2^53.
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) new_msg_id: i64,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) from_user_name: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) to_user_name: String,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) msg_type: i64,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) sub_msg_type: i64,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) app_msg_type: i64,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) content: String,
    /// XML of a location; unlike `content` it is not escaped.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) ori_content: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) url: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) file_name: String,
    /// Names a file on the file host.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) media_id: String,
    /// The file's name as the file host wants it.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) encry_file_name: String,
    /// Bytes, sent as text.
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) file_size: i64,
    /// Seconds since 1970.
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) create_time: i64,
    /// Milliseconds.
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) voice_length: i64,
    /// Seconds.
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) play_length: i64,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) img_height: i64,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) img_width: i64,
    /// User names of recent chats, joined by commas.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) status_notify_user_name: String,
    #[serde(deserialize_with = "lenient::structure")]
    pub(crate) recommend_info: RecommendInfo,
}

/// The person or official account that a card or a friend request is about.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct RecommendInfo {
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) user_name: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) nick_name: String,
    /// The greeting of a friend request.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) content: String,
    /// The ticket that accepts a friend request. The `Ticket` of the message itself is empty.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) ticket: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) alias: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) province: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) city: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) signature: String,
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) sex: i64,
}
