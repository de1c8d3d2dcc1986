//! Long contents: the bucket keeps the whole, the row keeps the beginning, so that every row fits into the ledger.

use ::media::MediaType;
use bytes::Bytes;
use domain::{
    media::{self, MediaPath},
    message::{Content, Message, Refer},
    puid::Puid,
};

use super::{Halt, ledger::Ledger};

/// Bytes of text that a row keeps of a message. A row may have 400 KB.
const MAX_TEXT: usize = 64 * 1024;
/// Bytes that a row keeps of each text of a quoted message.
const MAX_QUOTED: usize = 8 * 1024;
/// Articles of a post that a row keeps. WeChat sends at most eight.
const MAX_ARTICLES: usize = 64;
/// Bytes of text, and of each name, that a row keeps of a message that the ledger has refused.
const STUB_TEXT: usize = 4 * 1024;
const STUB_NAME: usize = 128;

/// Makes a message fit into a row. A content that has to be cut goes to the bucket first: the text of a content that has
/// nothing else, any other content as JSON.
pub(super) async fn fit(ledger: &Ledger, message: &mut Message) -> Result<(), Halt> {
    tidy(message);
    if size(&mut message.content) <= MAX_TEXT {
        return Ok(());
    }
    let whole = text_of(&message.content);
    if let Content::Sharing { articles, .. } = &mut message.content {
        articles.truncate(MAX_ARTICLES);
    }
    cut(&mut texts(&mut message.content), MAX_TEXT);
    message.whole = Some(store(ledger, message.id, whole).await?);
    Ok(())
}

/// Turns a message that the ledger has refused into a stub that it takes.
pub(super) async fn reduce(ledger: &Ledger, message: &mut Message) -> Result<(), Halt> {
    let stub = stub(message);
    if stub == *message {
        tracing::error!(message.id = message.id, "the ledger refuses the stub of a message, too");
        return Err(Halt::Unreadable);
    }
    tracing::error!(message.id = message.id, message.kind = message.content.kind().as_str(), "message kept as a stub");
    let whole = text_of(&message.content);
    *message = stub;
    message.whole = Some(store(ledger, message.id, whole).await?);
    Ok(())
}

/// The shortest form of a message: a system message with the beginning of its content.
fn stub(message: &Message) -> Message {
    let mut text = text_of(&message.content);
    text.truncate(text.floor_char_boundary(STUB_TEXT));
    let name = |puid: &Puid| Puid::new(&puid.as_str()[..puid.as_str().floor_char_boundary(STUB_NAME)]);
    Message {
        chat: name(&message.chat),
        send_user: message.send_user.as_ref().map(name),
        send_group: message.send_group.as_ref().map(name),
        maps: message.maps.as_ref().map(name),
        receiver: message.receiver.as_ref().map(name),
        receiver_group: message.receiver_group.as_ref().map(name),
        owner: name(&message.owner),
        content: Content::System { text },
        media: None,
        refer: None,
        ..message.clone()
    }
}

/// Writes a whole content to the bucket, and returns its path. Repeats it until the bucket answers or the session stops.
async fn store(ledger: &Ledger, id: i64, whole: String) -> Result<String, Halt> {
    let path = MediaPath::of_text(&media::message_id(id));
    let (key, whole) = (path.key(ledger.app()), Bytes::from(whole));
    let mut backoff = ledger.backoff();
    while let Err(error) = ledger.relay().media.put(&key, whole.clone(), MediaType::text()).await {
        if backoff.failures() == 0 {
            tracing::warn!(error = %domain::error::chain(&error), "media bucket unavailable; retrying");
        }
        ledger.pause(ledger.next_pause(&mut backoff)).await?;
    }
    Ok(path.as_str().to_owned())
}

/// Removes what no row can hold, whatever the length of the content.
fn tidy(message: &mut Message) {
    if let Content::Map { x, y, .. } = &mut message.content {
        for degrees in [x, y] {
            // The ledger has no such numbers; no place on earth needs them.
            if !(-1e9..=1e9).contains(degrees) || degrees.abs() < 1e-9 {
                *degrees = 0.0;
            }
        }
    }
    if let Some(Refer { sender, text, .. }) = &mut message.refer {
        for quoted in [Some(text), sender.as_mut()].into_iter().flatten() {
            quoted.truncate(quoted.floor_char_boundary(MAX_QUOTED));
        }
    }
}

fn size(content: &mut Content) -> usize {
    texts(content).into_iter().map(|text| text.len()).sum()
}

/// A content for a person to read as a whole.
fn text_of(content: &Content) -> String {
    match content {
        Content::Text { text } | Content::Note { text, .. } | Content::System { text } => text.clone(),
        _ => serde_json::to_string(content).unwrap_or_default(),
    }
}

