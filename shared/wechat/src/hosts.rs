//! Where WeChat's servers are.

use url::Url;

use crate::Error;

/// The login's host, and the one whose login page the normal and the desktop page of a QR code live on.
const LOGIN: &str = "https://login.wx.qq.com";
const LOGIN_PAGE: &str = "https://wx.qq.com";
/// Domains an account's host may belong to; anything else in a redirect is refused.
const DOMAINS: [&str; 2] = ["qq.com", "wechat.com"];

/// The hosts of Web WeChat: the real ones, or one origin that stands for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hosts {
    single: Option<String>,
}

impl Hosts {
    /// Points every host at the origin of `url`: a simulator, a proxy. Path and query of `url` are ignored.
    pub fn single(url: &Url) -> Self {
        Self { single: Some(url.origin().ascii_serialization()) }
    }

    /// Origin of the QR code calls.
    pub(crate) fn login(&self) -> &str {
        self.single.as_deref().unwrap_or(LOGIN)
    }

    /// Origin of the login page that a QR code leads to.
    pub(crate) fn login_page(&self) -> &str {
        self.single.as_deref().unwrap_or(LOGIN_PAGE)
    }

    /// Origin of an account's own calls; `host` such as `wx2.qq.com` as [`Hosts::account_of`] told it.
    pub(crate) fn account(&self, host: &str) -> String {
        self.origin("", host)
    }

    /// Origin of an account's long poll.
    pub(crate) fn push(&self, host: &str) -> String {
        self.origin("webpush.", host)
    }

    /// Origin of an account's uploads and files.
    pub(crate) fn file(&self, host: &str) -> String {
        self.origin("file.", host)
    }

    fn origin(&self, prefix: &str, host: &str) -> String {
        self.single.clone().unwrap_or_else(|| format!("https://{prefix}{host}"))
    }

    /// The address to fetch the session from and the account's host, from what the login answered. The address is
    /// WeChat's own, so one that is not is refused, rather than given a person's keys.
    pub(crate) fn account_of(&self, redirect: &str) -> Result<(Url, String), Error> {
        let foreign = || Error::protocol("login", "the redirect does not lead to a WeChat host");
        let mut url = Url::parse(redirect).map_err(|_| foreign())?;
        let host = url.host_str().ok_or_else(foreign)?.to_owned();
        if let Some(origin) = &self.single {
            let place = format!("{origin}{}?{}", url.path(), url.query().unwrap_or_default());
            url = Url::parse(&place).map_err(|_| foreign())?;
        } else {
            let known = DOMAINS.iter().any(|domain| within(&host, domain));
            if !known || url.scheme() != "https" || url.port().is_some() {
                return Err(foreign());
            }
        }
        Ok((url, host))
    }
}

/// Whether `host` is `domain` or below it.
pub(crate) fn within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_decides_its_hosts() {
        let hosts = Hosts::default();
        let (url, host) = hosts.account_of("https://wx2.qq.com/cgi-bin/x?ticket=A@b_0&uuid=c==").unwrap();
        assert_eq!(url.as_str(), "https://wx2.qq.com/cgi-bin/x?ticket=A@b_0&uuid=c==");
        assert_eq!(hosts.account(&host), "https://wx2.qq.com");
        assert_eq!(hosts.push(&host), "https://webpush.wx2.qq.com");
        assert_eq!(hosts.file(&host), "https://file.wx2.qq.com");
        assert_eq!(hosts.account_of("https://web2.wechat.com/x").unwrap().1, "web2.wechat.com");
        assert_eq!(hosts.login(), "https://login.wx.qq.com");
    }

    #[test]
    fn a_foreign_redirect_is_refused() {
        for redirect in [
            "https://evil.example/cgi-bin/x",
            "https://evilqq.com/cgi-bin/x",
            "http://wx.qq.com/cgi-bin/x",
            "https://wx.qq.com:8443/cgi-bin/x",
            "/cgi-bin/x",
            "",
        ] {
            assert!(Hosts::default().account_of(redirect).is_err(), "{redirect}");
        }
    }

    #[test]
    fn one_origin_stands_for_all() {
        let hosts = Hosts::single(&Url::parse("http://127.0.0.1:8080/").unwrap());
        let (url, host) = hosts.account_of("https://wx2.qq.com/cgi-bin/x?ticket=A@b_0").unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:8080/cgi-bin/x?ticket=A@b_0");
        for origin in [hosts.login(), hosts.login_page(), &hosts.account(&host), &hosts.push(&host), &hosts.file(&host)]
        {
            assert_eq!(origin, "http://127.0.0.1:8080");
        }
    }
}
