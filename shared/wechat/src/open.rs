//! From a confirmed login to an open session: webwxnewloginpage, webwxinit, webwxstatusnotify.

use std::collections::BTreeMap;

use channel::{Card, Error, NewLogin, Opened, Opening};
use domain::contact::ContactKind;
use serde::{Deserialize, Serialize};

use crate::{
    WebConnection, WebWeChat,
    call::{Address, Reply},
    cookies::Cookies,
    error::{LOGIN_REFUSED, code_error, protocol_error},
    extspam::{CLIENT_VERSION, EXTSPAM},
    login::WebTicket,
    peer::groups_in,
    session::{SyncCursor, WebSession},
    text::decode_owned,
    wire::{
        contact::{Contact, Source},
        envelope::{Acknowledged, BaseRequest, BaseResponse},
        lenient,
        sync::SyncKey,
        xml,
    },
};

/// Attempts of a call that follows the confirmation. The confirmation serves once, so a transient failure is worth a
/// second and a third attempt.
const ATTEMPTS: usize = 3;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InitRequest<'a> {
    base_request: BaseRequest<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InitAnswer {
    #[serde(deserialize_with = "lenient::nullable")]
    base_response: BaseResponse,
    #[serde(default, deserialize_with = "lenient::structure")]
    user: Contact,
    #[serde(default, deserialize_with = "lenient::structure")]
    sync_key: SyncKey,
    /// Recent chats. The members of groups come without their names.
    #[serde(default, deserialize_with = "lenient::list")]
    contact_list: Vec<Contact>,
    /// User names of more recent chats, joined by commas.
    #[serde(default, deserialize_with = "lenient::text")]
    chat_set: String,
    #[serde(default, rename = "SKey", deserialize_with = "lenient::text")]
    skey: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NotifyRequest<'a> {
    base_request: BaseRequest<'a>,
    code: u8,
    from_user_name: &'a str,
    to_user_name: &'a str,
    client_msg_id: i64,
}

impl WebWeChat {
    /// Opens the session of a confirmed login. Where WeChat refuses a desktop login, it starts a browser login instead.
    pub(crate) async fn open_login(&self, ticket: &WebTicket) -> Result<Opening, Error> {
        match self.open_session(ticket).await {
            Ok(opened) => Ok(Opening::Opened(Box::new(opened))),
            Err(Error::Refused { reason }) if ticket.desktop => {
                tracing::info!(reason, "desktop login refused; starting a browser login");
                self.start_browser_login().await.map(Opening::Restarted)
            }
            Err(error) => Err(error),
        }
    }

