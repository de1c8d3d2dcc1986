//! Messages of apps (`MsgType` 49): files, stickers, links, posts of official accounts.

use domain::message::{Article, Content};

use super::{picture, system};
use crate::{
    text::{decode, decode_owned, non_empty},
    wire::{message::AddMsg, xml},
};

pub(super) fn content(message: AddMsg) -> Content {
    match message.app_msg_type {
        6 => Content::Attachment {
            file: None,
            file_name: decode_owned(message.file_name),
            file_size: u64::try_from(message.file_size).ok().filter(|size| *size != 0),
        },
        8 => picture(&message),
        _ => sharing(&message).unwrap_or_else(|| system(message)),
    }
}

/// A link, if the message has a URL in its fields or its XML.
fn sharing(message: &AddMsg) -> Option<Content> {
    let xml = decode(&message.content);
    let element = |name| xml::text(&xml, &["appmsg", name]).filter(|text| !text.is_empty());
    let url = non_empty(message.url.clone()).or_else(|| element("url"))?;
    let text = non_empty(message.file_name.clone()).or_else(|| element("title")).unwrap_or_default();
    Some(Content::Sharing { url, text, articles: articles(&xml) })
}

/// The articles of an official account's post, in their order. Seen in the messages of subscribed accounts.
fn articles(xml: &str) -> Vec<Article> {
    let items = xml::records(xml, &["mmreader", "category", "item"], ["title", "url", "digest", "cover"]);
    let present = |text: String| Some(text).filter(|text| !text.is_empty());
    let articles = items.into_iter().map(|[title, url, digest, cover]| Article {
        title,
        url,
        digest: present(digest),
        cover: present(cover),
    });
    articles.filter(|article| !article.url.is_empty()).collect()
}
