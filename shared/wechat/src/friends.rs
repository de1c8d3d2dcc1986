//! Friend requests (webwxverifyuser) and remarks (webwxoplog).

use channel::{Error, Peer};
use serde::Serialize;

use crate::{
    WebConnection,
    send::printable,
    wire::envelope::{Acknowledged, BaseRequest},
};

/// `Opcode` that accepts a friend request.
const ACCEPT: u8 = 3;
/// The only scene that WeChat's own page sends.
const SCENE: u8 = 33;
/// `CmdId` that sets a remark.
const REMARK: u8 = 2;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VerifyRequest<'a> {
    base_request: BaseRequest<'a>,
    opcode: u8,
    verify_user_list_size: u8,
    verify_user_list: [VerifyUser<'a>; 1],
    verify_content: &'a str,
    scene_list_count: u8,
    scene_list: [u8; 1],
    #[serde(rename = "skey")]
    skey: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VerifyUser<'a> {
    value: &'a str,
    verify_user_ticket: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OplogRequest<'a> {
    base_request: BaseRequest<'a>,
    cmd_id: u8,
    remark_name: &'a str,
    user_name: &'a str,
}

impl WebConnection {
    pub(crate) async fn verify_user(&mut self, user_name: &str, ticket: &str) -> Result<(), Error> {
        const CALL: &str = "webwxverifyuser";
        let address = self.page(CALL).with("r", self.client.millis());
        let request = VerifyRequest {
            base_request: BaseRequest::from(&self.session),
            opcode: ACCEPT,
            verify_user_list_size: 1,
            verify_user_list: [VerifyUser { value: user_name, verify_user_ticket: ticket }],
            verify_content: "",
            scene_list_count: 1,
            scene_list: [SCENE],
            skey: &self.session.skey,
        };
        let reply = self.send(self.client.post(CALL, address, &request)).await?;
        reply.json::<Acknowledged>()?.base_response.check(CALL)
    }

    pub(crate) async fn oplog_remark(&mut self, to: &Peer, remark: &str) -> Result<(), Error> {
        const CALL: &str = "webwxoplog";
        let request = OplogRequest {
            base_request: BaseRequest::from(&self.session),
            cmd_id: REMARK,
            remark_name: &printable(remark),
            user_name: &to.id,
        };
        let reply = self.send(self.client.post(CALL, self.page(CALL), &request)).await?;
        reply.json::<Acknowledged>()?.base_response.check(CALL)
    }
}
