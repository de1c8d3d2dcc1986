//! A session's cookies. Only name, value and scope are kept, because a process holds tens of thousands of sessions.

use std::fmt::Write;

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use serde::{Deserialize, Serialize};

use crate::hosts::is_within;

/// The limit for one session, so that no server can make it grow. WeChat sets about ten.
const MAX_COOKIES: usize = 24;
/// The limit for name and value together, in bytes. Browsers use the same.
const MAX_LENGTH: usize = 4096;

/// Cookies in the order in which they arrived.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Cookies(Vec<Cookie>);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cookie {
    name: String,
    value: String,
    /// A host, or a domain including its subdomains: `webwx_data_ticket` has the parent domain.
    scope: String,
    /// Whether the scope is a single host.
    host_only: bool,
}

impl Cookies {
    /// Stores the `Set-Cookie` lines of an answer of `host`. An expired one removes the cookie. Dates are not kept:
    /// WeChat's cookies live longer than its sessions, and the server decides anyway.
    pub(crate) fn store(&mut self, host: &str, lines: &[String], now: Timestamp) {
        for line in lines {
            let Some((cookie, expired)) = parse(line, host, now) else { continue };
            let known = self.0.iter().position(|old| old.name == cookie.name && old.scope == cookie.scope);
            match known {
                Some(at) if expired => drop(self.0.remove(at)),
                Some(at) => self.0[at] = cookie,
                None if expired || self.0.len() >= MAX_COOKIES => {}
                None => self.0.push(cookie),
            }
        }
    }

    /// The `Cookie` header of a request to `host`; empty without a matching cookie.
    pub(crate) fn header(&self, host: &str) -> String {
        let mut header = String::new();
        for cookie in self.0.iter().filter(|cookie| cookie.matches(host)) {
            let separator = if header.is_empty() { "" } else { "; " };
            let _ = write!(header, "{separator}{}={}", cookie.name, cookie.value);
        }
        header
    }

    /// The value of a cookie, whatever its scope.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|cookie| cookie.name == name).map(|cookie| cookie.value.as_str())
    }
}

impl Cookie {
    fn matches(&self, host: &str) -> bool {
        if self.host_only { self.scope == host } else { is_within(host, &self.scope) }
    }
}

/// Parses a `Set-Cookie` line of `host`; `true` means that the cookie has expired.
fn parse(line: &str, host: &str, now: Timestamp) -> Option<(Cookie, bool)> {
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || name.len() + value.len() > MAX_LENGTH {
        return None;
    }
    let (mut domain, mut expired) = (None, false);
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" => domain = Some(value.trim_start_matches('.').to_ascii_lowercase()),
            "max-age" => expired |= value.parse::<i64>().is_ok_and(|age| age <= 0),
            "expires" => expired |= parse_date(value).is_some_and(|date| date <= now),
            _ => {}
        }
    }
    let (scope, host_only) = match domain {
        Some(domain) if is_within(host, &domain) => (domain, false),
        // No domain, or a domain that does not contain the host, as when a simulator sends WeChat's domain.
        _ => (host.to_owned(), true),
    };
    Some((Cookie { name: name.to_owned(), value: value.to_owned(), scope, host_only }, expired))
}

/// WeChat writes `Mon, 31-Dec-2018 12:00:00 GMT`. Dashes with a four-digit year are not a standard form.
fn parse_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text.replace('-', " ")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: [&str; 4] = [
        "wxuin=2580137561; Domain=wx2.qq.com; Path=/; Expires=Mon, 31-Dec-2029 12:00:00 GMT",
        "wxsid=aB+/c==; Domain=wx2.qq.com; Path=/; Expires=Mon, 31-Dec-2029 12:00:00 GMT",
        "webwx_data_ticket=gSe; Domain=.qq.com; Path=/; Expires=Mon, 31-Dec-2029 12:00:00 GMT",
        "mm_lang=zh_CN; Path=/",
    ];

    fn now() -> Timestamp {
        "2020-01-06T00:00:00Z".parse().unwrap()
    }

    fn jar(host: &str, lines: &[&str]) -> Cookies {
        let mut cookies = Cookies::default();
        store(&mut cookies, host, lines);
        cookies
    }

    fn store(cookies: &mut Cookies, host: &str, lines: &[&str]) {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        cookies.store(host, &lines, now());
    }

    #[test]
    fn a_cookie_is_sent_to_the_hosts_in_its_domain() {
        let cookies = jar("wx2.qq.com", &LOGIN);
        assert_eq!(
            cookies.header("wx2.qq.com"),
            "wxuin=2580137561; wxsid=aB+/c==; webwx_data_ticket=gSe; mm_lang=zh_CN"
        );
        assert_eq!(cookies.header("webpush.wx2.qq.com"), "wxuin=2580137561; wxsid=aB+/c==; webwx_data_ticket=gSe");
        assert_eq!(cookies.header("login.wx.qq.com"), "webwx_data_ticket=gSe");
        assert_eq!(cookies.header("evilqq.com"), "");
        assert_eq!(cookies.value("webwx_data_ticket"), Some("gSe"));
    }

    #[test]
    fn a_foreign_domain_is_replaced_by_the_host() {
        let cookies = jar("127.0.0.1", &LOGIN);
        assert_eq!(
            cookies.header("127.0.0.1"),
            "wxuin=2580137561; wxsid=aB+/c==; webwx_data_ticket=gSe; mm_lang=zh_CN"
        );
        assert_eq!(cookies.header("wx2.qq.com"), "");
    }

    #[test]
    fn a_new_value_replaces_and_a_past_date_removes() {
        let mut cookies = jar("wx2.qq.com", &LOGIN);
        store(
            &mut cookies,
            "webpush.wx2.qq.com",
            &[
                "wxsid=new; Domain=wx2.qq.com",
                "wxuin=; Domain=wx2.qq.com; Expires=Mon, 31-Dec-2018 12:00:00 GMT",
                "webwx_data_ticket=; Domain=qq.com; Max-Age=0",
                "never=; Max-Age=0",
            ],
        );
        assert_eq!(cookies.header("wx2.qq.com"), "wxsid=new; mm_lang=zh_CN");
    }

    #[test]
    fn the_number_and_length_of_cookies_are_limited() {
        let lines: Vec<String> = (0..100).map(|n| format!("c{n}=v")).collect();
        let mut cookies = Cookies::default();
        cookies.store("wx.qq.com", &lines, now());
        cookies.store("wx.qq.com", &[format!("long={}", "x".repeat(MAX_LENGTH))], now());
        assert_eq!(cookies.0.len(), MAX_COOKIES);
        assert_eq!(cookies.value("long"), None);
    }

    #[test]
    fn malformed_lines_are_ignored() {
        assert!(jar("wx.qq.com", &["", "novalue", "=x"]).0.is_empty());
    }
}
