//! From nothing to a confirmed login: the QR code, or the question on the phone, and the wait for the person.

use serde::Deserialize;

use crate::{
    Error, LoginMode, LoginStatus, LoginTicket, Session, WebWeChat,
    call::{Address, POLL},
    wire::{lenient, script},
};

/// Web WeChat's own application.
const APP_ID: &str = "wx782c26e4c19acffb";
/// What the QR code encodes before the uuid, whatever host is asked: the phone reads it.
const SCANNED: &str = "https://login.weixin.qq.com/l/";
/// WeChat's page that shows the code.
const SHOWN: &str = "https://login.weixin.qq.com/qrcode/";

#[derive(Debug, Deserialize)]
struct Pushed {
    #[serde(deserialize_with = "lenient::integer")]
    ret: i64,
    #[serde(default, deserialize_with = "lenient::text")]
    uuid: String,
}

impl WebWeChat {
    pub(crate) async fn begin(&self, mode: LoginMode) -> Result<LoginTicket, Error> {
        let desktop = mode == LoginMode::Desktop;
        let page = Address::page(self.hosts().login_page(), "webwxnewloginpage");
        let page = if desktop { page.with("mod", "desktop") } else { page };
        let address = Address::new(format!("{}/jslogin", self.hosts().login()))
            .with("appid", APP_ID)
            .with("redirect_uri", page)
            .with("fun", "new")
            .with("lang", "zh_CN")
            .with("_", self.millis());
        let reply = self.get("jslogin", address).anonymous().await?;
        ticket_of(reply.text()?, desktop)
    }

    /// Asks on the phone of the account that `old` belonged to. Refused where WeChat no longer knows the old session
    /// well enough; a QR code is what remains then.
    pub(crate) async fn ask_phone(&self, old: &Session) -> Result<LoginTicket, Error> {
        let address = Address::page(&self.hosts().account(&old.host), "webwxpushloginurl").with("uin", old.uin);
        let address = if old.desktop { address.with("mod", "desktop") } else { address };
        let pushed: Pushed = self.get("webwxpushloginurl", address).by(old).await?.json()?;
        match pushed.ret {
            0 if !pushed.uuid.is_empty() => Ok(LoginTicket {
                qr_content: None,
                qr_url: format!("{SHOWN}{}", pushed.uuid),
                uuid: pushed.uuid,
                desktop: old.desktop,
                scanned: false,
            }),
            1205 => Err(Error::from_code("webwxpushloginurl", 1205)),
            code => Err(Error::Refused { reason: format!("webwxpushloginurl: code {code}") }),
        }
    }

    pub(crate) async fn ask_status(&self, ticket: &LoginTicket) -> Result<LoginStatus, Error> {
        let address = Address::page(self.hosts().login(), "login")
            .with("loginicon", "true")
            .with("uuid", &ticket.uuid)
            .with("tip", u8::from(!ticket.scanned))
            .with("r", self.stamp())
            .with("_", self.millis());
        let reply = self.get("login", address).patience(POLL).anonymous().await?;
        status_of(reply.text()?)
    }
}

fn ticket_of(script: &str, desktop: bool) -> Result<LoginTicket, Error> {
    let code = script::value(script, "window.QRLogin.code");
    let uuid = script::value(script, "window.QRLogin.uuid").filter(|uuid| !uuid.is_empty());
    match (code, uuid) {
        (Some("200"), Some(uuid)) => Ok(LoginTicket {
            uuid: uuid.to_owned(),
            qr_content: Some(format!("{SCANNED}{uuid}")),
            qr_url: format!("{SHOWN}{uuid}"),
            desktop,
            scanned: false,
        }),
        _ => Err(Error::protocol("jslogin", "there is no uuid")),
    }
}

fn status_of(script: &str) -> Result<LoginStatus, Error> {
    let value = |key| script::value(script, key).map(ToOwned::to_owned);
    match script::value(script, "window.code") {
        Some("408") => Ok(LoginStatus::Waiting),
        Some("201") => Ok(LoginStatus::Scanned { avatar: value("window.userAvatar") }),
        Some("200") => match value("window.redirect_uri") {
            Some(redirect) => Ok(LoginStatus::Confirmed { redirect }),
            None => Err(Error::protocol("login", "confirmed without a redirect")),
        },
        Some(_) => Ok(LoginStatus::Expired),
        None => Err(Error::protocol("login", "there is no code")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_encodes_the_uuid_as_it_came() {
        let script = "window.QRLogin.code = 200; window.QRLogin.uuid = \"4dYwQ1iNVA==\";";
        let ticket = ticket_of(script, true).unwrap();
        assert_eq!(ticket.uuid, "4dYwQ1iNVA==");
        assert_eq!(ticket.qr_content.as_deref(), Some("https://login.weixin.qq.com/l/4dYwQ1iNVA=="));
        assert_eq!(ticket.qr_url, "https://login.weixin.qq.com/qrcode/4dYwQ1iNVA==");
        assert!(ticket.desktop && !ticket.scanned);
        for broken in ["window.QRLogin.code = 500; window.QRLogin.uuid = \"\";", "<html>", ""] {
            assert!(matches!(ticket_of(broken, true), Err(Error::Protocol { .. })), "{broken}");
        }
    }

    #[test]
    fn a_status_is_a_code() {
        for (script, status) in [
            ("window.code=408;", LoginStatus::Waiting),
            (
                "window.code=201;window.userAvatar = 'data:img/jpg;base64,/9j/4AAQ=';",
                LoginStatus::Scanned { avatar: Some("data:img/jpg;base64,/9j/4AAQ=".into()) },
            ),
            ("window.code=201;", LoginStatus::Scanned { avatar: None }),
            (
                "window.code=200;\nwindow.redirect_uri=\"https://wx2.qq.com/x?ticket=A@b_0&uuid=c==\";",
                LoginStatus::Confirmed { redirect: "https://wx2.qq.com/x?ticket=A@b_0&uuid=c==".into() },
            ),
            ("window.code=400;", LoginStatus::Expired),
            ("window.code=500;", LoginStatus::Expired),
        ] {
            assert_eq!(status_of(script).unwrap(), status);
        }
        assert!(status_of("").is_err());
        assert!(status_of("window.code=200;").is_err());
    }
}
