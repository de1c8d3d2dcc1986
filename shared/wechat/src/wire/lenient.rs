//! Deserializers for values whose JSON type varies between answers: `Uin` is a number or text, `MsgId` is text but
//! `NewMsgId` a number, an unknown value is `0`, `""` or `null`. They accept any type, so that one unexpected field does
//! not lose a batch of messages, and read lists an entry at a time, so that one entry does not lose the others.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

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

/// The entries of a list that can be read; the others are left out. Anything but a list is an empty one.
pub(crate) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    let entries: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let read = entries.iter().filter_map(|raw| {
        let entry = entry(raw.get());
        if entry.is_none() {
            tracing::warn!(bytes = raw.get().len(), "an entry of a list in WeChat's answer is not understood");
        }
        entry
    });
    Ok(read.collect())
}

/// The entries of a list as JSON. A value that is no list, but not `null` either, is its only entry.
pub(crate) fn raw_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<&'de RawValue>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    let no_list = || if raw.get() == "null" { Vec::new() } else { vec![raw] };
    Ok(serde_json::from_str(raw.get()).unwrap_or_else(|_| no_list()))
}

/// A structure that may be `null`.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A structure that may be `null` or anything else.
pub(crate) fn structure<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(entry(raw.get()).unwrap_or_default())
}

/// A structure whose fields may be missing. Where it cannot be read as a whole, the fields that can are read. `None` if
/// it is no object.
pub(crate) fn entry<T: DeserializeOwned>(json: &str) -> Option<T> {
    // A structure could also be read from a list of its fields, which nobody sends.
    if !json.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(json).ok().or_else(|| {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
        let read = fields.into_iter().filter_map(|(name, raw)| Some((name, serde_json::from_str(raw.get()).ok()?)));
        serde_json::from_str(&Value::Object(read.collect::<Map<String, Value>>()).to_string()).ok()
    })
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
        list: Vec<Number>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Number {
        #[serde(deserialize_with = "integer")]
        is: i64,
    }

    fn numbers(numbers: impl IntoIterator<Item = i64>) -> Vec<Number> {
        numbers.into_iter().map(|is| Number { is }).collect()
    }

    impl Default for Row {
        fn default() -> Self {
            Self { text: "absent".into(), integer: -1, optional: None, list: numbers([9]) }
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
        assert_eq!(row(r#"{"list":null}"#).list, []);
        assert_eq!(row(r#"{"list":[{"is":1},{"is":"2"}]}"#).list, numbers([1, 2]));
    }

    #[test]
    fn a_list_is_read_an_entry_at_a_time() {
        assert_eq!(row(r#"{"list":[{"is":1},null,[2],{},7,{"is":1e400},{"is":3}]}"#).list, numbers([1, 0, 0, 3]));
        for no_list in ["{}", "7", r#""x""#] {
            assert_eq!(row(&format!(r#"{{"list":{no_list}}}"#)).list, [], "{no_list}");
        }
        let raw = |json: &str| raw_list(&mut serde_json::Deserializer::from_str(json)).unwrap().len();
        assert_eq!([raw("null"), raw("[]"), raw("[1,null]"), raw("{}"), raw("7")], [0, 0, 2, 1, 1]);
    }

    #[test]
    fn fields_that_cannot_be_read_are_left_out() {
        let read: Row = entry(r#"{"integer":1e400,"text":"a","text":"b"}"#).unwrap();
        assert_eq!((read.integer, read.text.as_str()), (-1, "b"));
        for no_object in ["null", "7", "[]", r#""x""#] {
            assert!(entry::<Row>(no_object).is_none(), "{no_object}");
        }
    }
}
