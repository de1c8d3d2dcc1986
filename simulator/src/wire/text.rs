//! Text in Web WeChat's encoding: entities, `<br/>`, and emoji as spans.

/// Emoji that WeChat sends with the code of another emoji. itchat found them and has a table to correct them.
const WRONG_EMOJI: [(u32, u32); 9] = [
    (0x1f601, 0x1f63c),
    (0x1f602, 0x1f639),
    (0x1f603, 0x1f63a),
    (0x1f616, 0x1f4ab),
    (0x1f614, 0x1f64d),
    (0x1f60d, 0x1f63b),
    (0x1f618, 0x1f63d),
    (0x1f621, 0x1f64e),
    (0x1f622, 0x1f63f),
];

/// Encodes a message's text: `& < >` become entities, a newline becomes `<br/>`, emoji become spans.
pub(crate) fn message(text: &str) -> String {
    escape(text, true)
}

/// Encodes a name like a message, but keeps newlines.
pub(crate) fn name(text: &str) -> String {
    escape(text, false)
}

/// Escapes text inside XML that is a message's content. Emoji become spans only when the whole content is encoded.
pub(crate) fn element(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn escape(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' if lines => out.push_str("<br/>"),
            // Two regional indicators form a flag. Its code has ten hex digits.
            '\u{1f1e6}'..='\u{1f1ff}' => match rest.next_if(|next| is_regional(*next)) {
                Some(second) => span(&mut out, &format!("{:x}{:x}", u32::from(c), u32::from(second))),
                None => out.push(c),
            },
            '0'..='9' | '#' if is_key_cap(rest.clone()) => {
                rest.next_if_eq(&'\u{fe0f}');
                rest.next();
                span(&mut out, &format!("{:x}20e3", u32::from(c)));
            }
            c if is_old_emoji(c) => {
                let code = u32::from(c);
                let sent = WRONG_EMOJI.iter().find(|(right, _)| *right == code).map_or(code, |wrong| wrong.1);
                span(&mut out, &format!("{sent:x}"));
            }
            c => out.push(c),
        }
    }
    out
}

fn span(out: &mut String, code: &str) {
    out.push_str("<span class=\"emoji emoji");
    out.push_str(code);
    // WeChat drops the last character of this span.
    out.push_str(if code == "1f450" { "\"></span" } else { "\"></span>" });
}

fn is_regional(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

fn is_key_cap(mut rest: impl Iterator<Item = char>) -> bool {
    match rest.next() {
        Some('\u{20e3}') => true,
        Some('\u{fe0f}') => rest.next() == Some('\u{20e3}'),
        _ => false,
    }
}

/// Emoji from before 2014 become spans. WeChat sends newer ones unchanged.
fn is_old_emoji(c: char) -> bool {
    matches!(c, '\u{1f300}'..='\u{1f320}' | '\u{1f330}'..='\u{1f37c}' | '\u{1f380}'..='\u{1f393}'
        | '\u{1f3a0}'..='\u{1f3ca}' | '\u{1f3e0}'..='\u{1f3f0}' | '\u{1f400}'..='\u{1f43e}'
        | '\u{1f440}' | '\u{1f442}'..='\u{1f4f7}' | '\u{1f4f9}'..='\u{1f4fc}'
        | '\u{1f500}'..='\u{1f53d}' | '\u{1f5fb}'..='\u{1f640}' | '\u{1f645}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6c5}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_and_newlines() {
        assert_eq!(message("a<b>&\nc"), "a&lt;b&gt;&amp;<br/>c");
        assert_eq!(name("Tom & <Jerry>"), "Tom &amp; &lt;Jerry&gt;");
    }

    #[test]
    fn emoji_as_wechat_sends_them() {
        let span = |code: &str| format!("<span class=\"emoji emoji{code}\"></span>");
        assert_eq!(message("😄"), span("1f604"));
        assert_eq!(message("😂"), span("1f639"), "WeChat sends a wrong code");
        assert_eq!(message("🇨🇳"), span("1f1e81f1f3"), "a flag");
        assert_eq!(message("1️⃣"), span("3120e3"), "a key cap");
        assert_eq!(message("1 + 1"), "1 + 1");
        assert_eq!(message("👐"), "<span class=\"emoji emoji1f450\"></span");
        assert_eq!(message("🤔"), "🤔", "a newer emoji");
    }
}
