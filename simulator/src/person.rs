//! The people and groups of an account, as a test or `POST /_sim/accounts` describes them.

use serde::{Deserialize, Serialize};

/// A friend, an official account, or a member of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// The original text with characters and emoji. It is escaped only on the wire.
    pub nick_name: String,
    /// The remark that the account's owner set, or empty.
    pub remark_name: String,
    /// 0 unknown, 1 male, 2 female.
    pub sex: u8,
    pub province: String,
    pub city: String,
    pub signature: String,
    /// The WeChat id that the person chose. Empty for most people.
    pub alias: String,
    /// The Uin that WeChat reports for this contact. WeChat reports it rarely; 0 means that it is not
    /// reported.
    pub uin: u64,
    /// The `seq` in `HeadImgUrl`. It changes only when the person changes the picture. With 0 the simulator
    /// derives it from the account and the contact.
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

/// A member of a [`Group`]. A member with the nickname of a friend *is* that friend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    #[serde(flatten)]
    pub person: Person,
    /// The member's display name in the group, or empty.
    pub display_name: String,
    /// The member has left. The place stays, because the user names of the others depend on theirs.
    #[serde(skip)]
    pub left: bool,
}

impl Member {
    pub fn new(nick_name: impl Into<String>) -> Self {
        Self { person: Person::new(nick_name), ..Self::default() }
    }

    #[must_use]
    pub fn display(mut self, display_name: impl Into<String>) -> Self {
        self.display_name = display_name.into();
        self
    }
}

/// A group. Its first member is always the account itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    pub nick_name: String,
    pub members: Vec<Member>,
    /// The display name of the account itself in the group. If it is empty, the nickname is shown.
    pub my_display_name: String,
    /// Whether the group is saved to the contacts. A group that is not saved appears only in webwxinit, in a
    /// message of type 51, or when a member writes in it.
    pub saved: bool,
    /// The `seq` in `HeadImgUrl`, or 0.
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

    /// Adds members by nickname.
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
