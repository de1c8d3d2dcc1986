//! The people and groups of an account, as a test or `POST /_sim/accounts` describes them.

use serde::{Deserialize, Serialize};

/// A friend, an official account, or a member of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// As the person wrote it: real characters and emoji, escaped only on the wire.
    pub nick_name: String,
    /// The name the account's owner gave the person; empty for none.
    pub remark_name: String,
    /// 0 unknown, 1 male, 2 female.
    pub sex: u8,
    pub province: String,
    pub city: String,
    pub signature: String,
    /// The WeChat id that the person chose, empty for most.
    pub alias: String,
    /// WeChat tells a contact's Uin seldom; 0 is "not told".
    pub uin: u64,
    /// The `seq` in `HeadImgUrl`: it stays until the person changes the picture. 0: made up from
    /// the nickname.
    pub head_seq: u32,
}

impl Person {
    pub fn new(nick_name: impl Into<String>) -> Self {
        Self { nick_name: nick_name.into(), ..Self::default() }
    }

    #[must_use]
    pub fn remark(mut self, remark_name: impl Into<String>) -> Self {
        self.remark_name = remark_name.into();
        self
    }

    #[must_use]
    pub fn from_city(mut self, province: impl Into<String>, city: impl Into<String>) -> Self {
        self.province = province.into();
        self.city = city.into();
        self
    }

    #[must_use]
    pub fn sex(mut self, sex: u8) -> Self {
        self.sex = sex;
        self
    }
}

/// A member of a [`Group`]; one whose nickname is a friend's *is* that friend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    #[serde(flatten)]
    pub person: Person,
    /// The member's name within the group; empty for none.
    pub display_name: String,
}

impl Member {
    pub fn new(nick_name: impl Into<String>) -> Self {
        Self { person: Person::new(nick_name), display_name: String::new() }
    }

    #[must_use]
    pub fn display(mut self, display_name: impl Into<String>) -> Self {
        self.display_name = display_name.into();
        self
    }
}

/// A group; the account itself is always its first member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    pub nick_name: String,
    pub members: Vec<Member>,
    /// What the account itself is called in the group; empty for its nickname.
    pub my_display_name: String,
    /// Whether the group is saved to the contacts. One that is not shows only in webwxinit, in a
    /// message of type 51, or when somebody writes in it.
    pub saved: bool,
    /// The `seq` in `HeadImgUrl`, 0 for none.
    pub head_seq: u32,
}

impl Default for Group {
    fn default() -> Self {
        Self { nick_name: String::new(), members: Vec::new(), my_display_name: String::new(), saved: true, head_seq: 0 }
    }
}

impl Group {
    pub fn new(nick_name: impl Into<String>) -> Self {
        Self { nick_name: nick_name.into(), ..Self::default() }
    }

    #[must_use]
    pub fn member(mut self, member: Member) -> Self {
        self.members.push(member);
        self
    }

    /// Members by nickname.
    #[must_use]
    pub fn members<S: Into<String>>(mut self, nick_names: impl IntoIterator<Item = S>) -> Self {
        self.members.extend(nick_names.into_iter().map(Member::new));
        self
    }

    #[must_use]
    pub fn unsaved(mut self) -> Self {
        self.saved = false;
        self
    }
}
