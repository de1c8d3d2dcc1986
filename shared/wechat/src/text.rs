//! Text between the wire and a reader: entities, line breaks, emoji, the sender in front of a group's text, mentions.

use std::borrow::Cow;

use crate::emoji;

/// What follows the name in a mention.
const MENTION_END: char = '\u{2005}';

/// What stands between the sender and the text in a group, and between label and link of a location.
const SENDER_END: &str = ":<br/>";

/// The text a person wrote, from what WeChat made of it: `&lt;` is `<`, `<br/>` a newline, an emoji span an emoji.
/// One pass, so that an escaped `&lt;br/&gt;` stays the five characters that somebody typed.
pub(crate) fn plain(wire: &str) -> Cow<'_, str> {
    let Some(first) = wire.find(['<', '&']) else {
        return Cow::Borrowed(wire);
    };
    let mut out = String::with_capacity(wire.len());
    out.push_str(&wire[..first]);
    let mut rest = &wire[first..];
    while !rest.is_empty() {
        let length = take_mark(rest, &mut out);
        rest = &rest[length..];
        let next = rest.find(['<', '&']).unwrap_or(rest.len());
        out.push_str(&rest[..next]);
        rest = &rest[next..];
    }
    Cow::Owned(out)
}

/// As [`plain`], reusing the buffer where nothing changes.
pub(crate) fn decoded(wire: String) -> String {
    if let Cow::Owned(text) = plain(&wire) {
        return text;
    }
    wire
}

/// Decodes the mark that `rest` begins with (it begins with `<` or `&`) and tells its length; one that means nothing
/// is kept as it is.
fn take_mark(rest: &str, out: &mut String) -> usize {
    if rest.starts_with("<br/>") {
        out.push('\n');
        return "<br/>".len();
    }
    if let Some(length) = emoji::take(rest, out) {
        return length;
    }
    if let Some((character, length)) = entity(rest) {
        out.push(character);
        return length;
    }
    out.push_str(&rest[..1]);
    1
}

/// The character of the entity that `rest` begins with, and the entity's length.
fn entity(rest: &str) -> Option<(char, usize)> {
    /// `&#x10FFFF;`, the longest.
    const LONGEST: usize = 10;
    let end = rest.bytes().take(LONGEST).position(|byte| byte == b';')?;
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

/// Parts `@hex:<br/>text`, as groups have it, into the member and what it wrote. `None` where no member stands there.
pub(crate) fn split_sender(content: &str) -> Option<(&str, &str)> {
    let (sender, rest) = content.split_once(SENDER_END)?;
    let name = sender.strip_prefix('@')?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some((sender, rest))
}

/// The label in front of a location's link.
pub(crate) fn location_label(content: &str) -> &str {
    content.split_once(SENDER_END).map_or(content, |(label, _)| label)
}

/// Whether `text` mentions `name`: `@name` and U+2005. Both are decoded text.
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
        assert_eq!(plain("a &amp; b &lt;c&gt; &quot;d&quot; &#39;e&#x27;"), "a & b <c> \"d\" 'e'");
        assert_eq!(plain("one<br/>two"), "one\ntwo");
        assert_eq!(plain("hi<span class=\"emoji emoji1f604\"></span><br/>你好"), "hi😄\n你好");
        assert_eq!(plain("<span class=\"emoji emoji1f450\"></span x"), "👐 x");
        assert!(matches!(plain("nothing to do, 不变"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_somebody_typed_stays() {
        assert_eq!(plain("&lt;br/&gt;"), "<br/>");
        assert_eq!(plain("&amp;lt;"), "&lt;");
        assert_eq!(plain("AT&T & 5 < 6 &unknown; &#xd800; &"), "AT&T & 5 < 6 &unknown; &#xd800; &");
        assert_eq!(plain("&你好;"), "&你好;");
    }

    #[test]
    fn a_group_text_names_its_sender_first() {
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
