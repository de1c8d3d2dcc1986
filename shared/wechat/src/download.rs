//! Media in: what messages and pictures point at.

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;

use crate::{
    Error, Session, WebWeChat,
    call::{Address, Call, FILE, Started},
};

/// Something WeChat keeps bytes of.
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
    /// A file: `sender` is the `FromUserName` of its message, which also has the other two.
    File {
        sender: &'a str,
        media_id: &'a str,
        encry_file_name: &'a str,
    },
    /// The picture of a contact, at its card's `head_img_url`.
    Avatar {
        path: &'a str,
    },
}

/// Bytes on their way.
#[derive(Debug)]
pub struct Download {
    name: &'static str,
    response: reqwest::Response,
    first: Option<Bytes>,
    content_type: Option<String>,
    length: Option<u64>,
}

impl Download {
    /// As WeChat calls it.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// How many bytes there are in all, where WeChat says so.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next bytes; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        next(self.name, &mut self.response).await
    }
}

impl WebWeChat {
    /// Begins to fetch media. WeChat answers with 200 and nothing where it cannot give them now, or no more: a
    /// [`Error::Transient`] here, which is worth a few attempts.
    pub async fn download(&self, session: &Session, media: Media<'_>) -> Result<Download, Error> {
        let call = self.media(session, media)?.patience(FILE);
        let Started { name, mut response } = call.start_by(session).await?;
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        // Once reading has begun it is the rest's.
        let length = response.content_length();
        match next(name, &mut response).await? {
            Some(first) => Ok(Download { name, response, first: Some(first), content_type, length }),
            None => Err(Error::Transient { reason: format!("{name}: an empty answer"), sent: true }),
        }
    }

    fn media(&self, session: &Session, media: Media<'_>) -> Result<Call, Error> {
        let account = self.hosts().account(&session.host);
        let of_message = |name, key, message: i64| {
            let address = Address::page(&account, name).with(key, message.cast_unsigned()).with("skey", &session.skey);
            self.get(name, address)
        };
        Ok(match media {
            Media::Picture { message } => of_message("webwxgetmsgimg", "MsgID", message),
            Media::Recording { message } => of_message("webwxgetvoice", "msgid", message),
            // Without a range there is no video, but the empty answer of a failure.
            Media::Video { message } => of_message("webwxgetvideo", "msgid", message).header("range", "bytes=0-"),
            Media::File { sender, media_id, encry_file_name } => {
                let address = Address::page(&self.hosts().file(&session.host), "webwxgetmedia")
                    .with("sender", sender)
                    .with("mediaid", media_id)
                    .with("encryfilename", encry_file_name)
                    .with("fromuser", session.uin)
                    .encoded("pass_ticket", &session.pass_ticket)
                    .with("webwx_data_ticket", session.data_ticket("webwxgetmedia")?);
                self.get("webwxgetmedia", address)
            }
            Media::Avatar { path } => {
                if !path.starts_with('/') {
                    return Err(Error::protocol("avatar", "the address is no path on the account's host"));
                }
                self.get("avatar", Address::new(format!("{account}{path}")).with("skey", &session.skey))
            }
        })
    }
}

impl Session {
    /// What the file host wants to see besides the cookie.
    pub(crate) fn data_ticket(&self, call: &str) -> Result<&str, Error> {
        self.cookies.value("webwx_data_ticket").ok_or_else(|| Error::protocol(call, "the session has no data ticket"))
    }
}

/// The next bytes that are any.
async fn next(name: &str, response: &mut reqwest::Response) -> Result<Option<Bytes>, Error> {
    loop {
        match response.chunk().await.map_err(|error| Error::from_request(name, &error))? {
            Some(bytes) if bytes.is_empty() => {}
            bytes => return Ok(bytes),
        }
    }
}
