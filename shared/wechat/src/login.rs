//! The way to a confirmed login: jslogin (a QR code) or webwxpushloginurl (a question on the phone), then a long poll.

use channel::{Error, LoginProgress, LoginStep, NewLogin, Ticket};
use serde::{Deserialize, Serialize};

use crate::{
    WebWeChat,
    call::{Address, POLL_TIMEOUT},
    error::{TOO_OFTEN, code_error, protocol_error, unreadable},
    session::WebSession,
    wire::{lenient, script},
};

/// Web WeChat's own application.
const APP_ID: &str = "wx782c26e4c19acffb";
/// The QR code encodes this and the uuid, whatever host the client uses: the phone reads it.
const QR_CONTENT: &str = "https://login.weixin.qq.com/l/";
/// WeChat's page with the QR code as a picture, before the uuid.
const QR_PAGE: &str = "https://login.weixin.qq.com/qrcode/";

/// The state of a login under way; as JSON it is the channel's ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WebTicket {
    /// WeChat's name of the attempt. It ends in `==`.
    pub(crate) uuid: String,
    /// Whether the login asks as a desktop client or, if not, as a page in a browser. WeChat allows desktop mode to most
    /// accounts and the browser only to some old ones.
    pub(crate) desktop: bool,
    /// Whether the phone has scanned: the poll then uses another `tip`.
    pub(crate) scanned: bool,
    /// The address of the session, once the person has confirmed.
    pub(crate) redirect: Option<String>,
}

impl WebTicket {
    fn new(uuid: String, desktop: bool) -> Self {
        Self { uuid, desktop, scanned: false, redirect: None }
    }

    pub(crate) fn read(ticket: &Ticket) -> Result<Self, Error> {
        serde_json::from_str(ticket.as_str()).map_err(|_| unreadable("login ticket"))
    }

    fn ticket(&self) -> Ticket {
        Ticket::new(serde_json::to_string(self).expect("a ticket is plain data"))
    }

    fn into_login(self, step: LoginStep) -> NewLogin {
        NewLogin { ticket: self.ticket(), id: self.uuid, step }
    }
}

#[derive(Debug, Deserialize)]
struct PushAnswer {
    #[serde(deserialize_with = "lenient::integer")]
    ret: i64,
    #[serde(default, deserialize_with = "lenient::text")]
    uuid: String,
}

impl WebWeChat {
    pub(crate) async fn start_qr_login(&self, desktop: bool) -> Result<NewLogin, Error> {
        let page = Address::page(self.hosts().login_page(), "webwxnewloginpage");
        let page = if desktop { page.with("mod", "desktop") } else { page };
        let address = Address::new(format!("{}/jslogin", self.hosts().login()))
            .with("appid", APP_ID)
            .with("redirect_uri", page)
            .with("fun", "new")
            .with("lang", "zh_CN")
            .with("_", self.millis());
        let reply = self.get("jslogin", address).send_anonymously().await?;
        qr_login(&reply.text(), desktop)
    }

    /// Asks on the phone of the account of an ended session. WeChat refuses where it has forgotten the session; only a QR
    /// code helps then.
    pub(crate) async fn start_push_login(&self, ended: &WebSession) -> Result<NewLogin, Error> {
        const CALL: &str = "webwxpushloginurl";
        let address = Address::page(&self.hosts().account(&ended.host), CALL).with("uin", ended.uin);
        let address = if ended.desktop { address.with("mod", "desktop") } else { address };
        let answer: PushAnswer = self.get(CALL, address).send_as(ended).await?.json()?;
        match answer.ret {
            0 if !answer.uuid.is_empty() => {
                let step = LoginStep::ConfirmOnPhone { avatar: None };
                Ok(WebTicket::new(answer.uuid, ended.desktop).into_login(step))
            }
            TOO_OFTEN => Err(code_error(CALL, TOO_OFTEN)),
            code => Err(Error::Refused { reason: format!("{CALL}: code {code}") }),
        }
    }

    pub(crate) async fn login_progress(&self, ticket: WebTicket) -> Result<LoginProgress, Error> {
        let address = Address::page(self.hosts().login(), "login")
            .with("loginicon", "true")
            .with("uuid", &ticket.uuid)
            .with("tip", u8::from(!ticket.scanned))
            .with("r", self.stamp())
            .with("_", self.millis());
        let reply = self.get("login", address).timeout(POLL_TIMEOUT).send_anonymously().await?;
        progress(ticket, &reply.text())
    }
}

