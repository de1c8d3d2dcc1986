//! Deserializers for scalars whose JSON type varies between answers: `Uin` is a number or text, `MsgId` is text but
//! `NewMsgId` a number, an unknown value is `0`, `""` or `null`. They accept any type, so that one unexpected field does
//! not lose a batch of messages.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// Any scalar as text; `null`, lists and objects as empty text.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(Text)
}

/// Any scalar as an integer; everything else is 0. A number above `i64::MAX` keeps its 64 bits.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    deserializer.deserialize_any(Integer)
}

/// As [`integer`], for a field whose absence differs from 0.
pub(crate) fn optional_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    integer(deserializer).map(Some)
}

/// A list that may be `null`.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }

    fn visit_string<E>(self, value: String) -> Result<String, E> {
        Ok(value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<String, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(String::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<String, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(String::new())
    }
}

struct Integer;

impl<'de> Visitor<'de> for Integer {
    type Value = i64;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_str<E>(self, value: &str) -> Result<i64, E> {
        let value = value.trim();
        Ok(value.parse().or_else(|_| value.parse::<u64>().map(u64::cast_signed)).unwrap_or(0))
    }

    fn visit_i64<E>(self, value: i64) -> Result<i64, E> {
        Ok(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<i64, E> {
        Ok(value.cast_signed())
    }

    #[expect(clippy::cast_possible_truncation, reason = "WeChat sends no fractions; the integer part suffices")]
    fn visit_f64<E>(self, value: f64) -> Result<i64, E> {
        Ok(value as i64)
    }

    fn visit_bool<E>(self, value: bool) -> Result<i64, E> {
        Ok(i64::from(value))
    }

    fn visit_unit<E>(self) -> Result<i64, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<i64, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<i64, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    #[serde(default)]
    struct Row {
        #[serde(deserialize_with = "text")]
        text: String,
        #[serde(deserialize_with = "integer")]
        integer: i64,
        #[serde(deserialize_with = "optional_integer")]
        optional: Option<i64>,
        #[serde(deserialize_with = "list")]
        list: Vec<u8>,
    }

    impl Default for Row {
        fn default() -> Self {
            Self { text: "absent".into(), integer: -1, optional: None, list: vec![9] }
        }
    }

    fn row(json: &str) -> Row {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn any_value_is_read_as_text() {
        for (json, expected) in [
            (r#"{"text":"1048576"}"#, "1048576"),
            (r#"{"text":1048576}"#, "1048576"),
            (r#"{"text":null}"#, ""),
            (r#"{"text":{"a":[1]}}"#, ""),
            (r#"{"text":[1,2]}"#, ""),
            (r#"{"text":"a\nb"}"#, "a\nb"),
            ("{}", "absent"),
        ] {
            assert_eq!(row(json).text, expected, "{json}");
        }
    }

    #[test]
    fn integers_keep_their_64_bits() {
        for (json, expected) in [
            (r#"{"integer":6050338562629220245}"#, 6_050_338_562_629_220_245),
            (r#"{"integer":"6050338562629220245"}"#, 6_050_338_562_629_220_245),
            (r#"{"integer":18446744073709551615}"#, -1),
            (r#"{"integer":"18446744073709551615"}"#, -1),
            (r#"{"integer":-7}"#, -7),
            (r#"{"integer":""}"#, 0),
            (r#"{"integer":null}"#, 0),
            (r#"{"integer":2.0}"#, 2),
            (r#"{"integer":[1]}"#, 0),
        ] {
            assert_eq!(row(json).integer, expected, "{json}");
        }
    }

    #[test]
    fn an_absent_integer_is_none_and_a_null_list_is_empty() {
        assert_eq!(row(r#"{"optional":0}"#).optional, Some(0));
        assert_eq!(row("{}").optional, None);
        assert_eq!(row(r#"{"list":null}"#).list, Vec::<u8>::new());
        assert_eq!(row(r#"{"list":[1,2]}"#).list, [1, 2]);
    }
}
