//! Text out, and the end of a session.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Sent, Session, WebWeChat,
    call::Reply,
    wire::{
        envelope::{BaseRequest, BaseResponse},
        lenient,
    },
};

/// `Type` of a text.
const TEXT: u8 = 1;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SendRequest<'a> {
    base_request: BaseRequest<'a>,
    msg: Message<'a>,
    scene: u8,
}

/// Fields that are empty are not sent: media have an id and no content, only large files the keys.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Message<'a> {
    r#type: u8,
    content: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) media_id: &'a str,
    from_user_name: &'a str,
    to_user_name: &'a str,
    #[serde(rename = "LocalID")]
    local_id: &'a str,
    client_msg_id: &'a str,
    #[serde(rename = "AESKey", skip_serializing_if = "str::is_empty")]
    pub(crate) aes_key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) signature: &'a str,
}

impl<'a> SendRequest<'a> {
    pub(crate) fn new(session: &'a Session, msg: Message<'a>) -> Self {
        Self { base_request: BaseRequest::from(session), msg, scene: 0 }
    }
}

impl<'a> Message<'a> {
    pub(crate) fn new(kind: u8, content: &'a str, from: &'a str, to: &'a str, client_id: &'a str) -> Self {
        Self {
            r#type: kind,
            content,
            media_id: "",
            from_user_name: from,
            to_user_name: to,
            local_id: client_id,
            client_msg_id: client_id,
            aes_key: "",
            signature: "",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendAnswer {
    base_response: BaseResponse,
    /// The message's number as text.
    #[serde(default, rename = "MsgID", deserialize_with = "lenient::integer")]
    msg_id: i64,
}

impl WebWeChat {
    pub(crate) async fn text(
        &self,
        session: &mut Session,
        to: &str,
        text: &str,
        client_id: &str,
    ) -> Result<Sent, Error> {
        const CALL: &str = "webwxsendmsg";
        let content = sendable(text);
        let message = Message::new(TEXT, &content, &session.user_name, to, client_id);
        let request = SendRequest::new(session, message);
        let reply = self.post(CALL, self.page(session, CALL), &request).by(session).await?;
        self.remember(&mut session.cookies, &reply);
        sent(CALL, &reply)
    }

    pub(crate) async fn log_out(&self, session: &mut Session) -> Result<(), Error> {
        let address = self.page(session, "webwxlogout").with("redirect", 1).with("type", 1).with("skey", &session.skey);
        // The answer is a redirect to the login page; a session that has ended gets the same.
        self.get("webwxlogout", address).by(session).await.map(drop)
    }
}

/// The number of the message that `call` sent.
pub(crate) fn sent(call: &str, reply: &Reply) -> Result<Sent, Error> {
    let answer: SendAnswer = reply.json()?;
    answer.base_response.check(call)?;
    match answer.msg_id {
        0 => Err(Error::protocol(call, "taken, but without a message number")),
        id => Ok(Sent { id }),
    }
}

/// The text without control characters: JSON can only write them as `\u00XX`, which the server does not decode.
fn sendable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::session;

    #[test]
    fn text_goes_out_as_it_is() {
        let session = session();
        let content = sendable("你好 <b> & \"q\"\n😄\r\u{7}");
        let request = SendRequest::new(&session, Message::new(TEXT, &content, "@me", "@a", "17"));
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            concat!(
                r#"{"BaseRequest":{"Uin":2580137561,"Sid":"aB+/c==","Skey":"@crypt_1_2","DeviceID":"e123456789012345"},"#,
                r#""Msg":{"Type":1,"Content":"你好 <b> & \"q\"\n😄","FromUserName":"@me","ToUserName":"@a","#,
                r#""LocalID":"17","ClientMsgId":"17"},"Scene":0}"#
            )
        );
    }

    #[test]
    fn the_message_number_is_text() {
        let answer: SendAnswer = serde_json::from_str(
            r#"{"BaseResponse":{"Ret":0,"ErrMsg":""},"MsgID":"6050338562629220245","LocalID":"17"}"#,
        )
        .unwrap();
        assert_eq!(answer.msg_id, 6_050_338_562_629_220_245);
    }
}
