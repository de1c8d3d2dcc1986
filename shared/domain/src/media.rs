//! Media: the paths under which the API serves bytes, the state of a message's media, and the signed links that open a
//! path without credentials.
//!
//! | path after `/media/` | bytes |
//! |---|---|
//! | `image/<id>.jpg`, `image/<id>.gif` | a picture, a sticker |
//! | `record/<id>.mp3` | a voice message |
//! | `video/<id>.mp4` | a video |
//! | `file/<id>/<name>` | a file |
//! | `file/<id>/content.txt` | the whole text of a message that the row holds cut |
//! | `image/avatar/<puid>.jpg` | the picture of a contact |
//!
//! `<id>` is the message's id as an unsigned number, or the id of the job that sent it. The name's ending says what WeChat
//! usually sends; the type of the stored object is found in its first bytes.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use url::Url;

use crate::{
    app::App,
    channel::{MediaKind, MediaSource},
    id::AppId,
    puid::Puid,
};

/// What every path begins with.
pub const PREFIX: &str = "/media/";
/// The longest name of a file, in bytes.
const MAX_NAME: usize = 120;
/// The longest path that is looked up, in bytes.
const MAX_PATH: usize = 512;

/// A path of the API: `/media/…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaPath(Box<str>);

impl MediaPath {
    /// The path of a message's media. `name` is the name of a file.
    pub fn of_message(kind: MediaKind, sticker: bool, id: &str, name: Option<&str>) -> Self {
        match kind {
            MediaKind::Image if sticker => Self::new(format_args!("image/{id}.gif")),
            MediaKind::Image => Self::new(format_args!("image/{id}.jpg")),
            MediaKind::Record => Self::new(format_args!("record/{id}.mp3")),
            MediaKind::Video => Self::new(format_args!("video/{id}.mp4")),
            MediaKind::File => Self::new(format_args!("file/{id}/{}", safe_name(name.unwrap_or_default()))),
        }
    }

    /// The path of the whole text of a message that its row holds cut.
    pub fn of_text(id: &str) -> Self {
        Self::new(format_args!("file/{id}/content.txt"))
    }

    /// The path of a contact's picture.
    pub fn of_avatar(puid: &Puid) -> Self {
        Self::new(format_args!("image/avatar/{puid}.jpg"))
    }

    fn new(rest: std::fmt::Arguments<'_>) -> Self {
        Self(format!("{PREFIX}{rest}").into())
    }

