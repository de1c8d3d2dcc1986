//! Outbound media: the client uploads the bytes to the file host in chunks, then sends a message with their media id.
//!
//! A file is read twice, because its MD5 goes with its first chunk. One chunk at a time is in memory.

use bytes::BytesMut;
use channel::{Error, MediaKind, OutgoingFile, Peer, Uploaded};
use data_encoding::HEXLOWER;
use futures_util::TryStreamExt;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::{
    WebConnection,
    call::{Address, CHUNK_TIMEOUT},
    error::{protocol_error, unreadable},
    form::{Form, content_type, quoted},
    send::printable,
    wire::{
        envelope::{BaseRequest, BaseResponse},
        lenient,
    },
};

/// Bytes per chunk.
const CHUNK: usize = 512 * 1024;
/// Larger files, in bytes, must be announced by webwxcheckupload first.
const MAX_UNANNOUNCED: u64 = 25 * 1024 * 1024;
/// Attempts to send a chunk. A chunk that may have arrived is not sent again: the server counts them.
const ATTEMPTS: usize = 3;

/// A file on the file host: what [`Uploaded`] holds, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostedFile {
    pub(crate) media_id: String,
    pub(crate) name: String,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) keys: UploadKeys,
}

/// The keys that webwxcheckupload issues for a large file; empty for others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadKeys {
    pub(crate) aes_key: String,
    pub(crate) signature: String,
}

impl HostedFile {
    fn uploaded(&self, kind: MediaKind) -> Uploaded {
        Uploaded { kind, reference: serde_json::to_string(self).expect("a file is plain data").into() }
    }

    pub(crate) fn read(uploaded: &Uploaded) -> Result<Self, Error> {
        serde_json::from_str(&uploaded.reference).map_err(|_| unreadable("uploaded file"))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CheckRequest<'a> {
    base_request: BaseRequest<'a>,
    file_md5: &'a str,
    file_name: &'a str,
    file_size: u64,
    file_type: u8,
    from_user_name: &'a str,
    to_user_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UploadRequest<'a> {
    upload_type: u8,
    base_request: BaseRequest<'a>,
    client_media_id: u64,
    total_len: u64,
    start_pos: u64,
    /// The size of the file, not of the chunk.
    data_len: u64,
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
    #[serde(deserialize_with = "lenient::nullable")]
    base_response: BaseResponse,
    /// From webwxuploadmedia: set after the last chunk. From webwxcheckupload: set if WeChat already has the file.
    #[serde(default, deserialize_with = "lenient::text")]
    media_id: String,
    #[serde(default, rename = "AESKey", deserialize_with = "lenient::text")]
    aes_key: String,
    #[serde(default, deserialize_with = "lenient::text")]
    signature: String,
}

/// What all chunks of a file say about it.
struct Head {
    name: String,
    size: String,
    media_type: &'static str,
    /// `uploadmediarequest`.
    request: String,
    modified: String,
    /// Their number.
    chunks: u64,
}

impl WebConnection {
    pub(crate) async fn host_file(&mut self, to: &Peer, file: &OutgoingFile<'_>) -> Result<Uploaded, Error> {
        let media_type = match file.kind {
            MediaKind::Image => "pic",
            MediaKind::Video => "video",
            MediaKind::File => "doc",
            MediaKind::Record => return Err(protocol_error("webwxuploadmedia", "a recording cannot be sent")),
        };
        let name = printable(file.name);
        let md5 = digest(file).await?;
        let mut keys = UploadKeys::default();
        if file.size > MAX_UNANNOUNCED {
            let answer = self.announce(to, &name, file.size, &md5).await?;
            keys = UploadKeys { aes_key: answer.aes_key, signature: answer.signature };
            if !answer.media_id.is_empty() {
                let hosted = HostedFile { media_id: answer.media_id, name, size: file.size, keys };
                return Ok(hosted.uploaded(file.kind));
            }
        }
        let head = Head {
            size: file.size.to_string(),
            media_type,
            request: self.upload_request(to, file.size, &md5, &keys),
            modified: self.client.now().strftime("%a %b %d %Y %H:%M:%S GMT+0000").to_string(),
            chunks: file.size.div_ceil(CHUNK as u64).max(1),
            name,
        };
        let media_id = self.upload_chunks(file, &head).await?;
        Ok(HostedFile { media_id, name: head.name, size: file.size, keys }.uploaded(file.kind))
    }

    async fn announce(&self, to: &Peer, name: &str, size: u64, md5: &str) -> Result<UploadAnswer, Error> {
        const CALL: &str = "webwxcheckupload";
        let request = CheckRequest {
            base_request: BaseRequest::from(&self.session),
            file_md5: md5,
            file_name: name,
            file_size: size,
            file_type: 7,
            from_user_name: &self.session.user_name,
            to_user_name: &to.id,
        };
        let call = self.client.post(CALL, self.page(CALL), &request);
        let answer: UploadAnswer = call.send_as(&self.session).await?.json()?;
        answer.base_response.check(CALL)?;
        Ok(answer)
    }

