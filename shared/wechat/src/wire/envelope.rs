//! The part that all JSON requests have, and the part that all JSON answers have.

use channel::Error;
use serde::{Deserialize, Serialize};

use crate::{error::code_error, session::WebSession, wire::lenient};

/// The session that sends a request. `Uin` is a number here, although it came as text.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BaseRequest<'a> {
    uin: u64,
    sid: &'a str,
    skey: &'a str,
    #[serde(rename = "DeviceID")]
    device_id: &'a str,
}

impl<'a> From<&'a WebSession> for BaseRequest<'a> {
    fn from(session: &'a WebSession) -> Self {
        Self { uin: session.uin, sid: &session.sid, skey: &session.skey, device_id: &session.device_id }
    }
}

/// Whether the call succeeded. An answer without it is invalid; where it is `null`, the rest of the answer counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BaseResponse {
    #[serde(rename = "Ret", deserialize_with = "lenient::integer")]
    ret: i64,
}

impl BaseResponse {
    /// An error if the server refused `call`.
    pub(crate) fn check(&self, call: &str) -> Result<(), Error> {
        match self.ret {
            0 => Ok(()),
            code => Err(code_error(call, code)),
        }
    }
}

/// An answer without further fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Acknowledged {
    #[serde(deserialize_with = "lenient::nullable")]
    pub(crate) base_response: BaseResponse,
}