/// The login that an answer of jslogin begins.
fn qr_login(script: &str, desktop: bool) -> Result<NewLogin, Error> {
    let code = script::value(script, "window.QRLogin.code");
    let uuid = script::value(script, "window.QRLogin.uuid").filter(|uuid| !uuid.is_empty());
    let (Some("200"), Some(uuid)) = (code, uuid) else {
        return Err(protocol_error("jslogin", "there is no uuid"));
    };
    let step = LoginStep::ScanQrCode { content: format!("{QR_CONTENT}{uuid}"), page: Some(format!("{QR_PAGE}{uuid}")) };
    Ok(WebTicket::new(uuid.to_owned(), desktop).into_login(step))
}

/// What an answer of the login poll means for a login. 408: no change. 201: scanned, reported until confirmed. 200:
/// confirmed. 400 and all others: expired or cancelled on the phone.
fn progress(ticket: WebTicket, script: &str) -> Result<LoginProgress, Error> {
    let value = |key| script::value(script, key).map(ToOwned::to_owned);
    match script::value(script, "window.code") {
        Some("408") => Ok(LoginProgress::Unchanged),
        Some("201") if ticket.scanned => Ok(LoginProgress::Unchanged),
        Some("201") => Ok(LoginProgress::Step {
            ticket: WebTicket { scanned: true, ..ticket }.ticket(),
            step: LoginStep::ConfirmOnPhone { avatar: value("window.userAvatar") },
        }),
        Some("200") => match value("window.redirect_uri") {
            redirect @ Some(_) => Ok(LoginProgress::Confirmed { ticket: WebTicket { redirect, ..ticket }.ticket() }),
            None => Err(protocol_error("login", "confirmed without a redirect")),
        },
        Some(_) => Ok(LoginProgress::Expired),
        None => Err(protocol_error("login", "there is no code")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(scanned: bool) -> WebTicket {
        WebTicket { scanned, ..WebTicket::new("4dYw==".into(), true) }
    }

    #[test]
    fn a_qr_code_encodes_the_uuid_unchanged() {
        let script = "window.QRLogin.code = 200; window.QRLogin.uuid = \"4dYwQ1iNVA==\";";
        let login = qr_login(script, true).unwrap();
        assert_eq!(login.id, "4dYwQ1iNVA==");
        assert_eq!(
            login.step,
            LoginStep::ScanQrCode {
                content: "https://login.weixin.qq.com/l/4dYwQ1iNVA==".into(),
                page: Some("https://login.weixin.qq.com/qrcode/4dYwQ1iNVA==".into()),
            }
        );
        let ticket = WebTicket::read(&login.ticket).unwrap();
        assert!(ticket.desktop && !ticket.scanned && ticket.redirect.is_none());
        for broken in ["window.QRLogin.code = 500; window.QRLogin.uuid = \"\";", "<html>", ""] {
            assert!(matches!(qr_login(broken, true), Err(Error::Protocol { .. })), "{broken}");
        }
    }

    #[test]
    fn a_code_determines_the_progress() {
        let scanned = |avatar: Option<&str>| LoginProgress::Step {
            ticket: ticket(true).ticket(),
            step: LoginStep::ConfirmOnPhone { avatar: avatar.map(Into::into) },
        };
        let redirect = "https://wx2.qq.com/x?ticket=A@b_0&uuid=c==";
        let confirmed = WebTicket { redirect: Some(redirect.into()), ..ticket(false) };
        for (script, expected) in [
            ("window.code=408;", LoginProgress::Unchanged),
            (
                "window.code=201;window.userAvatar = 'data:img/jpg;base64,/9j/4AAQ=';",
                scanned(Some("data:img/jpg;base64,/9j/4AAQ=")),
            ),
            ("window.code=201;", scanned(None)),
            (
                &format!("window.code=200;\nwindow.redirect_uri=\"{redirect}\";"),
                LoginProgress::Confirmed { ticket: confirmed.ticket() },
            ),
            ("window.code=400;", LoginProgress::Expired),
            ("window.code=500;", LoginProgress::Expired),
        ] {
            assert_eq!(progress(ticket(false), script).unwrap(), expected);
        }
        assert!(progress(ticket(false), "").is_err());
        assert!(progress(ticket(false), "window.code=200;").is_err());
    }

    #[test]
    fn a_scan_is_reported_once() {
        assert_eq!(progress(ticket(true), "window.code=201;").unwrap(), LoginProgress::Unchanged);
    }

    #[test]
    fn a_stored_ticket_stays_readable() {
        let stored = r#"{"uuid":"4dYw==","desktop":true,"scanned":true,"redirect":null}"#;
        assert_eq!(ticket(true).ticket(), Ticket::new(stored));
        assert_eq!(WebTicket::read(&Ticket::new(stored)), Ok(ticket(true)));
        for broken in ["", "{}", "another network's"] {
            assert!(matches!(WebTicket::read(&Ticket::new(broken)), Err(Error::Protocol { .. })), "{broken}");
        }
    }
}