    async fn start_browser_login(&self) -> Result<NewLogin, Error> {
        let mut attempt = 1;
        loop {
            match self.start_qr_login(false).await {
                Err(Error::Transient { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn open_session(&self, ticket: &WebTicket) -> Result<Opened, Error> {
        let session = self.new_session(ticket).await?;
        let mut connection = WebConnection::new(self, session);
        let answer = connection.init().await?;
        let sync = answer.sync_key.pairs();
        let me = answer.user.user_name.clone();
        if me.is_empty() || sync.is_empty() {
            return Err(protocol_error("webwxinit", "there is no user or no sync key"));
        }
        let user = answer.user.card(&me, Source::Other);
        let session = &mut connection.session;
        session.nick_name.clone_from(&user.nick_name);
        session.user_name.clone_from(&me);
        if !answer.skey.is_empty() {
            session.skey = answer.skey;
        }
        let Some(account) = user.account.clone() else {
            // The session is open but of no use. Its end is not required, so a failure is ignored.
            let _ = connection.log_out().await;
            return Err(protocol_error("webwxinit", "the account is not named"));
        };
        connection.notify_phone();
        let recent: Vec<Card> = answer.contact_list.into_iter().map(|contact| recent_chat(contact, &me)).collect();
        let mut mentioned = groups_in(&answer.chat_set);
        mentioned.retain(|group| recent.iter().all(|card| card.user_name != group.id));
        let cursor = SyncCursor { sync, check: Vec::new() }.cursor();
        Ok(Opened { connection: Box::new(connection), account, user, recent, mentioned, cursor })
    }

    async fn new_session(&self, ticket: &WebTicket) -> Result<WebSession, Error> {
        let Some(redirect) = &ticket.redirect else {
            return Err(protocol_error("login", "the ticket is not confirmed"));
        };
        let (url, host) = self.hosts().account_of(redirect)?;
        let present: Vec<String> = url.query_pairs().map(|(key, _)| key.into_owned()).collect();
        let mut address = Address::new(url.into());
        for (key, value) in [("fun", "new"), ("version", "v2"), ("lang", "zh_CN")] {
            if !present.iter().any(|name| name == key) {
                address = address.with(key, value);
            }
        }
        let mut call = self.get("webwxnewloginpage", address);
        if ticket.desktop {
            call = call
                .header("extspam", EXTSPAM)
                .header("client-version", CLIENT_VERSION)
                .header("referer", "https://wx.qq.com/?&lang=zh_CN&target=t");
        }
        let reply = call.send_anonymously().await?;
        let mut cookies = Cookies::default();
        self.store_cookies(&mut cookies, &reply);
        let keys = Keys::read(&reply, &cookies)?;
        Ok(WebSession {
            host,
            uin: keys.uin,
            sid: keys.sid,
            skey: keys.skey,
            pass_ticket: keys.pass_ticket,
            device_id: self.device_id(),
            desktop: ticket.desktop,
            user_name: String::new(),
            nick_name: String::new(),
            display_names: BTreeMap::new(),
            cookies,
        })
    }
}

impl WebConnection {
    async fn init(&mut self) -> Result<InitAnswer, Error> {
        let mut attempt = 1;
        loop {
            match self.init_once().await {
                Err(Error::Transient { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn init_once(&mut self) -> Result<InitAnswer, Error> {
        const CALL: &str = "webwxinit";
        let address = self.page(CALL).with("r", self.client.stamp());
        let request = InitRequest { base_request: BaseRequest::from(&self.session) };
        let reply = self.send(self.client.post(CALL, address, &request)).await?;
        let answer: InitAnswer = reply.json()?;
        answer.base_response.check(CALL)?;
        Ok(answer)
    }

    /// Makes the phone show that the account is in use elsewhere. It runs in the background because nothing depends on
    /// the answer.
    fn notify_phone(&self) {
        const CALL: &str = "webwxstatusnotify";
        let session = self.session.clone();
        let request = NotifyRequest {
            base_request: BaseRequest::from(&session),
            code: 3,
            from_user_name: &session.user_name,
            to_user_name: &session.user_name,
            client_msg_id: self.client.millis(),
        };
        let call = self.client.post(CALL, self.page(CALL), &request);
        tokio::spawn(async move {
            let answer = call.send_as(&session).await.and_then(|reply| reply.json::<Acknowledged>());
            if let Err(error) = answer.and_then(|answer| answer.base_response.check(CALL)) {
                tracing::warn!(%error, "login notice to the phone failed");
            }
        });
    }
}

/// The card of a recent chat. A group's members are dropped, because webwxinit leaves out their names.
fn recent_chat(contact: Contact, me: &str) -> Card {
    let card = contact.card(me, Source::Other);
    if card.kind == ContactKind::Group { Card { members: Vec::new(), ..card } } else { card }
}

/// The keys in an answer of webwxnewloginpage.
struct Keys {
    uin: u64,
    sid: String,
    skey: String,
    pass_ticket: String,
}

impl Keys {
    /// Reads the keys from the XML. Uin and sid may be in the cookies instead; webwxinit brings another skey.
    fn read(reply: &Reply, cookies: &Cookies) -> Result<Self, Error> {
        const CALL: &str = "webwxnewloginpage";
        let body = &*reply.text();
        let element = |name| xml::text(body, &[name]).filter(|text| !text.is_empty());
        match element("ret").and_then(|ret| ret.parse().ok()).unwrap_or(0) {
            0 => {}
            LOGIN_REFUSED => {
                let reason = element("message").map_or_else(|| format!("code {LOGIN_REFUSED}"), decode_owned);
                return Err(Error::Refused { reason });
            }
            code => return Err(code_error(CALL, code)),
        }
        let or_cookie = |name| element(name).or_else(|| cookies.value(name).map(ToOwned::to_owned));
        let uin = or_cookie("wxuin").and_then(|uin| uin.parse().ok());
        let (Some(uin), Some(sid)) = (uin, or_cookie("wxsid")) else {
            return Err(protocol_error(CALL, "there is no session in it"));
        };
        Ok(Self {
            uin,
            sid,
            skey: element("skey").unwrap_or_default(),
            pass_ticket: element("pass_ticket").unwrap_or_default(),
        })
    }
}
