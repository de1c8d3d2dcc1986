//! Emoji as Web WeChat writes them, `<span class="emoji emoji1f604"></span>`, and as Unicode does.
//!
//! Seen with itchat and openwechat: the code is the character's hex; a flag is two of five digits run together, a key
//! cap the two digits of its character and `20e3`; nine codes name another emoji than the one that was sent; the span
//! of `1f450` comes without its last `>`.

const OPEN: &str = "<span class=\"emoji emoji";
const CLOSE: &str = "\"></span";

/// Codes under which WeChat sends another emoji: what comes, what was meant.
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

/// Reads the emoji span that `text` begins with, appends the emoji to `out` and tells the span's length in bytes.
/// `None`, and nothing appended, where there is no span or its code is none.
pub(crate) fn take(text: &str, out: &mut String) -> Option<usize> {
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
        // Unicode draws a key cap as an emoji only with U+FE0F between the character and U+20E3.
        6 if code[2..].eq_ignore_ascii_case("20e3") => out.extend([scalar(&code[..2])?, '\u{fe0f}', '\u{20e3}']),
        1..=6 => out.push(scalar(code)?),
        _ => return None,
    }
    Some(())
}

fn scalar(hex: &str) -> Option<char> {
    let code = u32::from_str_radix(hex, 16).ok()?;
    match MISTAKEN.iter().find(|(wrong, _)| *wrong == code) {
        Some((_, meant)) => Some(*meant),
        None => char::from_u32(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(span: &str) -> Option<(String, usize)> {
        let mut out = String::new();
        take(span, &mut out).map(|length| (out, length))
    }

    fn emoji(code: &str) -> String {
        read(&format!("<span class=\"emoji emoji{code}\"></span>")).unwrap().0
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
    fn mistaken_codes_mean_what_was_sent() {
        assert_eq!(emoji("1f639"), "😂");
        assert_eq!(emoji("1f64e"), "😡");
        assert_eq!(emoji("1f63f"), "😢");
    }

    #[test]
    fn a_span_may_lack_its_last_bracket() {
        assert_eq!(read("<span class=\"emoji emoji1f450\"></span!"), Some(("👐".into(), 37)));
        assert_eq!(read("<span class=\"emoji emoji1f450\"></span>!"), Some(("👐".into(), 38)));
    }

    #[test]
    fn anything_else_is_no_span() {
        for text in [
            "<span>",
            "<span class=\"emoji emoji\"></span>",
            "<span class=\"emoji emojid800\"></span>",
            "<span class=\"emoji emojizz\"></span>",
            "<span class=\"emoji emoji1f604",
            "<br/>",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
