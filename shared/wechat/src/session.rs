//! What a login leaves: the session's keys and cookies, and the position in its stream of messages. As JSON these are the
//! channel's credentials and cursor.

use std::{collections::BTreeMap, fmt};

use channel::{Card, Credentials, Cursor, Error};
use domain::contact::ContactKind;
use serde::{Deserialize, Serialize};

use crate::{cookies::Cookies, error::unreadable, text::mentions};

/// The keys and cookies of a login: about 2 KB, without contacts. A call may change it, for example its cookies or the
/// account's nickname.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WebSession {
    /// The account's host, such as `wx2.qq.com`.
    pub(crate) host: String,
    /// The account's permanent number.
    pub(crate) uin: u64,
    pub(crate) sid: String,
    pub(crate) skey: String,
    /// Percent-encoded, as it came in the XML.
    pub(crate) pass_ticket: String,
    /// `e` and 15 digits, chosen by us.
    pub(crate) device_id: String,
    /// Whether the login was in desktop mode: a push login must use the same mode.
    pub(crate) desktop: bool,
    /// The account's user name during this login.
    pub(crate) user_name: String,
    /// The account's nickname, decoded, to recognise mentions.
    pub(crate) nick_name: String,
    /// The account's name in a group, by the group's user name, where it differs from the nickname. Updated whenever a
    /// group is described.
    pub(crate) display_names: BTreeMap<String, String>,
    pub(crate) cookies: Cookies,
}

impl WebSession {
    pub(crate) fn read(credentials: &Credentials) -> Result<Self, Error> {
        serde_json::from_str(credentials.as_str()).map_err(|_| unreadable("credentials"))
    }

    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::new(serde_json::to_string(self).expect("a session is plain data"))
    }

    /// Whether `text`, written in `group`, mentions the account by its nickname or by its name in the group. `@所有人`
    /// (everyone) does not count, as in the predecessor.
    pub(crate) fn is_mentioned(&self, group: &str, text: &str) -> bool {
        mentions(text, &self.nick_name) || self.display_names.get(group).is_some_and(|name| mentions(text, name))
    }

    /// Stores the account's name in a group, if the card has the group's members.
    pub(crate) fn update_display_name(&mut self, group: &Card) {
        let Some(myself) = group.members.iter().find(|member| member.kind == ContactKind::Myself) else { return };
        match &myself.display_name {
            Some(name) if *name != self.nick_name => {
                self.display_names.insert(group.user_name.clone(), name.clone());
            }
            _ => drop(self.display_names.remove(&group.user_name)),
        }
    }
}

/// The other fields are secrets or a person's name.
impl fmt::Debug for WebSession {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("WebSession").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A position in the stream: the sync key for webwxsync and the one for synccheck. A key has four pairs after the login
/// and later up to seven; all pairs are sent back as they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SyncCursor {
    pub(crate) sync: Vec<(i64, i64)>,
    /// Empty if equal to `sync`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) check: Vec<(i64, i64)>,
}

impl SyncCursor {
    pub(crate) fn read(cursor: &Cursor) -> Result<Self, Error> {
        serde_json::from_str(cursor.as_str()).map_err(|_| unreadable("cursor"))
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor::new(serde_json::to_string(self).expect("a cursor is plain data"))
    }

    /// The parameter `synckey` of synccheck: `1_654|2_655|…`.
    pub(crate) fn check_key(&self) -> String {
        let pairs = if self.check.is_empty() { &self.sync } else { &self.check };
        let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}_{value}")).collect();
        pairs.join("|")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn session() -> WebSession {
        WebSession {
            host: "wx2.qq.com".into(),
            uin: 2_580_137_561,
            sid: "aB+/c==".into(),
            skey: "@crypt_1_2".into(),
            pass_ticket: "a%2Bb%3D".into(),
            device_id: "e123456789012345".into(),
            desktop: true,
            user_name: "@me".into(),
            nick_name: "小明😄".into(),
            display_names: BTreeMap::new(),
            cookies: Cookies::default(),
        }
    }

    /// Credentials that an earlier version stored.
    const STORED: &str = r#"{"host":"wx2.qq.com","uin":2580137561,"sid":"aB+/c==","skey":"@crypt_1_2","pass_ticket":"a%2Bb%3D","device_id":"e123456789012345","desktop":true,"user_name":"@me","nick_name":"小明😄","display_names":{"@@g":"班长"},"cookies":[{"name":"wxsid","value":"aB+/c==","scope":"wx2.qq.com","host_only":false}]}"#;

    #[test]
    fn stored_credentials_stay_readable() {
        let mut session = session();
        session.display_names.insert("@@g".into(), "班长".into());
        session.cookies.store(
            "wx2.qq.com",
            &["wxsid=aB+/c==; Domain=wx2.qq.com".to_owned()],
            jiff::Timestamp::UNIX_EPOCH,
        );
        assert_eq!(session.credentials().as_str(), STORED);
        assert_eq!(WebSession::read(&Credentials::new(STORED)), Ok(session));
        for broken in ["", "{}", "another network's"] {
            let result = WebSession::read(&Credentials::new(broken));
            assert!(matches!(result, Err(Error::Protocol { .. })), "{broken}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", session()), "WebSession { host: \"wx2.qq.com\", .. }");
    }

    fn group(called: Option<&str>) -> Card {
        let myself = Card { display_name: called.map(Into::into), ..Card::bare("@me", ContactKind::Myself) };
        Card { members: vec![myself], ..Card::bare("@@g", ContactKind::Group) }
    }

    #[test]
    fn a_mention_is_by_nickname_or_by_the_groups_name() {
        let mut session = session();
        assert!(session.is_mentioned("@@g", "@小明😄\u{2005}hi"));
        assert!(!session.is_mentioned("@@g", "@班长\u{2005}hi"));
        session.update_display_name(&group(Some("班长")));
        assert!(session.is_mentioned("@@g", "@班长\u{2005}hi"));
        assert!(!session.is_mentioned("@@h", "@班长\u{2005}hi"));
        session.update_display_name(&Card::bare("@@g", ContactKind::Group));
        assert!(session.is_mentioned("@@g", "@班长\u{2005}hi"), "members that were not told change nothing");
        session.update_display_name(&group(None));
        assert!(session.display_names.is_empty());
    }

    #[test]
    fn synccheck_has_its_own_key() {
        let mut cursor = SyncCursor { sync: vec![(1, 654), (2, 655), (3, 600), (1000, 1_580_000_000)], check: vec![] };
        assert_eq!(cursor.check_key(), "1_654|2_655|3_600|1000_1580000000");
        cursor.check = vec![(1, 654), (2, 656)];
        assert_eq!(cursor.check_key(), "1_654|2_656");
    }

    #[test]
    fn a_stored_cursor_stays_readable() {
        for (stored, check) in [
            (r#"{"sync":[[1,654],[1000,1580000000]],"check":[[1,654],[2,656]]}"#, vec![(1, 654), (2, 656)]),
            (r#"{"sync":[[1,654],[1000,1580000000]]}"#, vec![]),
        ] {
            let cursor = SyncCursor { sync: vec![(1, 654), (1000, 1_580_000_000)], check };
            assert_eq!(cursor.cursor(), Cursor::new(stored));
            assert_eq!(SyncCursor::read(&Cursor::new(stored)), Ok(cursor));
        }
        assert!(matches!(SyncCursor::read(&Cursor::new("42")), Err(Error::Protocol { .. })));
    }
}
