//! Contacts: friends, groups, group members and official accounts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{channel::AccountId, media::MediaPath, puid::Puid};

/// A contact's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactKind {
    /// The account itself. Lists of friends show it first, as the predecessor did.
    Myself,
    Friend,
    Group,
    /// 公众号.
    OfficialAccount,
    /// A person who is not a friend: known from a group or a message only.
    Stranger,
}

/// A contact or chat as a channel addresses it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// The channel's id: Web WeChat's user name, which lasts for one login.
    pub id: String,
    /// As far as the channel knows it without a look at the contacts: a person is a [`ContactKind::Stranger`].
    pub kind: ContactKind,
}

impl Peer {
    pub fn new(id: impl Into<String>, kind: ContactKind) -> Self {
        Self { id: id.into(), kind }
    }

    pub fn is_group(&self) -> bool {
        self.kind == ContactKind::Group
    }
}

/// A contact as its channel describes it during one login. Text is unescaped. Empty fields are `None`, as absent ones are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// WeChat's id of the contact during this login: `@hex`, `@@hex` for a group, or a word such as `filehelper`.
    pub user_name: String,
    pub kind: ContactKind,
    pub nick_name: String,
    pub remark_name: Option<String>,
    /// The name that a group shows for this member.
    pub display_name: Option<String>,
    pub signature: Option<String>,
    /// 1 male, 2 female; `None` when WeChat sends 0 (unknown).
    pub sex: Option<u8>,
    pub province: Option<String>,
    pub city: Option<String>,
    /// The WeChat id that the person chose, if WeChat sends it.
    pub alias: Option<String>,
    /// The permanent id of the contact's account. A channel sends it for the logged-in account and for few others.
    pub account: Option<AccountId>,
    /// Changes with the picture only, so it survives logins.
    pub picture_seq: Option<u64>,
    /// Members of a group; empty until they are read, and for every other kind.
    pub members: Vec<Card>,
    /// Number of people in a group as WeChat reports it. `members` may be empty at that time.
    pub member_count: u32,
    /// User name of the owner of a group or official account, if the channel sends it.
    pub owner: Option<String>,
}

impl Card {
    /// The contact as its channel addresses it.
    pub fn peer(&self) -> Peer {
        Peer::new(self.user_name.as_str(), self.kind)
    }

    /// A card with a user name and kind only.
    pub fn bare(user_name: impl Into<String>, kind: ContactKind) -> Self {
        Self {
            user_name: user_name.into(),
            kind,
            nick_name: String::new(),
            remark_name: None,
            display_name: None,
            signature: None,
            sex: None,
            province: None,
            city: None,
            alias: None,
            account: None,
            picture_seq: None,
            members: Vec::new(),
            member_count: 0,
            owner: None,
        }
    }
}

/// A contact as the ledger keeps it. Fields that are `None` are not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub puid: Puid,
    pub kind: ContactKind,
    /// The contact's user name in the current login.
    pub user_name: String,
    pub nick_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub province: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(alias = "uin", skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture_seq: Option<u64>,
    /// Number of people in a group as WeChat reports it.
    pub member_count: u32,
    /// User name of the owner of a group or official account, if WeChat sends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// False after WeChat reports the deletion of the contact, or a full listing no longer contains it.
    pub present: bool,
    pub insert_time: Timestamp,
    pub update_time: Timestamp,
}

impl Contact {
    /// A new contact, first seen at `at`.
    pub fn of(card: &Card, puid: Puid, at: Timestamp) -> Self {
        Self {
            puid,
            kind: card.kind,
            user_name: card.user_name.clone(),
            nick_name: card.nick_name.clone(),
            remark_name: card.remark_name.clone(),
            signature: card.signature.clone(),
            sex: card.sex,
            province: card.province.clone(),
            city: card.city.clone(),
            alias: card.alias.clone(),
            account: card.account.clone(),
            picture_seq: card.picture_seq,
            member_count: card.member_count,
            owner: card.owner.clone(),
            present: true,
            insert_time: at,
            update_time: at,
        }
    }

    /// The contact as its channel addresses it.
    pub fn peer(&self) -> Peer {
        Peer::new(self.user_name.as_str(), self.kind)
    }

    /// The name to show: the remark name, or the nickname without one.
    pub fn name(&self) -> &str {
        self.remark_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.nick_name)
    }

    /// Path of the picture in the API.
    pub fn avatar(&self) -> String {
        avatar_path(&self.puid)
    }
}

/// Path of a contact's picture in the API: the predecessor's. The picture may not be stored yet.
pub fn avatar_path(puid: &Puid) -> String {
    MediaPath::of_avatar(puid).as_str().to_owned()
}

/// A person in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    #[serde(flatten)]
    pub contact: Contact,
    /// The name that the group shows for this member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(nick: &str, remark: Option<&str>) -> Contact {
        let card = Card {
            nick_name: nick.into(),
            remark_name: remark.map(Into::into),
            ..Card::bare("@1", ContactKind::Friend)
        };
        Contact::of(&card, Puid::new("12ed2cd6"), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_name_is_the_remark_name_or_else_the_nickname() {
        assert_eq!(contact("吃苹果🍏", None).name(), "吃苹果🍏");
        assert_eq!(contact("吃苹果🍏", Some("老王")).name(), "老王");
        assert_eq!(contact("吃苹果🍏", Some("")).name(), "吃苹果🍏");
        assert_eq!(contact("", None).name(), "");
    }

    #[test]
    fn the_picture_has_the_predecessors_path() {
        assert_eq!(contact("n", None).avatar(), "/media/image/avatar/12ed2cd6.jpg");
    }

    #[test]
    fn a_contact_takes_its_fields_from_its_card() {
        let card = Card {
            sex: Some(1),
            city: Some("深圳".into()),
            account: Some(AccountId::new("9")),
            picture_seq: Some(3),
            member_count: 4,
            owner: Some("@o".into()),
            ..Card::bare("@@g", ContactKind::Group)
        };
        let at = Timestamp::from_second(5).unwrap();
        let contact = Contact::of(&card, Puid::new("p"), at);
        assert_eq!((contact.kind, contact.user_name.as_str(), contact.member_count), (ContactKind::Group, "@@g", 4));
        assert_eq!((contact.sex, contact.city.as_deref(), contact.province), (Some(1), Some("深圳"), None));
        assert_eq!(
            (contact.account, contact.picture_seq, contact.owner.as_deref()),
            (Some(AccountId::new("9")), Some(3), Some("@o"))
        );
        assert_eq!((contact.present, contact.insert_time, contact.update_time), (true, at, at));
    }

    #[test]
    fn a_member_is_flat_json_and_missing_fields_are_none() {
        let member = Member { contact: contact("n", None), display_name: Some("群名片".into()) };
        let row = serde_json::to_value(&member).unwrap();
        assert_eq!(row["puid"], "12ed2cd6");
        assert_eq!(row["display_name"], "群名片");
        assert!(!row.as_object().unwrap().contains_key("city"), "missing fields take no space");
        assert_eq!(serde_json::from_value::<Member>(row).unwrap(), member);
    }
}
