//! Decodes text from the wire: entities, line breaks, emoji, the sender in front of a text in a group, mentions.

use std::borrow::Cow;

use crate::emoji;

/// The character after the name in a mention.
const MENTION_END: char = '\u{2005}';

/// Separates the sender from the text in a group, and the label from the link in a location.
const SEPARATOR: &str = ":<br/>";

/// Restores the text that a person wrote: `&lt;` becomes `<`, `<br/>` a newline, an emoji span an emoji. It works in one
/// pass, so that an escaped `&lt;br/&gt;` becomes the five characters that the person typed.
pub(crate) fn decode(wire: &str) -> Cow<'_, str> {
    let Some(first) = wire.find(['<', '&']) else {
        return Cow::Borrowed(wire);
    };
    let mut out = String::with_capacity(wire.len());
    out.push_str(&wire[..first]);
    let mut rest = &wire[first..];
    while !rest.is_empty() {
        let length = decode_markup(rest, &mut out);
        rest = &rest[length..];
        let next = rest.find(['<', '&']).unwrap_or(rest.len());
        out.push_str(&rest[..next]);
        rest = &rest[next..];
    }
    Cow::Owned(out)
}

/// As [`decode`], but reuses the buffer if nothing changes.
pub(crate) fn decode_owned(wire: String) -> String {
    if let Cow::Owned(text) = decode(&wire) {
        return text;
    }
    wire
}

/// Decoded text; `None` if it is empty.
pub(crate) fn non_empty(wire: String) -> Option<String> {
    Some(decode_owned(wire)).filter(|text| !text.is_empty())
}

/// Decodes the markup at the start of `rest`, which begins with `<` or `&`, and returns its length. A character that
/// begins no known markup is kept.
fn decode_markup(rest: &str, out: &mut String) -> usize {
    if rest.starts_with("<br/>") {
        out.push('\n');
        return "<br/>".len();
    }
    if let Some(length) = emoji::decode(rest, out) {
        return length;
    }
    if let Some((character, length)) = entity(rest) {
        out.push(character);
        return length;
    }
    out.push_str(&rest[..1]);
    1
}

/// The character of the entity at the start of `rest`, and the entity's length.
fn entity(rest: &str) -> Option<(char, usize)> {
    /// The length of the longest entity, `&#x10FFFF;`.
    const MAX_LENGTH: usize = 10;
    let end = rest.bytes().take(MAX_LENGTH).position(|byte| byte == b';')?;
    let name = rest[..end].strip_prefix('&')?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((character, end + 1))
}

/// Splits `@hex:<br/>text`, a text in a group, into the member and the text. `None` without a member.
pub(crate) fn split_sender(content: &str) -> Option<(&str, &str)> {
    let (sender, rest) = content.split_once(SEPARATOR)?;
    let name = sender.strip_prefix('@')?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some((sender, rest))
}

/// The label of a location, from the message's content.
pub(crate) fn location_label(content: &str) -> &str {
    content.split_once(SEPARATOR).map_or(content, |(label, _)| label)
}

/// Whether `text` mentions `name`: it contains `@name` and U+2005. Both arguments are decoded.
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    !name.is_empty()
        && text
            .split(MENTION_END)
            .rev()
            .skip(1)
            .any(|before| before.strip_suffix(name).is_some_and(|rest| rest.ends_with('@')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_breaks_and_emoji_are_decoded() {
        assert_eq!(decode("a &amp; b &lt;c&gt; &quot;d&quot; &#39;e&#x27;"), "a & b <c> \"d\" 'e'");
        assert_eq!(decode("one<br/>two"), "one\ntwo");
        assert_eq!(decode("hi<span class=\"emoji emoji1f604\"></span><br/>你好"), "hi😄\n你好");
        assert_eq!(decode("<span class=\"emoji emoji1f450\"></span x"), "👐 x");
        assert!(matches!(decode("nothing to do, 不变"), Cow::Borrowed(_)));
    }

    #[test]
    fn typed_markup_is_kept() {
        assert_eq!(decode("&lt;br/&gt;"), "<br/>");
        assert_eq!(decode("&amp;lt;"), "&lt;");
        assert_eq!(decode("AT&T & 5 < 6 &unknown; &#xd800; &"), "AT&T & 5 < 6 &unknown; &#xd800; &");
        assert_eq!(decode("&你好;"), "&你好;");
    }

    #[test]
    fn a_text_in_a_group_begins_with_its_sender() {
        assert_eq!(split_sender("@0a1b:<br/>hi:<br/>there"), Some(("@0a1b", "hi:<br/>there")));
        assert_eq!(split_sender("hi:<br/>there"), None);
        assert_eq!(split_sender("@:<br/>there"), None);
        assert_eq!(split_sender("@you and me:<br/>there"), None);
        assert_eq!(split_sender("@0a1b hi"), None);
    }

    #[test]
    fn a_mention_ends_with_a_four_per_em_space() {
        assert!(mentions("@小明\u{2005}在吗", "小明"));
        assert!(mentions("hello @A\u{2005}and @小明\u{2005}", "小明"));
        assert!(!mentions("@小明 在吗", "小明"));
        assert!(!mentions("@大小明\u{2005}", "小明"));
        assert!(!mentions("@小明明\u{2005}", "小明"));
        assert!(!mentions("@\u{2005}", ""));
    }
}
