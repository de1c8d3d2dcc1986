//! Inbound media: pictures, recordings, videos and files of messages, and the pictures of contacts.

use bytes::Bytes;
use channel::{Error, Peer};
use reqwest::header::CONTENT_TYPE;

use crate::{
    WebConnection,
    call::{Address, Call, FILE_TIMEOUT, StreamingReply},
    error::{protocol_error, request_error},
    session::WebSession,
};

/// Names the bytes to download. `message` is the id of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media<'a> {
    /// The picture or sticker of a message.
    Picture {
        message: i64,
    },
    Recording {
        message: i64,
    },
    Video {
        message: i64,
    },
    /// A file. All fields come from the message; `sender` is its `FromUserName`.
    File {
        sender: &'a str,
        media_id: &'a str,
        encry_file_name: &'a str,
    },
    /// The picture of a contact; `picture_seq` as on its card.
    Avatar {
        peer: &'a Peer,
        picture_seq: Option<u64>,
    },
}

/// A download in progress.
#[derive(Debug)]
pub struct Download {
    name: &'static str,
    response: reqwest::Response,
    /// The first bytes, read in advance to detect an empty answer.
    first: Option<Bytes>,
    content_type: Option<String>,
    length: Option<u64>,
}

impl Download {
    /// The content type that WeChat reports.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The total size in bytes, if WeChat reports it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next bytes; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        next_chunk(self.name, &mut self.response).await
    }
}

impl WebConnection {
    /// Starts a download. WeChat answers 200 with an empty body if the media are not available yet or not any more: an
    /// [`Error::Transient`] here, so that the caller tries a few times.
    pub async fn download(&self, media: Media<'_>) -> Result<Download, Error> {
        let call = self.media_call(media)?.timeout(FILE_TIMEOUT);
        let StreamingReply { name, mut response } = call.stream_as(&self.session).await?;
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        // Read before the first chunk: afterwards it counts only the remaining bytes.
        let length = response.content_length();
        match next_chunk(name, &mut response).await? {
            Some(first) => Ok(Download { name, response, first: Some(first), content_type, length }),
            None => Err(Error::Transient { reason: format!("{name}: an empty answer"), sent: true }),
        }
    }

    fn media_call(&self, media: Media<'_>) -> Result<Call, Error> {
        let Self { client, session } = self;
        let account = client.hosts().account(&session.host);
        let of_message = |name, key, message: i64| {
            let address = Address::page(&account, name).with(key, message.cast_unsigned()).with("skey", &session.skey);
            client.get(name, address)
        };
        Ok(match media {
            Media::Picture { message } => of_message("webwxgetmsgimg", "MsgID", message),
            Media::Recording { message } => of_message("webwxgetvoice", "msgid", message),
            // Without a range WeChat answers as if the video were not available.
            Media::Video { message } => of_message("webwxgetvideo", "msgid", message).header("range", "bytes=0-"),
            Media::File { sender, media_id, encry_file_name } => {
                let address = Address::page(&client.hosts().file(&session.host), "webwxgetmedia")
                    .with("sender", sender)
                    .with("mediaid", media_id)
                    .with("encryfilename", encry_file_name)
                    .with("fromuser", session.uin)
                    .encoded("pass_ticket", &session.pass_ticket)
                    .with("webwx_data_ticket", session.data_ticket("webwxgetmedia")?);
                client.get("webwxgetmedia", address)
            }
            Media::Avatar { peer, picture_seq } => {
                let name = if peer.is_group() { "webwxgetheadimg" } else { "webwxgeticon" };
                let address = Address::page(&account, name)
                    .with("seq", picture_seq.unwrap_or(0))
                    .with("username", &peer.id)
                    .with("skey", &session.skey);
                client.get(name, address)
            }
        })
    }
}

impl WebSession {
    /// The ticket that the file host expects in addition to the cookie of the same name.
    pub(crate) fn data_ticket(&self, call: &str) -> Result<&str, Error> {
        self.cookies.value("webwx_data_ticket").ok_or_else(|| protocol_error(call, "the session has no data ticket"))
    }
}

/// The next chunk that is not empty; `None` at the end.
async fn next_chunk(name: &str, response: &mut reqwest::Response) -> Result<Option<Bytes>, Error> {
    loop {
        match response.chunk().await.map_err(|error| request_error(name, &error))? {
            Some(bytes) if bytes.is_empty() => {}
            bytes => return Ok(bytes),
        }
    }
}
