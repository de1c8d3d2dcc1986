//! Outbound messages (webwxsendmsg and its siblings), their recall (webwxrevokemsg), and the end of a session
//! (webwxlogout).

use channel::{Error, MediaKind, Peer, Sent, Uploaded};
use quick_xml::escape::escape;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    WebConnection,
    call::Reply,
    error::protocol_error,
    session::WebSession,
    upload::HostedFile,
    wire::{
        envelope::{Acknowledged, BaseRequest, BaseResponse},
        lenient,
    },
};

/// `Type` of a text.
const TEXT: u8 = 1;
/// The application id in the message that shares a file.
const APP_ID: &str = "wxeb7ec651dd0aefa9";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendRequest<'a> {
    base_request: BaseRequest<'a>,
    msg: Message<'a>,
    scene: u8,
}

/// Empty optional fields are not sent. Media have a media id; only large files have the key and the signature.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Message<'a> {
    r#type: u8,
    content: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    media_id: &'a str,
    from_user_name: &'a str,
    to_user_name: &'a str,
    #[serde(rename = "LocalID")]
    local_id: &'a str,
    client_msg_id: &'a str,
    #[serde(rename = "AESKey", skip_serializing_if = "str::is_empty")]
    aes_key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    signature: &'a str,
}

impl<'a> SendRequest<'a> {
    fn new(session: &'a WebSession, msg: Message<'a>) -> Self {
        Self { base_request: BaseRequest::from(session), msg, scene: 0 }
    }
}

impl<'a> Message<'a> {
    fn new(kind: u8, content: &'a str, from: &'a str, to: &'a Peer, client_msg_id: &'a str) -> Self {
        Self {
            r#type: kind,
            content,
            media_id: "",
            from_user_name: from,
            to_user_name: &to.id,
            local_id: client_msg_id,
            client_msg_id,
            aes_key: "",
            signature: "",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RevokeRequest<'a> {
    base_request: BaseRequest<'a>,
    client_msg_id: &'a str,
    /// The message's number as text.
    svr_msg_id: &'a str,
    to_user_name: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendAnswer {
    #[serde(deserialize_with = "lenient::nullable")]
    base_response: BaseResponse,
    /// The message's number as text.
    #[serde(default, rename = "MsgID", deserialize_with = "lenient::integer")]
    msg_id: i64,
}

impl WebConnection {
    pub(crate) async fn text(&mut self, to: &Peer, text: &str, key: &str) -> Result<Sent, Error> {
        const CALL: &str = "webwxsendmsg";
        let content = sendable(text);
        let client_msg_id = client_msg_id(key);
        let message = Message::new(TEXT, &content, &self.session.user_name, to, &client_msg_id);
        let request = SendRequest::new(&self.session, message);
        let reply = self.send(self.client.post(CALL, self.page(CALL), &request)).await?;
        sent(CALL, &reply)
    }

    /// The server does not know the kind of an upload; the call that names it decides how it is shown.
    pub(crate) async fn file(&mut self, to: &Peer, uploaded: &Uploaded, key: &str) -> Result<Sent, Error> {
        let file = HostedFile::read(uploaded)?;
        let (call, kind, content, media_id) = match uploaded.kind {
            MediaKind::Image => ("webwxsendmsgimg", 3, String::new(), &*file.media_id),
            MediaKind::Video => ("webwxsendvideomsg", 43, String::new(), &*file.media_id),
            MediaKind::File => ("webwxsendappmsg", 6, shared_file(&file), ""),
            MediaKind::Record => return Err(protocol_error("webwxsendmsg", "a recording cannot be sent")),
        };
        let address = self.page(call).with("fun", "async").with("f", "json");
        let client_msg_id = client_msg_id(key);
        let mut message = Message::new(kind, &content, &self.session.user_name, to, &client_msg_id);
        message.media_id = media_id;
        message.aes_key = &file.keys.aes_key;
        message.signature = &file.keys.signature;
        let request = SendRequest::new(&self.session, message);
        let reply = self.send(self.client.post(call, address, &request)).await?;
        sent(call, &reply)
    }

    /// WeChat recalls a message within two minutes.
    pub(crate) async fn revoke(&mut self, to: &Peer, message_id: i64, key: &str) -> Result<(), Error> {
        const CALL: &str = "webwxrevokemsg";
        let request = RevokeRequest {
            base_request: BaseRequest::from(&self.session),
            client_msg_id: &client_msg_id(key),
            svr_msg_id: &message_id.cast_unsigned().to_string(),
            to_user_name: &to.id,
        };
        let reply = self.send(self.client.post(CALL, self.page(CALL), &request)).await?;
        reply.json::<Acknowledged>()?.base_response.check(CALL)
    }

    pub(crate) async fn log_out(&mut self) -> Result<(), Error> {
        const CALL: &str = "webwxlogout";
        let address = self.page(CALL).with("redirect", 1).with("type", 1).with("skey", &self.session.skey);
        // The answer is a redirect to the login page, also for a session that has already ended.
        self.client.get(CALL, address).send_as(&self.session).await.map(drop)
    }
}

/// The number of the message that `call` sent.
fn sent(call: &str, reply: &Reply) -> Result<Sent, Error> {
    let answer: SendAnswer = reply.json()?;
    answer.base_response.check(call)?;
    match answer.msg_id {
        0 => Err(Error::Unconfirmed { reason: format!("{call}: there is no message number") }),
        id => Ok(Sent { id }),
    }
}

/// WeChat's id of a send attempt (`ClientMsgId`): the same for every attempt with the same key. It has 17 digits, as on
/// WeChat's own page.
fn client_msg_id(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let number = digest.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{:017}", number % 100_000_000_000_000_000)
}

/// The text without control characters: JSON can write them only as `\u00XX`, which the server does not decode.
fn sendable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect()
}

/// A text of one line without control characters: a file name or a remark.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

/// The XML of a message that shares a file.
fn shared_file(file: &HostedFile) -> String {
    let extension = file.name.rsplit_once('.').map_or("undefined", |(_, extension)| extension);
    format!(
        "<appmsg appid='{APP_ID}' sdkver=''><title>{}</title><des></des><action></action><type>6</type><content></content>\
         <url></url><lowurl></lowurl><appattach><totallen>{}</totallen><attachid>{}</attachid>\
         <fileext>{}</fileext></appattach><extinfo></extinfo></appmsg>",
        escape(&file.name),
        file.size,
        escape(&file.media_id),
        escape(extension),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{peer::peer, session::tests::session};

    #[test]
    fn text_is_sent_unescaped() {
        let session = session();
        let to = peer("@a", "@me");
        let content = sendable("你好 <b> & \"q\"\n😄\r\u{7}");
        let request = SendRequest::new(&session, Message::new(TEXT, &content, "@me", &to, "17"));
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

    /// A message that is retried after an update must keep its id.
    #[test]
    fn a_client_msg_id_is_seventeen_digits_and_depends_on_the_key_alone() {
        assert_eq!(client_msg_id("j"), "74207161109815705");
        assert_eq!(client_msg_id("0f3c5a7e9b1d2468"), "69097131453812587");
        assert!((0..1_000).all(|key| client_msg_id(&key.to_string()).len() == 17));
    }
}
