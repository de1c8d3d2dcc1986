//! The hosts of WeChat's servers.

use channel::Error;
use url::Url;

use crate::error::protocol_error;

/// The host of the QR code calls.
const LOGIN: &str = "https://login.wx.qq.com";
/// The host of the login page, for desktop and browser logins.
const LOGIN_PAGE: &str = "https://wx.qq.com";
/// An account's host must belong to one of these domains; other redirects are refused.
const DOMAINS: [&str; 2] = ["qq.com", "wechat.com"];

/// The hosts of Web WeChat: the real ones, or one origin in place of all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hosts {
    single: Option<String>,
}

impl Hosts {
    /// Uses the origin of `url` for every host, for example a simulator or a proxy. Path and query are ignored.
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

    /// Origin of an account's own calls; `host` comes from [`Hosts::account_of`], such as `wx2.qq.com`.
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

    /// The address of the session and the account's host, from the redirect of a confirmed login. A redirect to a host
    /// that is not WeChat's is refused, because the account's keys would go there.
    pub(crate) fn account_of(&self, redirect: &str) -> Result<(Url, String), Error> {
        let foreign = || protocol_error("login", "the redirect does not lead to a WeChat host");
        let mut url = Url::parse(redirect).map_err(|_| foreign())?;
        let host = url.host_str().ok_or_else(foreign)?.to_owned();
        if let Some(origin) = &self.single {
            let address = format!("{origin}{}?{}", url.path(), url.query().unwrap_or_default());
            url = Url::parse(&address).map_err(|_| foreign())?;
        } else {
            let known = DOMAINS.iter().any(|domain| is_within(&host, domain));
            if !known || url.scheme() != "https" || url.port().is_some() {
                return Err(foreign());
            }
        }
        Ok((url, host))
    }
}

/// Whether `host` is `domain` or one of its subdomains.
pub(crate) fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_derive_from_the_accounts_host() {
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
    fn a_single_origin_replaces_all_hosts() {
        let hosts = Hosts::single(&Url::parse("http://127.0.0.1:8080/").unwrap());
        let (url, host) = hosts.account_of("https://wx2.qq.com/cgi-bin/x?ticket=A@b_0").unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:8080/cgi-bin/x?ticket=A@b_0");
        for origin in [hosts.login(), hosts.login_page(), &hosts.account(&host), &hosts.push(&host), &hosts.file(&host)]
        {
            assert_eq!(origin, "http://127.0.0.1:8080");
        }
    }
}
