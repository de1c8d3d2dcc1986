//! Makes valid JSON of what WeChat sends. Its answers contain text of phones of every age, unchecked: bytes that are not
//! UTF-8, control characters, halves of surrogate pairs. One of them must not hide the rest of an answer.

use std::borrow::Cow;

/// The answer as JSON text. Bytes that are not UTF-8 and lone surrogates become U+FFFD; control characters inside
/// strings, and backslashes that escape nothing, are escaped. Everything else stays as it is.
pub(crate) fn repair(answer: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(answer) {
        Cow::Borrowed(text) => repair_strings(text),
        Cow::Owned(text) => Cow::Owned(repair_strings(&text).into_owned()),
    }
}

fn repair_strings(text: &str) -> Cow<'_, str> {
    let mut repaired = Repaired { text, copied: 0, out: String::new() };
    let bytes = text.as_bytes();
    let (mut at, mut in_string) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                at += match escape(&bytes[at + 1..]) {
                    Escape::Valid(length) => length,
                    Escape::LoneSurrogate => {
                        repaired.replace(at, 6, "\u{fffd}");
                        6
                    }
                    Escape::None => {
                        repaired.replace(at, 1, "\\\\");
                        1
                    }
                };
                continue;
            }
            0..0x20 if in_string => repaired.replace(at, 1, &format!("\\u{byte:04x}")),
            _ => {}
        }
        at += 1;
    }
    repaired.finish()
}

/// What follows a backslash.
enum Escape {
    /// An escape; its length with the backslash.
    Valid(usize),
    /// Half of a surrogate pair: `\ud800`.
    LoneSurrogate,
    /// The backslash escapes nothing.
    None,
}

fn escape(after: &[u8]) -> Escape {
    match after.first() {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Escape::Valid(2),
        Some(b'u') => match code_unit(after) {
            None => Escape::None,
            Some(0xd800..0xdc00) => {
                match after.get(5..).filter(|rest| rest[0] == b'\\').and_then(|rest| code_unit(&rest[1..])) {
                    Some(0xdc00..0xe000) => Escape::Valid(12),
                    _ => Escape::LoneSurrogate,
                }
            }
            Some(0xdc00..0xe000) => Escape::LoneSurrogate,
            Some(_) => Escape::Valid(6),
        },
        _ => Escape::None,
    }
}

/// The number of `u` and four hexadecimal digits.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"u")?.get(..4)?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

/// A copy that begins with the first change.
struct Repaired<'a> {
    text: &'a str,
    /// How much of the text is in the copy.
    copied: usize,
    out: String,
}

impl<'a> Repaired<'a> {
    fn replace(&mut self, at: usize, length: usize, with: &str) {
        if self.out.is_empty() {
            self.out.reserve(self.text.len() + 64);
        }
        self.out.push_str(&self.text[self.copied..at]);
        self.out.push_str(with);
        self.copied = at + length;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.out.push_str(&self.text[self.copied..]);
        Cow::Owned(self.out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(answer: &[u8]) -> Value {
        let repaired = repair(answer);
        serde_json::from_str(&repaired).unwrap_or_else(|error| panic!("{repaired}: {error}"))
    }

    #[test]
    fn valid_json_is_not_copied() {
        let valid = r#"{"a":"\ud83d\ude04 \n \"\\ 你","b":[1, null]}"#;
        assert!(matches!(repair(valid.as_bytes()), Cow::Borrowed(text) if text == valid));
    }

    #[test]
    fn invalid_text_becomes_replacement_characters() {
        for (answer, text) in [
            (&b"\"a\xffb\""[..], "a\u{fffd}b"),
            (b"\"\xe4\xbd\"", "\u{fffd}"),
            (br#""a\ud800b""#, "a\u{fffd}b"),
            (br#""\ude04\ud83d\ude04""#, "\u{fffd}😄"),
            (br#""\ud83d\ud83d\ude04""#, "\u{fffd}😄"),
            (br#""\ud83d\n""#, "\u{fffd}\n"),
            (br#""\ud83d""#, "\u{fffd}"),
        ] {
            assert_eq!(read(answer), json!(text));
        }
    }

    #[test]
    fn control_characters_and_stray_backslashes_are_kept() {
        assert_eq!(read(b"{\n\"a\t\":\"\x00\x1f\r\n\"}"), json!({"a\t": "\0\u{1f}\r\n"}));
        assert_eq!(read(br#""C:\Windows \u12 \ux\\""#), json!(r"C:\Windows \u12 \ux\"));
    }
}
