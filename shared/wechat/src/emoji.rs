//! Decodes emoji spans of Web WeChat, `<span class="emoji emoji1f604"></span>`.
//!
//! | code | emoji |
//! |---|---|
//! | 1 to 6 digits | the character with that code in hexadecimal |
//! | 10 digits | a flag: two characters of five digits each |
//! | 2 digits and `20e3` | a key cap |
//! | one of [`MISTAKEN`] | another emoji than the code says |
//!
//! The span of `1f450` lacks its last `>`. Sources: itchat and openwechat.

const OPEN: &str = "<span class=\"emoji emoji";
const CLOSE: &str = "\"></span";

/// Codes that WeChat sends for another emoji: the code, and the emoji that the person sent.
const MISTAKEN: [(u32, char); 9] = [
    (0x1f4ab, '\u{1f616}'),
    (0x1f639, '\u{1f602}'),
    (0x1f63a, '\u{1f603}'),
    (0x1f63b, '\u{1f60d}'),
    (0x1f63c, '\u{1f601}'),
    (0x1f63d, '\u{1f618}'),
    (0x1f63f, '\u{1f622}'),
    (0x1f64d, '\u{1f614}'),
    (0x1f64e, '\u{1f621}'),
];

/// Decodes the emoji span at the start of `text`, appends the emoji to `out` and returns the span's length in bytes.
/// Without a valid span it returns `None` and appends nothing.
pub(crate) fn decode(text: &str, out: &mut String) -> Option<usize> {
    let (code, rest) = text.strip_prefix(OPEN)?.split_once(CLOSE)?;
    append(code, out)?;
    let rest = rest.strip_prefix('>').unwrap_or(rest);
    Some(text.len() - rest.len())
}

fn append(code: &str, out: &mut String) -> Option<()> {
    if !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match code.len() {
        10 => {
            let (first, second) = (scalar(&code[..5])?, scalar(&code[5..])?);
            out.extend([first, second]);
        }
        // A key cap needs U+FE0F between the character and U+20E3 to be drawn as an emoji.
        6 if code[2..].eq_ignore_ascii_case("20e3") => out.extend([scalar(&code[..2])?, '\u{fe0f}', '\u{20e3}']),
        1..=6 => out.push(scalar(code)?),
        _ => return None,
    }
    Some(())
}

fn scalar(hex: &str) -> Option<char> {
    let code = u32::from_str_radix(hex, 16).ok()?;
    match MISTAKEN.iter().find(|(wrong, _)| *wrong == code) {
        Some((_, sent)) => Some(*sent),
        None => char::from_u32(code),
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    fn decoded(span: &str) -> Option<(String, usize)> {
        let mut out = String::new();
        decode(span, &mut out).map(|length| (out, length))
    }

    fn emoji(code: &str) -> String {
        decoded(&format!("<span class=\"emoji emoji{code}\"></span>")).unwrap().0
    }

    #[test]
    fn codes_become_characters() {
        assert_eq!(emoji("1f604"), "😄");
        assert_eq!(emoji("2764"), "❤");
        assert_eq!(emoji("1f1e81f1f3"), "🇨🇳");
        assert_eq!(emoji("3120e3"), "1️⃣");
        assert_eq!(emoji("2320e3"), "#️⃣");
    }

    #[test]
    fn mistaken_codes_are_corrected() {
        assert_eq!(emoji("1f639"), "😂");
        assert_eq!(emoji("1f64e"), "😡");
        assert_eq!(emoji("1f63f"), "😢");
    }

    #[test]
    fn a_span_may_lack_its_last_bracket() {
        assert_eq!(decoded("<span class=\"emoji emoji1f450\"></span!"), Some(("👐".into(), 37)));
        assert_eq!(decoded("<span class=\"emoji emoji1f450\"></span>!"), Some(("👐".into(), 38)));
    }

    #[test]
    fn an_invalid_span_is_not_decoded() {
        for text in [
            "<span>",
            "<span class=\"emoji emoji\"></span>",
            "<span class=\"emoji emojid800\"></span>",
            "<span class=\"emoji emojizz\"></span>",
            "<span class=\"emoji emoji1f604",
            "<br/>",
        ] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
