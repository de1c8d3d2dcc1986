//! Inbound media: pictures, recordings, videos and files of messages, and the pictures of contacts.

use std::time::Duration;

use bytes::Bytes;
use channel::{Download, Error, MediaSource, Peer};
use futures_util::{StreamExt, stream};
use reqwest::{Response, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::{
    WebConnection,
    call::{Address, Call, DOWNLOAD_TIMEOUT, StreamingReply},
    error::{protocol_error, request_error, unreadable},
    session::WebSession,
};

/// How long a download may bring nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest download, in bytes. WeChat's phones send files up to 1 GiB.
const MAX_BYTES: u64 = 1 << 30;

/// What a [`MediaSource`] holds, as JSON. `message` is the `MsgId`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Picture {
        message: i64,
    },
    Sticker {
        message: i64,
    },
    Recording {
        message: i64,
    },
    Video {
        message: i64,
    },
    /// All fields come from the message; `sender` is its `FromUserName`.
    File {
        sender: String,
        media_id: String,
        encry_file_name: String,
    },
}

impl Source {
    pub(crate) fn opaque(&self) -> MediaSource {
        MediaSource::new(serde_json::to_string(self).expect("a source is plain data"))
    }

    fn read(source: &MediaSource) -> Result<Self, Error> {
        serde_json::from_str(source.as_str()).map_err(|_| unreadable("media source"))
    }
}

impl WebConnection {
    /// WeChat answers 200 with an empty body if the media are not available yet or not any more.
    pub(crate) async fn media(&self, source: &MediaSource) -> Result<Download, Error> {
        let source = Source::read(source)?;
        let call = self.media_call(&source)?;
        let name = call.name();
        let empty = || Error::Transient { reason: format!("{name}: an empty answer"), sent: true };
        let download = self.open(call).await?.ok_or_else(empty)?;
        // A file may contain anything, even an answer of WeChat's; a picture, recording or video begins like neither
        // JSON nor HTML.
        if matches!(source, Source::File { .. }) { Ok(download.whole()) } else { download.checked() }
    }

    /// The large picture of a contact; WeChat answers 200 with an empty body if there is none. WeChat shows a member who is no contact only with the group's
    /// `EncryChatRoomId`.
    pub(crate) async fn picture(
        &mut self,
        peer: &Peer,
        picture_seq: Option<u64>,
        group: Option<&Peer>,
    ) -> Result<Option<Download>, Error> {
        let room = match group {
            Some(group) => Some(self.encry_chat_room_id(group).await?),
            None => None,
        };
        let Self { client, session, .. } = &*self;
        let name = if peer.is_group() { "webwxgetheadimg" } else { "webwxgeticon" };
        let mut address = Address::page(&client.hosts().account(&session.host), name)
            .with("seq", picture_seq.unwrap_or(0))
            .with("username", &peer.id)
            .with("skey", &session.skey)
            .with("type", "big");
        if let Some(room) = room {
            address = address.with("chatroomid", room);
        }
        self.open(client.get(name, address)).await?.map(Opened::checked).transpose()
    }

    fn media_call(&self, source: &Source) -> Result<Call, Error> {
        let Self { client, session, .. } = self;
        let account = client.hosts().account(&session.host);
        let of_message = |name, key, message: i64| {
            if message == 0 {
                return Err(protocol_error(name, "the message has no number"));
            }
            Ok(Address::page(&account, name).with(key, message.cast_unsigned()).with("skey", &session.skey))
        };
        Ok(match source {
            // `type=slave` would be the thumbnail; without a type the picture comes in its full size.
            Source::Picture { message } => {
                client.get("webwxgetmsgimg", of_message("webwxgetmsgimg", "MsgID", *message)?)
            }
            // WeChat's own page asks for a sticker with `big`.
            Source::Sticker { message } => {
                client.get("webwxgetmsgimg", of_message("webwxgetmsgimg", "MsgID", *message)?.with("type", "big"))
            }
            Source::Recording { message } => {
                client.get("webwxgetvoice", of_message("webwxgetvoice", "msgid", *message)?)
            }
            // Without a range WeChat answers as if the video were not available.
            Source::Video { message } => {
                client.get("webwxgetvideo", of_message("webwxgetvideo", "msgid", *message)?).header("range", "bytes=0-")
            }
            Source::File { sender, media_id, encry_file_name } => {
                let address = Address::page(&client.hosts().file(&session.host), "webwxgetmedia")
                    .with("sender", sender)
                    .with("mediaid", media_id)
                    .with("encryfilename", encry_file_name)
                    .with("fromuser", session.uin)
                    .encoded("pass_ticket", &session.pass_ticket)
                    .with("webwx_data_ticket", session.data_ticket("webwxgetmedia")?);
                client.get("webwxgetmedia", address)
            }
        })
    }

