//! Outbound files: `webwxcheckupload` for large files, then `webwxuploadmedia` in chunks.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::BIN;
use crate::call::Call;
use crate::contact_ref::ContactRef;
use crate::record::text_of;
use crate::session::Session;
use crate::state::SimulatorState;
use crate::upload::{PartialUpload, Upload, UploadPermit};
use crate::validator::Validator;
use crate::wire::multipart::{self, Part};
use crate::wire::response;
use crate::world::World;

/// The size of every chunk except the last.
const CHUNK_BYTES: usize = 512 * 1024;
/// A file above this size needs a webwxcheckupload first. In bytes.
pub(super) const ANNOUNCE_ABOVE: u64 = 25 * 1024 * 1024;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxcheckupload"), post(check_upload))
        .route(&format!("{BIN}/webwxuploadmedia"), post(upload))
}

/// Issues the keys for a large file, and the `MediaId` if the account has uploaded the file before.
async fn check_upload(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, &call);
        let (body, session) = match validator.authenticate_post() {
            Ok(found) => found,
            Err(refusal) => return refusal.response(),
        };
        let Some(size) = body["FileSize"].as_u64() else {
            validator.report("file_size", format!("FileSize is {}", body["FileSize"]));
            return response::ret(response::RET_PARAMETER);
        };
        if size <= ANNOUNCE_ABOVE || body["FileType"] != json!(7) || text_of(&body["FileName"]).is_empty() {
            validator.report("check_upload", "only files above 25 MiB are announced, with FileType 7 and a FileName");
        }
        if text_of(&body["FromUserName"]) != session.user_name(ContactRef::Myself) {
            validator.report("from_wrong", "FromUserName is not the account's own");
        }
        if validator.find_contact(&session, &text_of(&body["ToUserName"])).is_none() {
            return response::ret(response::RET_PARAMETER);
        }
        let md5 = text_of(&body["FileMd5"]);
        validator.check_md5(&md5);
        let known = state.uploads.iter().find(|(_, upload)| upload.uin == session.uin && upload.md5 == md5);
        let media_id = known.map_or_else(String::new, |(id, _)| id.clone());
        let permit = UploadPermit { size, aes_key: state.rng.hex(32), signature: state.rng.hex(64) };
        state.upload_permits.push(permit.clone());
        response::json(&json!({
            "BaseResponse": response::base(0),
            "MediaId": media_id,
            "AESKey": permit.aes_key,
            "Signature": permit.signature,
            "EncryFileName": text_of(&body["FileName"]),
        }))
    })
}

/// Stores a chunk. The response to the last one contains the `MediaId`.
async fn upload(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, &call);
        validator.check_host("file.");
        let Some(parts) = multipart::parts(call.header("content-type"), &call.body) else {
            validator.report("upload_not_a_form", "the body is no multipart/form-data");
            return response::ret(response::RET_PARAMETER);
        };
        let form = Form::new(&parts);
        let request: Value = serde_json::from_str(&form.text("uploadmediarequest")).unwrap_or_default();
        let session = match validator.authenticate_base_request(&request["BaseRequest"]) {
            Ok(session) => session,
            Err(refusal) => return refusal.response(),
        };
        form.check(&mut validator, &request, &session);
        let Some(chunk) = Chunk::read(&mut validator, &form, &request) else {
            return response::ret(response::RET_PARAMETER);
        };
        let media_id = chunk.store(state, &session);
        match media_id {
            Ok(media_id) => response::json(&json!({
                "BaseResponse": response::base(0),
                "MediaId": media_id,
                "StartPos": chunk.bytes.len(),
                "CDNThumbImgHeight": 0,
                "CDNThumbImgWidth": 0,
                "EncryFileName": chunk.name,
            })),
            Err((rule, detail)) => {
                Validator::new(state, &call).report(rule, detail);
                response::ret(response::RET_PARAMETER)
            }
        }
    })
}

/// The form fields of an upload.
struct Form<'a>(HashMap<&'a str, &'a Part<'a>>);