/// All texts of a content that the channel has given; the relay's own paths are not among them.
fn texts(content: &mut Content) -> Vec<&mut String> {
    match content {
        Content::Text { text } | Content::Note { text, .. } | Content::System { text } => vec![text],
        Content::Map { label, maptype, poiname, poiid, url, text, .. } => {
            [label, maptype, poiname, poiid, url, text].into_iter().flatten().collect()
        }
        Content::Card { username, nickname, alias, province, city, sign, avatar, .. } => {
            let optional = [alias, province, city, sign, avatar].into_iter().flatten();
            [username, nickname].into_iter().chain(optional).collect()
        }
        Content::Sharing { url, text, articles } => {
            let mut all = vec![url, text];
            for article in articles {
                all.extend([&mut article.title, &mut article.url]);
                all.extend([&mut article.digest, &mut article.cover].into_iter().flatten());
            }
            all
        }
        Content::Attachment { file_name, .. } => vec![file_name],
        Content::Friends { username, nickname, text, ticket, province, city, .. } => {
            [username, nickname, text, ticket].into_iter().chain([province, city].into_iter().flatten()).collect()
        }
        Content::Picture { .. } | Content::Recording { .. } | Content::Video { .. } => Vec::new(),
    }
}

/// Cuts the longest texts so that all together have at most `budget` bytes.
fn cut(texts: &mut [&mut String], budget: usize) {
    let mut lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
    lengths.sort_unstable();
    let (mut left, mut others) = (budget, lengths.len());
    for length in lengths {
        let share = left / others;
        if length > share {
            for text in texts.iter_mut().filter(|text| text.len() > share) {
                text.truncate(text.floor_char_boundary(share));
            }
            return;
        }
        left -= length;
        others -= 1;
    }
}

#[cfg(test)]
mod tests {
    use domain::message::Article;
    use testing::message;

    use super::*;

    fn cut_to(lengths: &[usize], budget: usize) -> Vec<usize> {
        let mut texts: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
        cut(&mut texts.iter_mut().collect::<Vec<_>>(), budget);
        texts.iter().map(String::len).collect()
    }

    #[test]
    fn the_longest_texts_are_cut() {
        assert_eq!(cut_to(&[3, 4], 7), [3, 4]);
        assert_eq!(cut_to(&[3, 100, 2], 10), [3, 5, 2]);
        assert_eq!(cut_to(&[50, 100], 10), [5, 5]);
        let mut text = "字".repeat(10);
        cut(&mut [&mut text], 10);
        assert_eq!(text, "字字字");
    }

    #[test]
    fn every_text_of_every_kind_counts() {
        let long = || "x".repeat(100_000);
        let some = || Some(long());
        let article = Article { title: long(), url: long(), digest: some(), cover: some() };
        let text = long();
        for mut content in [
            Content::Text { text: text.clone() },
            Content::Note { text: text.clone(), revoked: None },
            Content::System { text: text.clone() },
            Content::Sharing { url: long(), text: text.clone(), articles: vec![article; 3] },
            Content::Attachment { file: None, file_name: text.clone(), file_size: None },
            Content::Map {
                x: 1.0,
                y: 1.0,
                scale: None,
                label: some(),
                maptype: some(),
                poiname: some(),
                poiid: some(),
                url: some(),
                text: some(),
            },
            Content::Card {
                username: long(),
                nickname: long(),
                alias: some(),
                province: some(),
                city: some(),
                sign: some(),
                sex: None,
                avatar: some(),
            },
            Content::Friends {
                username: long(),
                nickname: long(),
                text,
                ticket: long(),
                sex: None,
                province: some(),
                city: some(),
            },
        ] {
            cut(&mut texts(&mut content), MAX_TEXT);
            let json = serde_json::to_string(&content).unwrap();
            assert!(json.len() <= MAX_TEXT + 500, "{} has {} bytes", content.kind().as_str(), json.len());
        }
    }

    #[test]
    fn no_number_and_no_quoted_text_breaks_a_row() {
        for (degrees, kept) in [(f64::NAN, 0.0), (f64::INFINITY, 0.0), (1e300, 0.0), (1e-300, 0.0), (-30.25, -30.25)] {
            let mut row = message(1);
            row.content = Content::Map {
                x: degrees,
                y: degrees,
                scale: None,
                label: None,
                maptype: None,
                poiname: None,
                poiid: None,
                url: None,
                text: None,
            };
            row.refer = Some(Refer { id: None, sender: Some("字".repeat(9_000)), text: "x".repeat(9_000) });
            tidy(&mut row);
            let Content::Map { x, y, .. } = row.content else { panic!("it stays a map") };
            assert_eq!((x, y), (kept, kept));
            let refer = row.refer.unwrap();
            assert!(refer.sender.unwrap().len() <= MAX_QUOTED && refer.text.len() == MAX_QUOTED);
        }
    }

    #[test]
    fn a_stub_has_short_texts_and_is_its_own_stub() {
        let mut row = message(1);
        row.content = Content::Friends {
            username: "u".into(),
            nickname: "字".repeat(100_000),
            text: String::new(),
            ticket: "t".into(),
            sex: None,
            province: None,
            city: None,
        };
        row.send_user = Some(Puid::new("长".repeat(1_000)));
        let stub = stub(&row);
        assert!(serde_json::to_string(&stub).unwrap().len() < STUB_TEXT + 2_000);
        assert_eq!(super::stub(&stub), stub);
    }
}
