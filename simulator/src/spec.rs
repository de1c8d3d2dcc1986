//! The description of an account, from a test or `POST /_sim/accounts`.

use serde::{Deserialize, Serialize};

use crate::person::{Group, Person};

/// WeChat's permanent number of an account.
pub type Uin = u64;

/// The description of an account to create. Generated contacts are named `Friend 1`, `Group 1`, `Official 1`,
/// and `Member 1-5` for strangers in groups (group 1, fifth member). Named contacts come after generated
/// ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountSpec {
    pub uin: Uin,
    pub nick_name: String,
    /// 0 unknown, 1 male, 2 female.
    pub sex: u8,
    pub signature: String,
    /// The number of friends to generate.
    pub friends: u32,
    /// The number of groups to generate. All are saved to the contacts.
    pub groups: u32,
    /// The number of members of a generated group, including the account itself.
    pub members_per_group: u32,
    /// The number of official accounts to generate.
    pub official_accounts: u32,
    pub named_friends: Vec<Person>,
    pub named_groups: Vec<Group>,
    pub named_official_accounts: Vec<Person>,
    /// Whether WeChat denies this account the browser login: error 1203, except in desktop mode.
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
