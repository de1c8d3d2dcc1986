//! Searches the XML inside answers and messages. There is no schema: phones and servers of many versions write it.

use quick_xml::{Reader, events::Event};

use crate::text::decode;

/// The text of the first element whose path ends with `path`, with entities and CDATA resolved, and trimmed. `None`
/// without such an element.
pub(crate) fn text(xml: &str, path: &[&str]) -> Option<String> {
    let mut reader = lenient(xml);
    let mut open: Vec<String> = Vec::new();
    let mut found: Option<String> = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                open.push(start.name().as_ref().to_owned());
                if found.is_none() && ends_with(&open, path) {
                    found = Some(String::new());
                }
            }
            Event::Empty(start) => {
                open.push(start.name().as_ref().to_owned());
                if found.is_none() && ends_with(&open, path) {
                    return Some(String::new());
                }
                open.pop();
            }
            Event::End(_) => {
                if let Some(text) = found.take_if(|_| ends_with(&open, path)) {
                    return Some(text.trim().to_owned());
                }
                open.pop();
            }
            Event::Text(part) => extend(&mut found, &part),
            Event::CData(part) => extend(&mut found, &part),
            Event::GeneralRef(name) => extend(&mut found, &decode(&format!("&{};", &*name))),
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// For each element whose path ends with `record`, the texts of its children `fields`, as [`text`] gives them; empty for a
/// child that is missing. Stops where the XML is broken.
pub(crate) fn records<const N: usize>(xml: &str, record: &[&str], fields: [&str; N]) -> Vec<[String; N]> {
    let mut reader = lenient(xml);
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    // The record, the depth of its element, and the field that is being read.
    let mut current: Option<([String; N], usize)> = None;
    let mut field = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                open.push(start.name().as_ref().to_owned());
                match &current {
                    None if ends_with(&open, record) => current = Some(([const { String::new() }; N], open.len())),
                    Some((_, depth)) if open.len() == depth + 1 => {
                        field = fields.iter().position(|name| open.last().is_some_and(|last| last == name));
                    }
                    _ => {}
                }
            }
            Ok(Event::End(_)) => {
                if let Some((texts, depth)) = &mut current {
                    if open.len() == *depth + 1 {
                        field = None;
                    } else if open.len() == *depth {
                        found.push(
                            std::mem::replace(texts, [const { String::new() }; N]).map(|text| text.trim().to_owned()),
                        );
                        current = None;
                    }
                }
                open.pop();
            }
            Ok(Event::Text(part)) => add(&mut current, field, &part),
            Ok(Event::CData(part)) => add(&mut current, field, &part),
            Ok(Event::GeneralRef(name)) => add(&mut current, field, &decode(&format!("&{};", &*name))),
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

fn add<const N: usize>(record: &mut Option<([String; N], usize)>, field: Option<usize>, part: &str) {
    if let (Some((texts, _)), Some(field)) = (record, field) {
        texts[field].push_str(part);
    }
}

/// An attribute of the first element with the name `element`, with entities resolved. `None` without the element or the
/// attribute.
pub(crate) fn attribute(xml: &str, element: &str, name: &str) -> Option<String> {
    let mut reader = lenient(xml);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) | Event::Empty(start) if start.name().as_ref() == element => {
                let mut attributes = start.html_attributes();
                let found = attributes.with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == name)?;
                return Some(decode(&found.value).into_owned());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn extend(found: &mut Option<String>, part: &str) {
    if let Some(text) = found {
        text.push_str(part);
    }
}

fn lenient(xml: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(xml);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.allow_unmatched_ends = true;
    config.check_end_names = false;
    reader
}

fn ends_with(open: &[String], path: &[&str]) -> bool {
    open.len() >= path.len() && open[open.len() - path.len()..].iter().zip(path).all(|(name, step)| name == step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "<?xml version=\"1.0\"?>\n<msg>\n<appmsg appid=\"\" sdkver=\"0\"><title>A &amp; B &#20320;</title>\
        <des><![CDATA[<b>1 & 2</b>]]></des><type>5</type><url>https://mp.weixin.qq.com/s?a=1&amp;b=2</url>\
        <mmreader><title>other</title></mmreader><lowurl /></appmsg><fromusername>wx</fromusername></msg>";

    #[test]
    fn an_element_is_found_by_the_end_of_its_path() {
        assert_eq!(text(APP, &["appmsg", "title"]).unwrap(), "A & B 你");
        assert_eq!(text(APP, &["mmreader", "title"]).unwrap(), "other");
        assert_eq!(text(APP, &["des"]).unwrap(), "<b>1 & 2</b>");
        assert_eq!(text(APP, &["appmsg", "url"]).unwrap(), "https://mp.weixin.qq.com/s?a=1&b=2");
        assert_eq!(text(APP, &["lowurl"]).unwrap(), "");
        assert_eq!(text(APP, &["msg", "title"]), None);
    }

    #[test]
    fn records_have_their_fields_in_order() {
        let post = "<appmsg><title>x</title><mmreader><category><title>y</title>\
            <item><title><![CDATA[A]]></title><url> u1&amp;v </url><sources><source><title>no</title></source></sources></item>\
            <item><url>u2</url><cover/><title>B</title></item></category></mmreader></appmsg>";
        let read = |xml| records(xml, &["category", "item"], ["title", "url", "cover"]);
        assert_eq!(read(post), [["A", "u1&v", ""], ["B", "u2", ""]].map(|record| record.map(str::to_owned)));
        assert_eq!(read(&post[..post.find("<cover").unwrap()]).len(), 1);
        assert!(read("no xml <").is_empty());
    }

    #[test]
    fn attributes_are_decoded() {
        let location = "<msg>\n\t<location x=\"31.2\" label=\"A &amp; &quot;B&quot;\" poiid=''/></msg>";
        assert_eq!(attribute(location, "location", "x").unwrap(), "31.2");
        assert_eq!(attribute(location, "location", "label").unwrap(), "A & \"B\"");
        assert_eq!(attribute(location, "location", "poiid").unwrap(), "");
        assert_eq!(attribute(location, "location", "y"), None);
        assert_eq!(attribute(location, "elsewhere", "x"), None);
    }

    #[test]
    fn malformed_xml_is_read_as_far_as_possible() {
        assert_eq!(text("<error><ret>1203</ret><message>a & b</error>", &["ret"]).unwrap(), "1203");
        assert_eq!(text("no xml at all", &["ret"]), None);
        assert_eq!(text("<error><ret>12", &["ret"]), None);
    }
}