    fn upload_request(&self, to: &Peer, size: u64, md5: &str, keys: &UploadKeys) -> String {
        let request = UploadRequest {
            upload_type: 2,
            base_request: BaseRequest::from(&self.session),
            client_media_id: self.client.media_number(),
            total_len: size,
            start_pos: 0,
            data_len: size,
            media_type: 4,
            from_user_name: &self.session.user_name,
            to_user_name: &to.id,
            file_md5: md5,
            aes_key: &keys.aes_key,
            signature: &keys.signature,
        };
        serde_json::to_string(&request).expect("requests are structs of text and numbers")
    }

    /// Reads the file a second time and uploads it. Returns its media id.
    async fn upload_chunks(&self, file: &OutgoingFile<'_>, head: &Head) -> Result<String, Error> {
        let mut bytes = file.bytes.open().await?;
        let mut buffer = BytesMut::with_capacity(CHUNK);
        let (mut index, mut total) = (0, 0);
        while let Some(part) = bytes.try_next().await? {
            total += part.len() as u64;
            if total > file.size {
                return Err(resized());
            }
            buffer.extend_from_slice(&part);
            // The last chunk waits for the end, so that a file that is too short never becomes complete.
            while buffer.len() >= CHUNK && index + 1 < head.chunks {
                self.upload_chunk(file, head, index, &buffer.split_to(CHUNK)).await?;
                index += 1;
            }
        }
        if total != file.size {
            return Err(resized());
        }
        let media_id = self.upload_chunk(file, head, index, &buffer).await?;
        if media_id.is_empty() {
            return Err(protocol_error("webwxuploadmedia", "there is no media id after the last chunk"));
        }
        Ok(media_id)
    }

    async fn upload_chunk(
        &self,
        file: &OutgoingFile<'_>,
        head: &Head,
        index: u64,
        bytes: &[u8],
    ) -> Result<String, Error> {
        let mut attempt = 1;
        loop {
            match self.upload_chunk_once(file, head, index, bytes).await {
                Err(Error::Transient { sent: false, .. }) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn upload_chunk_once(
        &self,
        file: &OutgoingFile<'_>,
        head: &Head,
        index: u64,
        bytes: &[u8],
    ) -> Result<String, Error> {
        const CALL: &str = "webwxuploadmedia";
        let file_type = content_type(file.content_type);
        let name = quoted(&head.name);
        let (chunks, chunk) = (head.chunks.to_string(), index.to_string());
        let mut form = Form::new(&head.name, file_type);
        form.field("id", "WU_FILE_0")
            .field("name", &name)
            .field("type", file_type)
            .field("lastModifiedDate", &head.modified)
            .field("size", &head.size)
            .field("mediatype", head.media_type)
            .field("uploadmediarequest", &head.request)
            .field("webwx_data_ticket", self.session.data_ticket(CALL)?)
            .field("pass_ticket", &self.session.pass_ticket);
        // A single chunk has no number.
        if head.chunks > 1 {
            form.field("chunks", &chunks).field("chunk", &chunk);
        }
        let (form_type, body) = form.encode(bytes, || self.client.random());
        let address = Address::page(&self.client.hosts().file(&self.session.host), CALL).with("f", "json");
        let call = self.client.post_bytes(CALL, address, form_type, body).timeout(CHUNK_TIMEOUT);
        let answer: UploadAnswer = call.send_as(&self.session).await?.json()?;
        answer.base_response.check(CALL)?;
        Ok(answer.media_id)
    }
}

/// The file's MD5 in hexadecimal digits.
async fn digest(file: &OutgoingFile<'_>) -> Result<String, Error> {
    let mut md5 = Md5::new();
    let mut total = 0;
    let mut bytes = file.bytes.open().await?;
    while let Some(part) = bytes.try_next().await? {
        total += part.len() as u64;
        md5.update(&part);
    }
    if total == file.size { Ok(HEXLOWER.encode(&md5.finalize())) } else { Err(resized()) }
}

fn resized() -> Error {
    Error::Transient { reason: "webwxuploadmedia: the file does not have its stated size".into(), sent: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uploaded_file_stays_readable() {
        let stored = r#"{"media_id":"@crypt_1","name":"a.pdf","size":3,"keys":{"aes_key":"k","signature":"s"}}"#;
        let keys = UploadKeys { aes_key: "k".into(), signature: "s".into() };
        let file = HostedFile { media_id: "@crypt_1".into(), name: "a.pdf".into(), size: 3, keys };
        let uploaded = file.uploaded(MediaKind::File);
        assert_eq!((&*uploaded.reference, uploaded.kind), (stored, MediaKind::File));
        assert_eq!(HostedFile::read(&uploaded), Ok(file));
        assert_eq!(format!("{uploaded:?}"), "Uploaded { kind: File, .. }");
    }
}
