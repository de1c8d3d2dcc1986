//! Outbound media: the client uploads the bytes to the file host in chunks, then sends a message with their media id.

use std::fmt::Write;

use bytes::Bytes;
use channel::{Error, Peer, Sent};
use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use quick_xml::escape::escape;
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::{
    WebConnection,
    call::{Address, FILE_TIMEOUT},
    error::protocol_error,
    send::{Message, SendRequest, client_msg_id, sent},
    wire::{
        envelope::{BaseRequest, BaseResponse},
        lenient,
    },
};

/// Bytes per chunk.
const CHUNK: usize = 512 * 1024;
/// Larger files, in bytes, must be announced by webwxcheckupload first.
const MAX_UNANNOUNCED: usize = 25 * 1024 * 1024;
/// The application id in the message that shares a file.
const APP_ID: &str = "wxeb7ec651dd0aefa9";
/// Separates the form's fields. It is random and long enough not to occur in the media.
const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gWq3fJ8sQb2";

/// How WeChat shows a sent file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Picture,
    Video,
    File,
}

/// A file to send. It is in memory as a whole, because its MD5 is sent before its bytes.
#[derive(Debug, Clone)]
pub struct File<'a> {
    pub kind: FileKind,
    pub name: &'a str,
    pub content_type: &'a str,
    pub bytes: Bytes,
}

/// A file on the file host.
struct Uploaded {
    media_id: String,
    keys: UploadKeys,
}

/// The keys that webwxcheckupload issues for a large file; empty for others.
#[derive(Debug, Default)]
struct UploadKeys {
    aes_key: String,
    signature: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CheckRequest<'a> {
    base_request: BaseRequest<'a>,
    file_md5: &'a str,
    file_name: &'a str,
    file_size: usize,
    file_type: u8,
    from_user_name: &'a str,
    to_user_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UploadRequest<'a> {
    upload_type: u8,
    base_request: BaseRequest<'a>,
    client_media_id: i64,
    total_len: usize,
    start_pos: usize,
    /// The size of the file, not of the chunk.
    data_len: usize,
    media_type: u8,
    from_user_name: &'a str,
    to_user_name: &'a str,
    file_md5: &'a str,
    #[serde(rename = "AESKey", skip_serializing_if = "str::is_empty")]
    aes_key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    signature: &'a str,
}

/// The answer of webwxcheckupload and, without the keys, of webwxuploadmedia.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UploadAnswer {
    base_response: BaseResponse,
    /// From webwxuploadmedia: set after the last chunk. From webwxcheckupload: set if WeChat already has the file.
    #[serde(default, deserialize_with = "lenient::text")]
    media_id: String,
    #[serde(default, rename = "AESKey", deserialize_with = "lenient::text")]
    aes_key: String,
    #[serde(default, deserialize_with = "lenient::text")]
    signature: String,
}

impl WebConnection {
    /// Sends a picture, video or file. `key` as with [`channel::Connection::send_text`].
    pub async fn send_file(&mut self, to: &Peer, file: &File<'_>, key: &str) -> Result<Sent, Error> {
        let uploaded = self.upload(to, file).await?;
        let (call, kind, content) = match file.kind {
            FileKind::Picture => ("webwxsendmsgimg", 3, String::new()),
            FileKind::Video => ("webwxsendvideomsg", 43, String::new()),
            FileKind::File => ("webwxsendappmsg", 6, shared_file(file, &uploaded.media_id)),
        };
        let address = self.page(call).with("fun", "async").with("f", "json");
        let client_msg_id = client_msg_id(key);
        let mut message = Message::new(kind, &content, &self.session.user_name, to, &client_msg_id);
        message.media_id = if file.kind == FileKind::File { "" } else { &uploaded.media_id };
        message.aes_key = &uploaded.keys.aes_key;
        message.signature = &uploaded.keys.signature;
        let request = SendRequest::new(&self.session, message);
        let reply = self.send(self.client.post(call, address, &request)).await?;
        sent(call, &reply)
    }

    async fn upload(&self, to: &Peer, file: &File<'_>) -> Result<Uploaded, Error> {
        let md5 = HEXLOWER.encode(&Md5::digest(&file.bytes));
        let mut keys = UploadKeys::default();
        if file.bytes.len() > MAX_UNANNOUNCED {
            let answer = self.announce(to, file, &md5).await?;
            keys = UploadKeys { aes_key: answer.aes_key, signature: answer.signature };
            if !answer.media_id.is_empty() {
                return Ok(Uploaded { media_id: answer.media_id, keys });
            }
        }
        let form = Form::new(self, to, file, &md5, &keys)?;
        let mut media_id = String::new();
        for chunk in 0..form.chunks {
            let answer = self.upload_chunk(form.chunk(chunk, &file.bytes)).await?;
            media_id = answer.media_id;
        }
        if media_id.is_empty() {
            return Err(protocol_error("webwxuploadmedia", "there is no media id after the last chunk"));
        }
        Ok(Uploaded { media_id, keys })
    }