    /// Sends the request and waits for the first bytes; `None` if there are none.
    async fn open(&self, call: Call) -> Result<Option<Opened>, Error> {
        let call = call.timeout(DOWNLOAD_TIMEOUT);
        let name = call.name();
        let answer = timeout(IDLE_TIMEOUT, call.stream_as(&self.session)).await;
        let StreamingReply { response, .. } = answer.map_err(|_| stalled(name))??;
        let mut reader = Reader { name, response, total: 0 };
        let content_type = reader.response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        // Read before the first chunk: afterwards it counts only the remaining bytes.
        let length = reader.response.content_length();
        if length.is_some_and(|length| length > MAX_BYTES) {
            return Err(too_large(name));
        }
        let first = reader.next().await?;
        Ok(first.map(|first| Opened { reader, first, content_type, length }))
    }
}

impl WebSession {
    /// The ticket that the file host expects in addition to the cookie of the same name.
    pub(crate) fn data_ticket(&self, call: &str) -> Result<&str, Error> {
        self.cookies.value("webwx_data_ticket").ok_or_else(|| protocol_error(call, "the session has no data ticket"))
    }
}

/// A download whose first bytes are there.
struct Opened {
    reader: Reader,
    first: Bytes,
    content_type: Option<String>,
    length: Option<u64>,
}

impl Opened {
    fn whole(self) -> Download {
        let Self { reader, first, content_type, length } = self;
        let rest =
            stream::try_unfold(
                reader,
                |mut reader| async move { Ok(reader.next().await?.map(|bytes| (bytes, reader))) },
            );
        let bytes = stream::once(async move { Ok(first) }).chain(rest).boxed();
        Download { content_type, length, bytes }
    }

    /// Refuses an answer that is JSON or HTML, as WeChat and gateways give when something is wrong. Its return code is
    /// not read: a contact can send such bytes as a video, and must not end the session by that.
    fn checked(self) -> Result<Download, Error> {
        match self.first.first() {
            Some(b'{' | b'<') => {
                Err(Error::Transient { reason: format!("{}: the answer is text", self.reader.name), sent: true })
            }
            _ => Ok(self.whole()),
        }
    }
}

/// Reads an answer's body.
struct Reader {
    name: &'static str,
    response: Response,
    /// Bytes so far.
    total: u64,
}

impl Reader {
    /// The next chunk that is not empty; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let name = self.name;
        loop {
            let chunk = timeout(IDLE_TIMEOUT, self.response.chunk()).await.map_err(|_| stalled(name))?;
            let Some(bytes) = chunk.map_err(|error| request_error(name, &error))? else { return Ok(None) };
            self.total += bytes.len() as u64;
            if self.total > MAX_BYTES {
                return Err(too_large(name));
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }
}

fn stalled(name: &str) -> Error {
    Error::Transient { reason: format!("{name}: no bytes for {} s", IDLE_TIMEOUT.as_secs()), sent: true }
}

fn too_large(name: &str) -> Error {
    protocol_error(name, "the download is too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A download that an earlier version left on a row continues.
    #[test]
    fn a_stored_source_stays_readable() {
        for (stored, source) in [
            (r#"{"picture":{"message":6050338562629220245}}"#, Source::Picture { message: 6_050_338_562_629_220_245 }),
            (r#"{"sticker":{"message":2}}"#, Source::Sticker { message: 2 }),
            (r#"{"recording":{"message":3}}"#, Source::Recording { message: 3 }),
            (r#"{"video":{"message":4}}"#, Source::Video { message: 4 }),
            (
                r#"{"file":{"sender":"@a","media_id":"@cdn_1","encry_file_name":"a%20b"}}"#,
                Source::File { sender: "@a".into(), media_id: "@cdn_1".into(), encry_file_name: "a%20b".into() },
            ),
        ] {
            assert_eq!(source.opaque(), MediaSource::new(stored));
            assert_eq!(Source::read(&MediaSource::new(stored)), Ok(source));
        }
        assert!(matches!(Source::read(&MediaSource::new("7")), Err(Error::Protocol { .. })));
    }
}
