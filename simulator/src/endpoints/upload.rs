//! Files out: `webwxcheckupload` for large ones, then `webwxuploadmedia` in chunks.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::BIN;
use crate::call::Call;
use crate::contact_ref::ContactRef;
use crate::record::text_of;
use crate::rules::{Judge, RET_PARAMETER};
use crate::session::Session;
use crate::state::State as Simulated;
use crate::upload::{Permit, Unfinished, Upload};
use crate::wire::answer;
use crate::wire::multipart::{self, Part};
use crate::world::World;

/// Bytes a chunk, but the last.
const CHUNK: usize = 512 * 1024;
/// Above this size a file is announced by webwxcheckupload first.
const ANNOUNCED: u64 = 25 * 1024 * 1024;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxcheckupload"), post(check_upload))
        .route(&format!("{BIN}/webwxuploadmedia"), post(upload))
}

/// Gives out the keys for a large file, or the `MediaId` of one that is here already.
async fn check_upload(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut judge = Judge::new(state, &call);
        let (body, session) = match judge.posted() {
            Ok(found) => found,
            Err(refused) => return refused.answer(),
        };
        let Some(size) = body["FileSize"].as_u64() else {
            judge.broken("file_size", format!("FileSize is {}", body["FileSize"]));
            return answer::ret(RET_PARAMETER);
        };
        let md5 = text_of(&body["FileMd5"]);
        judge.md5(&md5);
        let known = state.uploads.iter().find(|(_, upload)| upload.uin == session.uin && upload.md5 == md5);
        let media_id = known.map_or_else(String::new, |(id, _)| id.clone());
        let permit = Permit { size, aes_key: state.dice.hex(32), signature: state.dice.hex(64) };
        state.permits.push(permit.clone());
        answer::json(&json!({
            "BaseResponse": answer::base(0),
            "MediaId": media_id,
            "AESKey": permit.aes_key,
            "Signature": permit.signature,
            "EncryFileName": text_of(&body["FileName"]),
        }))
    })
}

/// Takes a chunk; the answer to the last one has the `MediaId`.
async fn upload(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut judge = Judge::new(state, &call);
        judge.host("file.");
        let Some(parts) = multipart::parts(call.header("content-type"), &call.body) else {
            judge.broken("upload_not_a_form", "the body is no multipart/form-data");
            return answer::ret(RET_PARAMETER);
        };
        let form = Form::new(&parts);
        let request: Value = serde_json::from_str(&form.text("uploadmediarequest")).unwrap_or_default();
        let session = match judge.base_request(&request["BaseRequest"]) {
            Ok(session) => session,
            Err(refused) => return refused.answer(),
        };
        form.check(&mut judge, &request, &session);
        let Some(chunk) = Chunk::read(&mut judge, &form, &request) else {
            return answer::ret(RET_PARAMETER);
        };
        let media_id = chunk.store(state, &session);
        match media_id {
            Ok(media_id) => answer::json(&json!({
                "BaseResponse": answer::base(0),
                "MediaId": media_id,
                "StartPos": chunk.bytes.len(),
                "CDNThumbImgHeight": 0,
                "CDNThumbImgWidth": 0,
                "EncryFileName": chunk.name,
            })),
            Err(detail) => {
                Judge::new(state, &call).broken("chunk_order", detail);
                answer::ret(RET_PARAMETER)
            }
        }
    })
}

/// The fields of an upload.
struct Form<'a>(HashMap<&'a str, &'a Part<'a>>);

