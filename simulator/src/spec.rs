//! What an account is made from, as a test or `POST /_sim/accounts` describes it.

use serde::{Deserialize, Serialize};

use crate::person::{Group, Person};

/// WeChat's number of an account, the same for ever.
pub type Uin = u64;

/// An account to make. Generated contacts are called `Friend 1`, `Group 1`, `Official 1`, and the
/// strangers in groups `Member 1-5` (group 1, fifth member); named ones come after them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountSpec {
    pub uin: Uin,
    pub nick_name: String,
    /// 0 unknown, 1 male, 2 female.
    pub sex: u8,
    pub signature: String,
    /// How many friends to generate.
    pub friends: u32,
    /// How many groups to generate, all saved to the contacts.
    pub groups: u32,
    /// Members of a generated group, the account among them.
    pub members_per_group: u32,
    /// How many official accounts to generate.
    pub official_accounts: u32,
    pub named_friends: Vec<Person>,
    pub named_groups: Vec<Group>,
    pub named_official_accounts: Vec<Person>,
    /// The web is closed to this account: 1203, unless the client logs in as a desktop.
    pub no_web: bool,
}

impl AccountSpec {
    pub fn new(uin: Uin, nick_name: impl Into<String>) -> Self {
        Self { uin, nick_name: nick_name.into(), ..Self::default() }
    }

    #[must_use]
    pub fn friends(mut self, count: u32) -> Self {
        self.friends = count;
        self
    }

    #[must_use]
    pub fn groups(mut self, count: u32, members: u32) -> Self {
        self.groups = count;
        self.members_per_group = members;
        self
    }

    #[must_use]
    pub fn official_accounts(mut self, count: u32) -> Self {
        self.official_accounts = count;
        self
    }

    #[must_use]
    pub fn friend(mut self, friend: Person) -> Self {
        self.named_friends.push(friend);
        self
    }

    #[must_use]
    pub fn group(mut self, group: Group) -> Self {
        self.named_groups.push(group);
        self
    }

    #[must_use]
    pub fn official_account(mut self, account: Person) -> Self {
        self.named_official_accounts.push(account);
        self
    }

    #[must_use]
    pub fn no_web(mut self) -> Self {
        self.no_web = true;
        self
    }
}
