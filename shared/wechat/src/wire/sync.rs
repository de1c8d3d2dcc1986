//! Requests and answers of webwxsync, and sync keys.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::wire::{
    contact::Contact,
    envelope::{BaseRequest, BaseResponse},
    lenient,
};

/// A sync key, in requests and answers.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SyncKey {
    #[serde(skip_deserializing)]
    count: usize,
    /// Not read an entry at a time: a key that lacks a pair is another position.
    list: Option<Vec<Pair>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair {
    #[serde(deserialize_with = "lenient::integer")]
    key: i64,
    #[serde(deserialize_with = "lenient::integer")]
    val: i64,
}

impl SyncKey {
    pub(crate) fn of(pairs: &[(i64, i64)]) -> Self {
        Self { count: pairs.len(), list: Some(pairs.iter().map(|&(key, val)| Pair { key, val }).collect()) }
    }

    pub(crate) fn pairs(self) -> Vec<(i64, i64)> {
        self.list.into_iter().flatten().map(|pair| (pair.key, pair.val)).collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SyncRequest<'a> {
    pub(crate) base_request: BaseRequest<'a>,
    pub(crate) sync_key: SyncKey,
    /// The complement of the time in seconds.
    #[serde(rename = "rr")]
    pub(crate) time: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SyncAnswer<'a> {
    #[serde(deserialize_with = "lenient::nullable")]
    pub(crate) base_response: BaseResponse,
    /// Each entry is an [`AddMsg`](super::message::AddMsg).
    #[serde(borrow, default, deserialize_with = "lenient::raw_list")]
    pub(crate) add_msg_list: Vec<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) mod_contact_list: Vec<Contact>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub(crate) del_contact_list: Vec<Deleted>,
    #[serde(default, deserialize_with = "lenient::structure")]
    pub(crate) sync_key: SyncKey,
    #[serde(default, deserialize_with = "lenient::structure")]
    pub(crate) sync_check_key: SyncKey,
    #[serde(default, deserialize_with = "lenient::integer")]
    pub(crate) continue_flag: i64,
    /// The new skey, if the server changes it.
    #[serde(default, rename = "SKey", deserialize_with = "lenient::text")]
    pub(crate) skey: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Deleted {
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) user_name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_key_is_sent_back_unchanged() {
        let wire = r#"{"Count":5,"List":[{"Key":1,"Val":654},{"Key":2,"Val":655},{"Key":3,"Val":600},{"Key":11,"Val":1},{"Key":1000,"Val":1580000000}]}"#;
        let pairs = serde_json::from_str::<SyncKey>(wire).unwrap().pairs();
        assert_eq!(pairs.len(), 5);
        assert_eq!(serde_json::to_string(&SyncKey::of(&pairs)).unwrap(), wire);
    }

    #[test]
    fn an_answer_may_lack_all_fields_except_the_response() {
        let answer: SyncAnswer = serde_json::from_str(
            r#"{"BaseResponse":{"Ret":0,"ErrMsg":""},"AddMsgCount":0,"AddMsgList":null,"SyncKey":{"Count":0,"List":null}}"#,
        )
        .unwrap();
        assert!(answer.add_msg_list.is_empty() && answer.sync_key.pairs().is_empty());
        assert!(serde_json::from_str::<SyncAnswer>(r#"{"AddMsgList":[]}"#).is_err());
    }

    #[test]
    fn a_sync_key_that_is_not_understood_is_none() {
        for key in
            ["null", "7", "{}", r#"{"Count":null,"List":null}"#, r#"{"Count":2,"List":[{"Key":1,"Val":2},null]}"#]
        {
            let answer = format!(r#"{{"BaseResponse":null,"SyncKey":{key},"SyncCheckKey":{key}}}"#);
            let answer: SyncAnswer = serde_json::from_str(&answer).unwrap();
            assert!(answer.sync_key.pairs().is_empty() && answer.sync_check_key.pairs().is_empty(), "{key}");
        }
    }
}
