//! What a login leaves: keys to the account, and the place in its stream of messages.

use std::{collections::BTreeMap, fmt};

use domain::contact::{Card, ContactKind};
use serde::{Deserialize, Serialize};

use crate::{cookies::Cookies, text::mentions};

/// The keys of a login. Serialized, it is the kept session: with it another process goes on without a new scan.
/// About 2 KB; holds no contacts. Calls may change it (cookies, a renamed account): keep the changed one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The account's host, such as `wx2.qq.com`.
    pub(crate) host: String,
    pub(crate) uin: u64,
    pub(crate) sid: String,
    pub(crate) skey: String,
    /// As the XML has it: percent-encoded.
    pub(crate) pass_ticket: String,
    /// `e` and 15 digits, chosen by us.
    pub(crate) device_id: String,
    /// Whether it was begun in desktop mode, which a push login must know.
    pub(crate) desktop: bool,
    pub(crate) user_name: String,
    /// The account's nickname as people read it, for mentions.
    pub(crate) nick_name: String,
    /// What groups call the account where that is not its nickname, by the group's user name. Learned whenever a group
    /// is described.
    pub(crate) display_names: BTreeMap<String, String>,
    pub(crate) cookies: Cookies,
}

impl Session {
    /// The account's permanent number.
    pub fn uin(&self) -> u64 {
        self.uin
    }

    /// The account's user name during this login.
    pub fn user_name(&self) -> &str {
        &self.user_name
    }

    /// Whether `text`, written in `group`, mentions the account by its nickname or by the group's name for it.
    /// `@所有人` (everyone) is no mention of the account, as with the predecessor.
    pub(crate) fn is_mentioned(&self, group: &str, text: &str) -> bool {
        mentions(text, &self.nick_name) || self.display_names.get(group).is_some_and(|name| mentions(text, name))
    }

    /// Remembers what a group calls the account, if the group came with its members.
    pub(crate) fn learn_from(&mut self, group: &Card) {
        let Some(myself) = group.members.iter().find(|member| member.kind == ContactKind::Myself) else { return };
        match &myself.display_name {
            Some(name) if *name != self.nick_name => {
                self.display_names.insert(group.user_name.clone(), name.clone());
            }
            _ => drop(self.display_names.remove(&group.user_name)),
        }
    }
}

/// Everything else in it is a secret or a person's name.
impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Session").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A place in the stream: the sync key that webwxsync takes, and the one that synccheck takes. They grow from four
/// pairs to seven within a login; what came is sent back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub(crate) sync: Vec<(i64, i64)>,
    /// Empty where it is the same as `sync`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) check: Vec<(i64, i64)>,
}

impl Cursor {
    /// What synccheck is asked with: `1_654|2_655|…`.
    pub(crate) fn check_key(&self) -> String {
        let pairs = if self.check.is_empty() { &self.sync } else { &self.check };
        let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}_{value}")).collect();
        pairs.join("|")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn session() -> Session {
        Session {
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

    #[test]
    fn a_kept_session_is_the_same_session() {
        let session = session();
        let kept = serde_json::to_string(&session).unwrap();
        assert_eq!(serde_json::from_str::<Session>(&kept).unwrap(), session);
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", session()), "Session { host: \"wx2.qq.com\", .. }");
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
        session.learn_from(&group(Some("班长")));
        assert!(session.is_mentioned("@@g", "@班长\u{2005}hi"));
        assert!(!session.is_mentioned("@@h", "@班长\u{2005}hi"));
        session.learn_from(&Card::bare("@@g", ContactKind::Group));
        assert!(session.is_mentioned("@@g", "@班长\u{2005}hi"), "members that were not told change nothing");
        session.learn_from(&group(None));
        assert!(session.display_names.is_empty());
    }

    #[test]
    fn synccheck_has_its_own_key() {
        let mut cursor = Cursor { sync: vec![(1, 654), (2, 655), (3, 600), (1000, 1_580_000_000)], check: vec![] };
        assert_eq!(cursor.check_key(), "1_654|2_655|3_600|1000_1580000000");
        cursor.check = vec![(1, 654), (2, 656)];
        assert_eq!(cursor.check_key(), "1_654|2_656");
        let kept = serde_json::to_string(&cursor).unwrap();
        assert_eq!(kept, r#"{"sync":[[1,654],[2,655],[3,600],[1000,1580000000]],"check":[[1,654],[2,656]]}"#);
        assert_eq!(serde_json::from_str::<Cursor>(&kept).unwrap(), cursor);
    }
}