    /// The path whose part after `/media/` is `rest`; `None` if nothing is stored under such a path.
    pub fn parse(rest: &str) -> Option<Self> {
        let parts: Vec<&str> = rest.split('/').collect();
        let plain = parts.iter().all(|part| !part.is_empty() && *part != "." && *part != "..");
        let plain = plain && rest.len() <= MAX_PATH && !rest.contains(|c: char| c.is_control() || c == '\\');
        let known = matches!(parts[..], ["image" | "record" | "video", _] | ["file", _, _] | ["image", "avatar", _]);
        (plain && known).then(|| Self::new(format_args!("{rest}")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the picture of a contact.
    pub fn is_avatar(&self) -> bool {
        self.0.starts_with("/media/image/avatar/")
    }

    /// The key of the stored object. Each app has its own keys, so one app cannot name another's.
    pub fn key(&self, app: &AppId) -> String {
        format!("{app}/{}", &self.0[PREFIX.len()..])
    }

    /// The link that opens the path without credentials until `expires`. `base` is the API's URL.
    pub fn link(&self, base: &Url, app: &App, expires: Timestamp) -> String {
        let mut url = base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(self.0[1..].split('/'));
        }
        url.query_pairs_mut()
            .clear()
            .append_pair("app_id", &app.id)
            .append_pair("expires", &expires.as_second().to_string())
            .append_pair("sig", &self.sign(app, expires.as_second()));
        url.into()
    }

    /// Whether `sig` is the signature of a link that has not expired at `now`.
    pub fn verify(&self, app: &App, expires: &str, sig: &str, now: Timestamp) -> bool {
        let Ok(seconds) = expires.parse::<i64>() else { return false };
        let same: bool = self.sign(app, seconds).as_bytes().ct_eq(sig.as_bytes()).into();
        same && now.as_second() < seconds
    }

    /// Signed with the hash of the app secret: a rotated secret ends all links.
    fn sign(&self, app: &App, expires: i64) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(app.secret_hash.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(format!("media\n{}\n{}\n{expires}", app.id, self.0).as_bytes());
        data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
    }
}

/// The part of a path that stands for a message.
pub fn message_id(id: i64) -> String {
    id.cast_unsigned().to_string()
}

/// The key of the bytes that a caller uploads under a name.
pub fn upload_key(app: &AppId, name: &str) -> String {
    format!("{app}/upload/{name}")
}

/// A file's name as a part of a path: without folders, control characters and characters that file systems forbid, not
/// hidden, and at most 120 bytes with its ending kept. Without `%` and `#`, too: API Gateway decodes a path before it
/// passes it on, and what is then read as a URL again must be the same.
pub fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_forbidden = |c: char| {
        c.is_control()
            || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '%' | '#' | '\u{200e}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let clean: String = last.chars().filter(|c| !is_forbidden(*c)).collect();
    let clean = clean.trim().trim_start_matches('.').trim_end_matches(['.', ' ']);
    if clean.is_empty() {
        return "file".to_owned();
    }
    if clean.len() <= MAX_NAME {
        return clean.to_owned();
    }
    let (stem, ending) = clean.rsplit_once('.').filter(|(_, ending)| ending.len() <= 16).unwrap_or((clean, ""));
    let room = MAX_NAME - if ending.is_empty() { 0 } else { ending.len() + 1 };
    let stem = &stem[..stem.floor_char_boundary(room)];
    if ending.is_empty() { stem.to_owned() } else { format!("{stem}.{ending}") }
}

/// Where the bytes of a message's media are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum MediaState {
    /// Still at the channel. The chat's envelopes wait for them.
    Pending { source: MediaSource },
    /// Stored under the path of the message.
    Stored { size: u64 },
    /// Given up: the message is delivered without them.
    Failed { why: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_readme_and_are_read_back() {
        let path = |kind, sticker, name| MediaPath::of_message(kind, sticker, "7", name);
        for (path, text) in [
            (path(MediaKind::Image, false, None), "/media/image/7.jpg"),
            (path(MediaKind::Image, true, None), "/media/image/7.gif"),
            (path(MediaKind::Record, false, None), "/media/record/7.mp3"),
            (path(MediaKind::Video, false, None), "/media/video/7.mp4"),
            (path(MediaKind::File, false, Some("报告 1.pdf")), "/media/file/7/报告 1.pdf"),
            (MediaPath::of_avatar(&Puid::new("12ed2cd6")), "/media/image/avatar/12ed2cd6.jpg"),
            (MediaPath::of_text("7"), "/media/file/7/content.txt"),
        ] {
            assert_eq!(path.as_str(), text);
            assert_eq!(MediaPath::parse(&text[PREFIX.len()..]), Some(path));
        }
        assert_eq!(message_id(-1), "18446744073709551615");
    }

    #[test]
    fn a_path_cannot_leave_the_apps_folder() {
        for rest in
            ["", "image", "image/", "image//a", "file/../a", "file/1/..", "upload/0", "file/1/a/b", "image/a\\b", "x/y"]
        {
            assert_eq!(MediaPath::parse(rest), None, "{rest}");
        }
        let key = MediaPath::parse("image/7.jpg").unwrap().key(&AppId::trusted("app"));
        assert_eq!(key, "app/image/7.jpg");
    }

    #[test]
    fn file_names_lose_what_is_dangerous_and_keep_their_ending() {
        for (name, safe) in [
            ("a.pdf", "a.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Windows\\a.exe", "a.exe"),
            (".bashrc", "bashrc"),
            ("..", "file"),
            ("", "file"),
            ("a\r\n\"b\".txt", "ab.txt"),
            ("gpj.\u{202e}exe", "gpj.exe"),
            ("名 字.docx", "名 字.docx"),
            ("100% #1.txt", "100 1.txt"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
        let long = safe_name(&format!("{}.tar", "名".repeat(100)));
        assert!(long.len() <= MAX_NAME && long.ends_with("名.tar"), "{long}");
    }
}
