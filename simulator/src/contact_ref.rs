//! References to contacts that stay the same in every session.

use std::fmt;

/// User names that WeChat reserves. They are the same in every session.
const SPECIAL: [&str; 5] = ["filehelper", "fmessage", "weixin", "newsapp", "medianote"];

/// A contact of an account, independent of user names, which change at every login.
///
/// Its text form is `friend/0`, `group/2`, `official/1`, `stranger/2/5`, `petitioner/0`, `myself` or a
/// special name. Every parameter that takes a name also accepts this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContactRef {
    Myself,
    /// The index of a friend. Generated friends come first, then named ones.
    Friend(u32),
    Group(u32),
    OfficialAccount(u32),
    /// A group member who is not a friend: the index of the group and the position in it.
    Stranger {
        group: u32,
        index: u32,
    },
    /// The sender of a friend request, by index.
    Petitioner(u32),
    /// A reserved user name such as `filehelper` or `fmessage`.
    Special(&'static str),
}

impl fmt::Display for ContactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Myself => f.write_str("myself"),
            Self::Friend(index) => write!(f, "friend/{index}"),
            Self::Group(index) => write!(f, "group/{index}"),
            Self::OfficialAccount(index) => write!(f, "official/{index}"),
            Self::Stranger { group, index } => write!(f, "stranger/{group}/{index}"),
            Self::Petitioner(index) => write!(f, "petitioner/{index}"),
            Self::Special(name) => f.write_str(name),
        }
    }
}

impl serde::Serialize for ContactRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl ContactRef {
    pub(crate) const FILE_HELPER: Self = Self::Special("filehelper");

    pub(crate) fn special(name: &str) -> Option<Self> {
        SPECIAL.iter().find(|special| **special == name).map(|special| Self::Special(special))
    }

    /// A number that identifies the contact. The special names have no number of their own and share 0 with
    /// `Myself`.
    pub(crate) fn code(self) -> u64 {
        match self {
            Self::Myself | Self::Special(_) => 0,
            Self::Friend(index) => 1 << 60 | u64::from(index),
            Self::Group(index) => 2 << 60 | u64::from(index),
            Self::OfficialAccount(index) => 3 << 60 | u64::from(index),
            Self::Stranger { group, index } => 4 << 60 | u64::from(group & 0x0fff_ffff) << 32 | u64::from(index),
            Self::Petitioner(index) => 5 << 60 | u64::from(index),
        }
    }

    pub(crate) fn from_code(code: u64) -> Option<Self> {
        let low = u32::try_from(code & 0xffff_ffff).ok()?;
        let middle = u32::try_from((code >> 32) & 0x0fff_ffff).ok()?;
        match (code >> 60, middle) {
            (0, 0) if low == 0 => Some(Self::Myself),
            (1, 0) => Some(Self::Friend(low)),
            (2, 0) => Some(Self::Group(low)),
            (3, 0) => Some(Self::OfficialAccount(low)),
            (5, 0) => Some(Self::Petitioner(low)),
            (4, group) => Some(Self::Stranger { group, index: low }),
            _ => None,
        }
    }

    pub(crate) fn parse(key: &str) -> Option<Self> {
        let mut parts = key.split('/');
        let kind = parts.next()?;
        let mut number = || parts.next()?.parse().ok();
        match kind {
            "myself" => Some(Self::Myself),
            "friend" => Some(Self::Friend(number()?)),
            "group" => Some(Self::Group(number()?)),
            "petitioner" => Some(Self::Petitioner(number()?)),
            "official" => Some(Self::OfficialAccount(number()?)),
            "stranger" => Some(Self::Stranger { group: number()?, index: number()? }),
            _ => Self::special(kind),
        }
    }
}