    async fn announce(&self, to: &Peer, file: &File<'_>, md5: &str) -> Result<UploadAnswer, Error> {
        const CALL: &str = "webwxcheckupload";
        let request = CheckRequest {
            base_request: BaseRequest::from(&self.session),
            file_md5: md5,
            file_name: file.name,
            file_size: file.bytes.len(),
            file_type: 7,
            from_user_name: &self.session.user_name,
            to_user_name: &to.id,
        };
        let call = self.client.post(CALL, self.page(CALL), &request);
        let answer: UploadAnswer = call.send_as(&self.session).await?.json()?;
        answer.base_response.check(CALL)?;
        Ok(answer)
    }

    async fn upload_chunk(&self, body: Vec<u8>) -> Result<UploadAnswer, Error> {
        const CALL: &str = "webwxuploadmedia";
        let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={BOUNDARY}"))
            .map_err(|_| protocol_error(CALL, "the request cannot be built"))?;
        let address = Address::page(&self.client.hosts().file(&self.session.host), CALL).with("f", "json");
        let call = self.client.post_bytes(CALL, address, content_type, body).timeout(FILE_TIMEOUT);
        let answer: UploadAnswer = call.send_as(&self.session).await?.json()?;
        answer.base_response.check(CALL)?;
        Ok(answer)
    }
}

/// The form that carries each chunk of a file.
struct Form {
    /// The fields that are the same for all chunks.
    fields: String,
    /// The head of the field with the bytes.
    file_head: String,
    chunks: usize,
}

impl Form {
    fn new(
        connection: &WebConnection,
        to: &Peer,
        file: &File<'_>,
        md5: &str,
        keys: &UploadKeys,
    ) -> Result<Self, Error> {
        let WebConnection { client, session } = connection;
        let size = file.bytes.len();
        let request = UploadRequest {
            upload_type: 2,
            base_request: BaseRequest::from(session),
            client_media_id: client.millis(),
            total_len: size,
            start_pos: 0,
            data_len: size,
            media_type: 4,
            from_user_name: &session.user_name,
            to_user_name: &to.id,
            file_md5: md5,
            aes_key: &keys.aes_key,
            signature: &keys.signature,
        };
        let request = serde_json::to_string(&request).expect("requests are structs of text and numbers");
        let kind = match file.kind {
            FileKind::Picture => "pic",
            FileKind::Video => "video",
            FileKind::File => "doc",
        };
        let modified = client.now().strftime("%a %b %d %Y %H:%M:%S GMT+0000").to_string();
        let name = quoted(file.name);
        let mut fields = String::new();
        for (key, value) in [
            ("id", "WU_FILE_0"),
            ("name", &name),
            ("type", file.content_type),
            ("lastModifiedDate", &modified),
            ("size", &size.to_string()),
            ("mediatype", kind),
            ("uploadmediarequest", &request),
            ("webwx_data_ticket", session.data_ticket("webwxuploadmedia")?),
            ("pass_ticket", &session.pass_ticket),
        ] {
            field(&mut fields, key, value);
        }
        let file_head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{name}\"\r\n\
             Content-Type: {}\r\n\r\n",
            file.content_type
        );
        Ok(Self { fields, file_head, chunks: size.div_ceil(CHUNK).max(1) })
    }

    /// The form of one chunk. A single chunk has no number.
    fn chunk(&self, index: usize, bytes: &[u8]) -> Vec<u8> {
        let part = bytes.chunks(CHUNK).nth(index).unwrap_or_default();
        let mut body = self.fields.clone();
        if self.chunks > 1 {
            field(&mut body, "chunks", &self.chunks.to_string());
            field(&mut body, "chunk", &index.to_string());
        }
        body.push_str(&self.file_head);
        let mut body = body.into_bytes();
        body.extend_from_slice(part);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        body
    }
}

fn field(form: &mut String, key: &str, value: &str) {
    let _ = write!(form, "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{key}\"\r\n\r\n{value}\r\n");
}

/// A file name, escaped for quotes as browsers do it.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The XML of a message that shares a file.
fn shared_file(file: &File<'_>, media_id: &str) -> String {
    let extension = file.name.rsplit_once('.').map_or("undefined", |(_, extension)| extension);
    format!(
        "<appmsg appid='{APP_ID}' sdkver=''><title>{}</title><des></des><action></action><type>6</type><content></content>\
         <url></url><lowurl></lowurl><appattach><totallen>{}</totallen><attachid>{}</attachid>\
         <fileext>{}</fileext></appattach><extinfo></extinfo></appmsg>",
        escape(file.name),
        file.bytes.len(),
        escape(media_id),
        escape(extension),
    )
}
