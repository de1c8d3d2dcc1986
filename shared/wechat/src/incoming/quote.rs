//! Texts that quote another message.

use domain::message::Refer;

use crate::{
    text::decode,
    wire::{message::AddMsg, xml},
};

/// The text of a message that quotes another one, and what it quotes.
pub(super) fn find(message: &AddMsg) -> Option<(String, Refer)> {
    match (message.msg_type, message.app_msg_type) {
        (49, 57 | 0) => in_xml(&decode(&message.content)),
        (1, _) if message.sub_msg_type != 48 => in_text(&decode(&message.content)),
        _ => None,
    }
}

/// An app message of type 57: its title is the text, `refermsg` the quoted message.
fn in_xml(xml: &str) -> Option<(String, Refer)> {
    if xml::text(xml, &["appmsg", "type"])? != "57" {
        return None;
    }
    let text = xml::text(xml, &["appmsg", "title"])?;
    let element = |name| xml::text(xml, &["refermsg", name]).filter(|text| !text.is_empty());
    let (content, sender) = (element("content"), element("displayname"));
    if content.is_none() && sender.is_none() {
        return None;
    }
    let kind = element("type").and_then(|kind| kind.parse().ok()).unwrap_or(1);
    let refer = Refer {
        id: element("svrid").and_then(|id| id.parse().ok()).filter(|id| *id != 0),
        sender,
        text: describe(kind, content.unwrap_or_default()),
    };
    Some((text, refer))
}

/// A quoted message of `MsgType` `kind` in words. Only a text is its own content; other kinds have XML there.
fn describe(kind: u32, content: String) -> String {
    let words = match kind {
        3 => "[图片]",
        34 => "[语音]",
        42 => "[名片]",
        43 | 62 => "[视频]",
        47 => "[动画表情]",
        48 => "[位置]",
        49 => return xml::text(&content, &["appmsg", "title"]).unwrap_or_else(|| "[链接]".to_owned()),
        _ => return content,
    };
    words.to_owned()
}

/// A text as older servers write it for clients that know no quotes:
/// ```text
/// 「name：quoted text」
/// - - - - - - - - - - - - - - -
/// text
/// ```
/// A text with a second such line could be read in two ways, so it stays as it is.
fn in_text(text: &str) -> Option<(String, Refer)> {
    let rest = text.strip_prefix('「')?;
    let mut ends = rest.match_indices("」\n").filter(|(at, end)| {
        let line = rest[at + end.len()..].split('\n').next().unwrap_or_default();
        is_ruler(line)
    });
    let (at, end) = ends.next()?;
    if ends.next().is_some() {
        return None;
    }
    let (sender, quoted) = rest[..at].split_once('：')?;
    let (_, text) = rest[at + end.len()..].split_once('\n')?;
    if sender.is_empty() || sender.contains('\n') {
        return None;
    }
    Some((text.to_owned(), Refer { id: None, sender: Some(sender.to_owned()), text: quoted.to_owned() }))
}

/// Whether the line is the row of dashes below a quotation.
fn is_ruler(line: &str) -> bool {
    line.matches("- ").count() >= 5 && line.chars().all(|character| matches!(character, '-' | ' '))
}