impl<'a> Form<'a> {
    fn new(parts: &'a [Part<'a>]) -> Self {
        Self(parts.iter().map(|part| (part.name.as_str(), part)).collect())
    }

    fn text(&self, name: &str) -> String {
        self.0.get(name).map_or_else(String::new, |part| String::from_utf8_lossy(part.bytes).into_owned())
    }

    fn check(&self, judge: &mut Judge<'_>, request: &Value, session: &Session) {
        for name in ["name", "type", "lastModifiedDate", "size", "pass_ticket"] {
            if self.text(name).is_empty() {
                judge.broken("upload_field_missing", format!("no {name}"));
            }
        }
        if self.text("id").is_empty() {
            judge.tolerated("upload_field_missing", "no id");
        }
        if self.text("webwx_data_ticket") != session.data_ticket {
            judge.broken("data_ticket_wrong", "webwx_data_ticket is not the cookie's");
        }
        if !["pic", "video", "doc"].contains(&self.text("mediatype").as_str()) {
            judge.broken("upload_media_type", format!("mediatype is {:?}", self.text("mediatype")));
        }
        let total = &request["TotalLen"];
        if request["DataLen"] != *total || request["StartPos"] != json!(0) || self.text("size") != text_of(total) {
            judge.broken("upload_lengths", "size, TotalLen and DataLen are the whole size, StartPos is 0");
        }
        if request["UploadType"] != json!(2) || request["MediaType"] != json!(4) {
            judge.broken("upload_types", "UploadType is 2 and MediaType is 4");
        }
        if text_of(&request["FromUserName"]) != session.user_name(ContactRef::Myself) {
            judge.broken("from_wrong", "FromUserName is not the account's own");
        }
        if session.contact(&text_of(&request["ToUserName"])).is_none() {
            judge.broken("user_name_unknown", "ToUserName is nobody in this session");
        }
        match text_of(&request["FileMd5"]).as_str() {
            "" => judge.tolerated("md5_missing", "no FileMd5"),
            md5 => judge.md5(md5),
        }
        if total.as_u64().is_some_and(|size| size > ANNOUNCED) {
            let permit = Permit {
                size: total.as_u64().unwrap_or(0),
                aes_key: text_of(&request["AESKey"]),
                signature: text_of(&request["Signature"]),
            };
            if !judge.state.permits.contains(&permit) {
                judge.broken("upload_not_announced", "AESKey and Signature are not webwxcheckupload's");
            }
        }
    }
}

/// One chunk of a file.
struct Chunk<'a> {
    /// Names the file within the account.
    client_media_id: String,
    name: String,
    media_type: String,
    md5: String,
    index: usize,
    chunks: usize,
    bytes: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn read(judge: &mut Judge<'_>, form: &Form<'a>, request: &Value) -> Option<Self> {
        let Some(file) = form.0.get("filename").filter(|part| part.is_file) else {
            judge.broken("upload_field_missing", "no file called filename");
            return None;
        };
        let total = usize::try_from(request["TotalLen"].as_u64()?).ok()?;
        let needed = total.div_ceil(CHUNK).max(1);
        let (chunk, chunks) = (form.text("chunk"), form.text("chunks"));
        let (index, chunks) = if needed == 1 {
            if !chunk.is_empty() || !chunks.is_empty() {
                judge.broken("chunk_numbers", "a single chunk has no number");
            }
            (0, 1)
        } else {
            (chunk.parse().unwrap_or(usize::MAX), chunks.parse().unwrap_or(0))
        };
        let length = if index + 1 == needed { total - index * CHUNK } else { CHUNK };
        if chunks != needed || index >= needed || file.bytes.len() != length {
            let detail = format!("chunk {chunk:?} of {chunks}: {} bytes of {total}", file.bytes.len());
            judge.broken("chunk_numbers", detail);
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

    /// Adds the chunk to its file; the file's `MediaId` once it is whole, empty before.
    fn store(&self, state: &mut Simulated, session: &Session) -> Result<String, String> {
        let key = (session.sid.clone(), self.client_media_id.clone());
        if self.index == 0 {
            let fresh = Unfinished { chunks: self.chunks, next: 0, bytes: Vec::new() };
            state.unfinished.insert(key.clone(), fresh);
        }
        let file = state.unfinished.get_mut(&key).ok_or("the first chunk is chunk 0")?;
        if file.next != self.index || file.chunks != self.chunks {
            return Err(format!("chunk {} came, {} was next", self.index, file.next));
        }
        file.next += 1;
        file.bytes.extend(self.bytes);
        if file.next < file.chunks {
            return Ok(String::new());
        }
        let bytes: Arc<[u8]> = state.unfinished.remove(&key).map_or_else(Vec::new, |file| file.bytes).into();
        let media_id = format!("@crypt_{}_{}", state.dice.hex(8), state.dice.hex(96));
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
