//! Media out: bytes go to the file host in chunks, then a message names them.

use std::fmt::Write;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use quick_xml::escape::escape;
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Sent, Session, WebWeChat,
    call::{Address, FILE},
    send::{Message, SendRequest},
    wire::{
        envelope::{BaseRequest, BaseResponse},
        lenient,
    },
};

/// Bytes a chunk.
const CHUNK: usize = 512 * 1024;
/// What is larger is announced by webwxcheckupload first.
const ANNOUNCED: usize = 25 * 1024 * 1024;
/// As which application a file is shared.
const APP: &str = "wxeb7ec651dd0aefa9";
/// Parts a form's fields. Media with these 40 random characters in them are not to be expected.
const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gWq3fJ8sQb2";

/// What a file is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Picture,
    Video,
    File,
}

/// A file to send, whole in memory: its MD5 comes before its bytes.
#[derive(Debug, Clone)]
pub struct File<'a> {
    pub kind: FileKind,
    pub name: &'a str,
    pub content_type: &'a str,
    pub bytes: Bytes,
}

/// A file that WeChat has.
struct Uploaded {
    media_id: String,
    permit: Permit,
}

/// What webwxcheckupload hands out for a large file; empty for others.
#[derive(Debug, Default)]
struct Permit {
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
    /// The whole size, whatever the chunk's.
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

/// The answer of webwxcheckupload, and (without the keys) of webwxuploadmedia.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UploadAnswer {
    base_response: BaseResponse,
    /// Empty until the last chunk; of webwxcheckupload, not empty when WeChat has the file already.
    #[serde(default, deserialize_with = "lenient::text")]
    media_id: String,
    #[serde(default, rename = "AESKey", deserialize_with = "lenient::text")]
    aes_key: String,
    #[serde(default, deserialize_with = "lenient::text")]
    signature: String,
}

impl WebWeChat {
    /// Sends a picture, video or file. `client_id` as with [`crate::Channel::send_text`].
    pub async fn send_file(
        &self,
        session: &mut Session,
        to: &str,
        file: &File<'_>,
        client_id: &str,
    ) -> Result<Sent, Error> {
        let uploaded = self.upload(session, to, file).await?;
        let (call, kind, content) = match file.kind {
            FileKind::Picture => ("webwxsendmsgimg", 3, String::new()),
            FileKind::Video => ("webwxsendvideomsg", 43, String::new()),
            FileKind::File => ("webwxsendappmsg", 6, shared_file(file, &uploaded.media_id)),
        };
        let address = self.page(session, call).with("fun", "async").with("f", "json");
        let mut message = Message::new(kind, &content, &session.user_name, to, client_id);
        message.media_id = if file.kind == FileKind::File { "" } else { &uploaded.media_id };
        message.aes_key = &uploaded.permit.aes_key;
        message.signature = &uploaded.permit.signature;
        let request = SendRequest::new(session, message);
        let reply = self.post(call, address, &request).by(session).await?;
        self.remember(&mut session.cookies, &reply);
        crate::send::sent(call, &reply)
    }

    async fn upload(&self, session: &Session, to: &str, file: &File<'_>) -> Result<Uploaded, Error> {
        let md5 = HEXLOWER.encode(&Md5::digest(&file.bytes));
        let mut permit = Permit::default();
        if file.bytes.len() > ANNOUNCED {
            let answer = self.announce(session, to, file, &md5).await?;
            permit = Permit { aes_key: answer.aes_key, signature: answer.signature };
            if !answer.media_id.is_empty() {
                return Ok(Uploaded { media_id: answer.media_id, permit });
            }
        }
        let form = Form::new(self, session, to, file, &md5, &permit)?;
        let mut media_id = String::new();
        for chunk in 0..form.chunks {
            let answer = self.upload_chunk(session, form.chunk(chunk, &file.bytes)).await?;
            media_id = answer.media_id;
        }
        if media_id.is_empty() {
            return Err(Error::protocol("webwxuploadmedia", "there is no media id after the last chunk"));
        }
        Ok(Uploaded { media_id, permit })
    }

    async fn announce(&self, session: &Session, to: &str, file: &File<'_>, md5: &str) -> Result<UploadAnswer, Error> {
        const CALL: &str = "webwxcheckupload";
        let request = CheckRequest {
            base_request: BaseRequest::from(session),
            file_md5: md5,
            file_name: file.name,
            file_size: file.bytes.len(),
            file_type: 7,
            from_user_name: &session.user_name,
            to_user_name: to,
        };
        let answer: UploadAnswer = self.post(CALL, self.page(session, CALL), &request).by(session).await?.json()?;
        answer.base_response.check(CALL)?;
        Ok(answer)
    }

    async fn upload_chunk(&self, session: &Session, body: Vec<u8>) -> Result<UploadAnswer, Error> {
        const CALL: &str = "webwxuploadmedia";
        let kind = HeaderValue::try_from(format!("multipart/form-data; boundary={BOUNDARY}"))
            .map_err(|_| Error::protocol(CALL, "the request cannot be built"))?;
        let address = Address::page(&self.hosts().file(&session.host), CALL).with("f", "json");
        let reply = self.post_form(CALL, address, kind, body).patience(FILE).by(session).await?;
        let answer: UploadAnswer = reply.json()?;
        answer.base_response.check(CALL)?;
        Ok(answer)
    }
}

/// The form that every chunk of a file comes in.
struct Form {
    /// The fields that are the same in all.
    fields: String,
    /// The head of the field with the bytes.
    file: String,
    chunks: usize,
}

impl Form {
    fn new(
        client: &WebWeChat,
        session: &Session,
        to: &str,
        file: &File<'_>,
        md5: &str,
        permit: &Permit,
    ) -> Result<Self, Error> {
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
            to_user_name: to,
            file_md5: md5,
            aes_key: &permit.aes_key,
            signature: &permit.signature,
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
        let file = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{name}\"\r\n\
             Content-Type: {}\r\n\r\n",
            file.content_type
        );
        Ok(Self { fields, file, chunks: size.div_ceil(CHUNK).max(1) })
    }

    /// The form of one chunk. The only one of a file has no number.
    fn chunk(&self, index: usize, bytes: &[u8]) -> Vec<u8> {
        let part = bytes.chunks(CHUNK).nth(index).unwrap_or_default();
        let mut body = self.fields.clone();
        if self.chunks > 1 {
            field(&mut body, "chunks", &self.chunks.to_string());
            field(&mut body, "chunk", &index.to_string());
        }
        body.push_str(&self.file);
        let mut body = body.into_bytes();
        body.extend_from_slice(part);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        body
    }
}

fn field(form: &mut String, key: &str, value: &str) {
    let _ = write!(form, "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{key}\"\r\n\r\n{value}\r\n");
}

/// A file name as browsers put it between quotes.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The XML by which a file is shared.
fn shared_file(file: &File<'_>, media_id: &str) -> String {
    let extension = file.name.rsplit_once('.').map_or("undefined", |(_, extension)| extension);
    format!(
        "<appmsg appid='{APP}' sdkver=''><title>{}</title><des></des><action></action><type>6</type><content></content>\
         <url></url><lowurl></lowurl><appattach><totallen>{}</totallen><attachid>{}</attachid>\
         <fileext>{}</fileext></appattach><extinfo></extinfo></appmsg>",
        escape(file.name),
        file.bytes.len(),
        escape(media_id),
        escape(extension),
    )
}
