//! What every JSON request carries, and what every JSON answer says first.

use serde::{Deserialize, Serialize};

use crate::{Error, Session, wire::lenient};

/// Who asks. `Uin` is a number here, though it came as text.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BaseRequest<'a> {
    uin: u64,
    sid: &'a str,
    skey: &'a str,
    #[serde(rename = "DeviceID")]
    device_id: &'a str,
}

impl<'a> From<&'a Session> for BaseRequest<'a> {
    fn from(session: &'a Session) -> Self {
        Self { uin: session.uin, sid: &session.sid, skey: &session.skey, device_id: &session.device_id }
    }
}

/// Whether the call was taken. An answer without it is none.
#[derive(Debug, Deserialize)]
pub(crate) struct BaseResponse {
    #[serde(rename = "Ret", deserialize_with = "lenient::integer")]
    ret: i64,
}

impl BaseResponse {
    /// The meaning of a refusal of `call`.
    pub(crate) fn check(&self, call: &str) -> Result<(), Error> {
        match self.ret {
            0 => Ok(()),
            code => Err(Error::from_code(call, code)),
        }
    }
}

/// An answer that says nothing but whether the call was taken.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Acknowledged {
    pub(crate) base_response: BaseResponse,
}