impl<'a> Form<'a> {
    fn new(parts: &'a [Part<'a>]) -> Self {
        Self(parts.iter().map(|part| (part.name.as_str(), part)).collect())
    }

    fn text(&self, name: &str) -> String {
        self.0.get(name).map_or_else(String::new, |part| String::from_utf8_lossy(part.bytes).into_owned())
    }

    fn check(&self, validator: &mut Validator<'_>, request: &Value, session: &Session) {
        for name in ["name", "type", "lastModifiedDate", "size", "pass_ticket"] {
            if self.text(name).is_empty() {
                validator.report("upload_field_missing", format!("no {name}"));
            }
        }
        if self.text("id").is_empty() {
            validator.tolerate("upload_field_missing", "no id");
        }
        if self.text("webwx_data_ticket") != session.data_ticket {
            validator.report("data_ticket_wrong", "webwx_data_ticket is not the cookie's");
        }
        if !["pic", "video", "doc"].contains(&self.text("mediatype").as_str()) {
            validator.report("upload_media_type", format!("mediatype is {:?}", self.text("mediatype")));
        }
        let total = &request["TotalLen"];
        if request["DataLen"] != *total || request["StartPos"] != json!(0) || self.text("size") != text_of(total) {
            validator.report("upload_lengths", "size, TotalLen and DataLen are the whole size, StartPos is 0");
        }
        if request["UploadType"] != json!(2) || request["MediaType"] != json!(4) {
            validator.report("upload_types", "UploadType is 2 and MediaType is 4");
        }
        if text_of(&request["FromUserName"]) != session.user_name(ContactRef::Myself) {
            validator.report("from_wrong", "FromUserName is not the account's own");
        }
        if session.contact(&text_of(&request["ToUserName"])).is_none() {
            validator.report("user_name_unknown", "ToUserName is nobody in this session");
        }
        match text_of(&request["FileMd5"]).as_str() {
            "" => validator.tolerate("md5_missing", "no FileMd5"),
            md5 => validator.check_md5(md5),
        }
        if total.as_u64().is_some_and(|size| size > ANNOUNCE_ABOVE) {
            let permit = UploadPermit {
                size: total.as_u64().unwrap_or(0),
                aes_key: text_of(&request["AESKey"]),
                signature: text_of(&request["Signature"]),
            };
            if !validator.state.upload_permits.contains(&permit) {
                validator.report("upload_not_announced", "AESKey and Signature are not webwxcheckupload's");
            }
        }
    }
}

/// One chunk of a file.
struct Chunk<'a> {
    /// Identifies the file within the session.
    client_media_id: String,
    name: String,
    media_type: String,
    md5: String,
    index: usize,
    chunks: usize,
    bytes: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn read(validator: &mut Validator<'_>, form: &Form<'a>, request: &Value) -> Option<Self> {
        let Some(file) = form.0.get("filename").filter(|part| part.is_file) else {
            validator.report("upload_field_missing", "no file called filename");
            return None;
        };
        let total = usize::try_from(request["TotalLen"].as_u64()?).ok()?;
        let needed = total.div_ceil(CHUNK_BYTES).max(1);
        let (chunk, chunks) = (form.text("chunk"), form.text("chunks"));
        let (index, chunks) = if needed == 1 {
            if !chunk.is_empty() || !chunks.is_empty() {
                validator.report("chunk_numbers", "a single chunk has no number");
            }
            (0, 1)
        } else {
            (chunk.parse().unwrap_or(usize::MAX), chunks.parse().unwrap_or(0))
        };
        let length = if index + 1 == needed { total - index * CHUNK_BYTES } else { CHUNK_BYTES };
        if chunks != needed || index >= needed || file.bytes.len() != length {
            let detail = format!("chunk {chunk:?} of {chunks}: {} bytes of {total}", file.bytes.len());
            validator.report("chunk_numbers", detail);
            return None;
        }
        Some(Self {
            client_media_id: text_of(&request["ClientMediaId"]),
            name: form.text("name"),
            media_type: form.text("mediatype"),
            md5: text_of(&request["FileMd5"]),
            index,
            chunks,
            bytes: file.bytes,
        })
    }

    /// Appends the chunk to its file. Returns the file's `MediaId` when it is complete, and an empty string
    /// before.
    fn store(&self, state: &mut SimulatorState, session: &Session) -> Result<String, (&'static str, String)> {
        let key = (session.sid.clone(), self.client_media_id.clone());
        if self.index == 0 {
            let partial = PartialUpload { chunks: self.chunks, next: 0, bytes: Vec::new() };
            state.partial_uploads.insert(key.clone(), partial);
        }
        let first = || ("chunk_order", "the first chunk is chunk 0".to_owned());
        let file = state.partial_uploads.get_mut(&key).ok_or_else(first)?;
        if file.next != self.index || file.chunks != self.chunks {
            return Err(("chunk_order", format!("chunk {} came, {} was next", self.index, file.next)));
        }
        file.next += 1;
        file.bytes.extend(self.bytes);
        if file.next < file.chunks {
            return Ok(String::new());
        }
        let bytes: Arc<[u8]> = state.partial_uploads.remove(&key).map_or_else(Vec::new, |file| file.bytes).into();
        let md5 = HEXLOWER.encode(&Md5::digest(&bytes));
        if !self.md5.is_empty() && !self.md5.eq_ignore_ascii_case(&md5) {
            return Err(("md5_wrong", format!("FileMd5 is {:?}, the file's is {md5:?}", self.md5)));
        }
        let media_id = format!("@crypt_{}_{}", state.rng.hex(8), state.rng.hex(96));
        let upload = Upload {
            uin: session.uin,
            name: self.name.clone(),
            media_type: self.media_type.clone(),
            md5: self.md5.clone(),
            bytes,
        };
        state.uploads.insert(media_id.clone(), upload);
        Ok(media_id)
    }
}
