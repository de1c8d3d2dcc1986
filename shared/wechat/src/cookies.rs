//! A session's cookies: name, value and where they go, and nothing else, for there are tens of thousands of sessions.

use std::fmt::Write;

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use serde::{Deserialize, Serialize};

use crate::hosts::within;

/// More than WeChat ever sets (about ten); whoever answers cannot make a session grow beyond this.
const MOST: usize = 24;
/// Longest name and value together, in bytes, as browsers have it.
const LONGEST: usize = 4096;

/// Cookies in the order in which they came.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Cookies(Vec<Cookie>);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cookie {
    name: String,
    value: String,
    /// A host, or a domain with everything below it: `webwx_data_ticket` comes with the parent domain.
    scope: String,
    /// Whether the scope is that one host.
    host_only: bool,
}

impl Cookies {
    /// Takes in the `Set-Cookie` lines of an answer by `host`. One that has expired removes what it names. Nothing is
    /// kept of dates: WeChat's cookies outlive its sessions, and the server has the last word.
    pub(crate) fn absorb(&mut self, host: &str, lines: &[String], now: Timestamp) {
        for line in lines {
            let Some((cookie, expired)) = parse(line, host, now) else { continue };
            let known = self.0.iter().position(|old| old.name == cookie.name && old.scope == cookie.scope);
            match known {
                Some(at) if expired => drop(self.0.remove(at)),
                Some(at) => self.0[at] = cookie,
                None if expired || self.0.len() >= MOST => {}
                None => self.0.push(cookie),
            }
        }
    }

    /// The `Cookie` header of a request to `host`; empty where no cookie goes.
    pub(crate) fn header(&self, host: &str) -> String {
        let mut header = String::new();
        for cookie in self.0.iter().filter(|cookie| cookie.goes_to(host)) {
            let separator = if header.is_empty() { "" } else { "; " };
            let _ = write!(header, "{separator}{}={}", cookie.name, cookie.value);
        }
        header
    }

    /// The value of a cookie, wherever it goes.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|cookie| cookie.name == name).map(|cookie| cookie.value.as_str())
    }
}

impl Cookie {
    fn goes_to(&self, host: &str) -> bool {
        if self.host_only { self.scope == host } else { within(host, &self.scope) }
    }
}

/// A `Set-Cookie` line of `host`, and whether it only removes.
fn parse(line: &str, host: &str, now: Timestamp) -> Option<(Cookie, bool)> {
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || name.len() + value.len() > LONGEST {
        return None;
    }
    let (mut domain, mut expired) = (None, false);
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" => domain = Some(value.trim_start_matches('.').to_ascii_lowercase()),
            "max-age" => expired |= value.parse::<i64>().is_ok_and(|age| age <= 0),
            "expires" => expired |= date(value).is_some_and(|date| date <= now),
            _ => {}
        }
    }
    let (scope, host_only) = match domain {
        Some(domain) if within(host, &domain) => (domain, false),
        // None, or one that the host is no part of, as when a simulator hands out WeChat's: the host itself.
        _ => (host.to_owned(), true),
    };
    Some((Cookie { name: name.to_owned(), value: value.to_owned(), scope, host_only }, expired))
}

/// WeChat writes `Mon, 31-Dec-2018 12:00:00 GMT`, with dashes and the whole year, which is none of the standard forms.
fn date(text: &str) -> Option<Timestamp> {
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
        take(&mut cookies, host, lines);
        cookies
    }

    fn take(cookies: &mut Cookies, host: &str, lines: &[&str]) {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        cookies.absorb(host, &lines, now());
    }

    #[test]
    fn cookies_go_where_their_domain_reaches() {
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
    fn another_host_gets_what_it_set_itself() {
        let cookies = jar("127.0.0.1", &LOGIN);
        assert_eq!(
            cookies.header("127.0.0.1"),
            "wxuin=2580137561; wxsid=aB+/c==; webwx_data_ticket=gSe; mm_lang=zh_CN"
        );
        assert_eq!(cookies.header("wx2.qq.com"), "");
    }

    #[test]
    fn new_values_replace_and_past_dates_remove() {
        let mut cookies = jar("wx2.qq.com", &LOGIN);
        take(
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
    fn a_session_cannot_be_made_to_grow() {
        let lines: Vec<String> = (0..100).map(|n| format!("c{n}=v")).collect();
        let mut cookies = Cookies::default();
        cookies.absorb("wx.qq.com", &lines, now());
        cookies.absorb("wx.qq.com", &[format!("long={}", "x".repeat(LONGEST))], now());
        assert_eq!(cookies.0.len(), MOST);
        assert_eq!(cookies.value("long"), None);
    }

    #[test]
    fn what_is_no_cookie_is_passed_over() {
        assert!(jar("wx.qq.com", &["", "novalue", "=x"]).0.is_empty());
    }
}
