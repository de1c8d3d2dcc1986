//! From a confirmed login to a session: webwxnewloginpage, webwxinit, webwxstatusnotify.

use std::collections::BTreeMap;

use domain::contact::{Card, ContactKind};
use serde::{Deserialize, Serialize};

use crate::{
    Cursor, Error, LoginTicket, Opened, Session, WebWeChat,
    call::{Address, Reply},
    cookies::Cookies,
    extspam::{CLIENT_VERSION, EXTSPAM},
    text::decoded,
    wire::{
        contact::{Contact, Listed},
        envelope::{Acknowledged, BaseRequest, BaseResponse},
        lenient,
        sync::SyncKey,
        xml,
    },
};

/// How often webwxinit is asked before a login is given up. By then the person has scanned and confirmed, and the
/// confirmation serves once: it is worth a second and a third attempt.
const INIT_ATTEMPTS: usize = 3;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InitRequest<'a> {
    base_request: BaseRequest<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InitAnswer {
    base_response: BaseResponse,
    #[serde(default)]
    user: Contact,
    #[serde(default)]
    sync_key: SyncKey,
    /// Recent chats. Their groups have members without names.
    #[serde(default, deserialize_with = "lenient::list")]
    contact_list: Vec<Contact>,
    /// More recent chats, joined by commas.
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
    pub(crate) async fn open_session(
        &self,
        ticket: &LoginTicket,
        redirect: &str,
    ) -> Result<Opened<Session, Cursor>, Error> {
        let mut session = self.keys(ticket, redirect).await?;
        let answer = self.init(&mut session).await?;
        let opened = opened(session, answer)?;
        self.notify_phone(&opened.session);
        Ok(opened)
    }

    async fn keys(&self, ticket: &LoginTicket, redirect: &str) -> Result<Session, Error> {
        let (url, host) = self.hosts().account_of(redirect)?;
        let given: Vec<String> = url.query_pairs().map(|(key, _)| key.into_owned()).collect();
        let mut address = Address::new(url.into());
        for (key, value) in [("fun", "new"), ("version", "v2"), ("lang", "zh_CN")] {
            if !given.iter().any(|name| name == key) {
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
        let reply = call.anonymous().await?;
        let mut cookies = Cookies::default();
        self.remember(&mut cookies, &reply);
        let keys = Keys::read(&reply, &cookies)?;
        Ok(Session {
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

    async fn init(&self, session: &mut Session) -> Result<InitAnswer, Error> {
        let mut attempt = 1;
        loop {
            match self.init_once(session).await {
                Err(Error::Transient { .. }) if attempt < INIT_ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn init_once(&self, session: &mut Session) -> Result<InitAnswer, Error> {
        let address = self.page(session, "webwxinit").with("r", self.stamp());
        let request = InitRequest { base_request: BaseRequest::from(&*session) };
        let reply = self.post("webwxinit", address, &request).by(session).await?;
        self.remember(&mut session.cookies, &reply);
        let answer: InitAnswer = reply.json()?;
        answer.base_response.check("webwxinit")?;
        Ok(answer)
    }

    /// Makes the phone show that the account is in use elsewhere. Nothing depends on the answer, so nobody waits.
    fn notify_phone(&self, session: &Session) {
        let request = NotifyRequest {
            base_request: BaseRequest::from(session),
            code: 3,
            from_user_name: &session.user_name,
            to_user_name: &session.user_name,
            client_msg_id: self.millis(),
        };
        let call = self.post("webwxstatusnotify", self.page(session, "webwxstatusnotify"), &request);
        let session = session.clone();
        tokio::spawn(async move {
            let answer = call.by(&session).await.and_then(|reply| reply.json::<Acknowledged>());
            if let Err(error) = answer.and_then(|answer| answer.base_response.check("webwxstatusnotify")) {
                tracing::warn!(%error, "the phone was not told of the login");
            }
        });
    }
}

fn opened(mut session: Session, answer: InitAnswer) -> Result<Opened<Session, Cursor>, Error> {
    let me = answer.user.user_name.clone();
    let sync = answer.sync_key.pairs();
    if me.is_empty() || sync.is_empty() {
        return Err(Error::protocol("webwxinit", "there is no user or no sync key"));
    }
    if !answer.skey.is_empty() {
        session.skey = answer.skey;
    }
    let user = answer.user.card(&me, Listed::Anywhere);
    session.nick_name.clone_from(&user.nick_name);
    session.user_name.clone_from(&me);
    let recent: Vec<Card> = answer.contact_list.into_iter().map(|entry| recent(entry, &me)).collect();
    let mut mentioned = groups_in(&answer.chat_set);
    mentioned.retain(|name| recent.iter().all(|card| card.user_name != *name));
    Ok(Opened { session, user, recent, mentioned, cursor: Cursor { sync, check: Vec::new() } })
}

/// The group names in a list joined by commas. Friends need no mention: the contact list has them.
pub(crate) fn groups_in(names: &str) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| name.starts_with("@@")) {
        if !groups.iter().any(|known| known == name) {
            groups.push(name.to_owned());
        }
    }
    groups
}

/// A recent chat without its members, whose names webwxinit leaves out.
fn recent(entry: Contact, me: &str) -> Card {
    let card = entry.card(me, Listed::Anywhere);
    if card.kind == ContactKind::Group { Card { members: Vec::new(), ..card } } else { card }
}

struct Keys {
    uin: u64,
    sid: String,
    skey: String,
    pass_ticket: String,
}

impl Keys {
    /// From the XML; what it lacks is in the cookies (and webwxinit brings another skey).
    fn read(reply: &Reply, cookies: &Cookies) -> Result<Self, Error> {
        const PAGE: &str = "webwxnewloginpage";
        let body = reply.text()?;
        let element = |name| xml::text(body, &[name]).filter(|text| !text.is_empty());
        let ret = element("ret").and_then(|ret| ret.parse().ok()).unwrap_or(0);
        if ret == 1203 {
            let reason = element("message").map_or_else(|| "code 1203".to_owned(), decoded);
            return Err(Error::Refused { reason });
        }
        if ret != 0 {
            return Err(Error::from_code(PAGE, ret));
        }
        let or_cookie = |name| element(name).or_else(|| cookies.value(name).map(ToOwned::to_owned));
        let uin = or_cookie("wxuin").and_then(|uin| uin.parse().ok());
        let (Some(uin), Some(sid)) = (uin, or_cookie("wxsid")) else {
            return Err(Error::protocol(PAGE, "there is no session in it"));
        };
        Ok(Self {
            uin,
            sid,
            skey: element("skey").unwrap_or_default(),
            pass_ticket: element("pass_ticket").unwrap_or_default(),
        })
    }
}
