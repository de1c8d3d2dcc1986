//! Friends, members, groups and official accounts.

use std::sync::Arc;

use domain::{
    contact::{Contact, Member},
    puid::Puid,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::non_empty;
use crate::{
    api::openapi::{LocalTime, MediaUrl},
    links::Links,
    times::Times,
};

/// A row with a picture.
pub trait Pictured {
    /// The path of the picture.
    fn avatar(&self) -> &str;
}

/// A row with a link to its picture. Rows are cached, links are not: they expire.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{Row}")]
pub struct Linked<'a, Row> {
    #[serde(flatten)]
    row: &'a Row,
    /// Opens the picture without credentials for an hour.
    #[schemars(url)]
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
}

impl<'a, Row: Pictured> Linked<'a, Row> {
    pub fn of(row: &'a Row, links: &Links<'_>) -> Self {
        Self { row, avatar_url: links.link(row.avatar()) }
    }
}

/// A friend, or a member of a group.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Person {
    pub puid: Puid,
    #[schemars(with = "LocalTime")]
    pub insert_time: String,
    #[schemars(with = "LocalTime")]
    pub update_time: String,
    #[schemars(example = &"测试")]
    pub name: Option<String>,
    #[schemars(example = &"测试")]
    pub nick_name: Option<String>,
    #[schemars(example = &"@b5062876e38c69d46e08bffc445933c7")]
    pub user_name: Option<String>,
    #[schemars(example = &"备注")]
    pub remark_name: Option<String>,
    #[schemars(with = "MediaUrl")]
    pub avatar: String,
    #[schemars(example = &"想念从前")]
    pub signature: Option<String>,
    /// 1 is male, 2 is female.
    #[schemars(example = 1)]
    pub sex: Option<u8>,
    #[schemars(example = &"广东")]
    pub province: Option<String>,
    #[schemars(example = &"深圳")]
    pub city: Option<String>,
    pub is_friend: bool,
    /// The same as `is_friend`; the predecessor shows both.
    pub friend: bool,
    #[schemars(example = &"e1d54615")]
    pub owner: Option<Arc<str>>,
}

impl Person {
    pub fn of(contact: &Contact, is_friend: bool, owner: Option<Arc<str>>, times: Times<'_>) -> Self {
        Self {
            puid: contact.puid.clone(),
            insert_time: times.iso(contact.insert_time),
            update_time: times.iso(contact.update_time),
            name: non_empty(Some(contact.name())),
            nick_name: non_empty(Some(&contact.nick_name)),
            user_name: non_empty(Some(&contact.user_name)),
            remark_name: non_empty(contact.remark_name.as_deref()),
            avatar: contact.avatar(),
            signature: non_empty(contact.signature.as_deref()),
            sex: contact.sex,
            province: non_empty(contact.province.as_deref()),
            city: non_empty(contact.city.as_deref()),
            is_friend,
            friend: is_friend,
            owner,
        }
    }
}

/// A member of a group.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MemberRow {
    #[serde(flatten)]
    pub person: Person,
    /// The name that the member has in this group.
    #[schemars(example = &"群里的名字")]
    pub display_name: Option<String>,
}

impl MemberRow {
    pub fn of(member: &Member, person: Person) -> Self {
        Self { person, display_name: non_empty(member.display_name.as_deref()) }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Group {
    pub puid: Puid,
    #[schemars(example = 3)]
    pub member_count: u32,
    #[schemars(with = "LocalTime")]
    pub insert_time: String,
    #[schemars(with = "LocalTime")]
    pub update_time: String,
    #[schemars(example = &"测试")]
    pub name: Option<String>,
    #[schemars(example = &"测试")]
    pub nick_name: Option<String>,
    #[schemars(example = &"@b5062876e38c69d46e08bffc445933c7")]
    pub user_name: Option<String>,
    #[schemars(with = "MediaUrl")]
    pub avatar: String,
    #[schemars(example = &"e1d54615")]
    pub owner: Option<Arc<str>>,
}

impl Group {
    pub fn of(contact: &Contact, owner: Option<Arc<str>>, times: Times<'_>) -> Self {
        Self {
            puid: contact.puid.clone(),
            member_count: contact.member_count,
            insert_time: times.iso(contact.insert_time),
            update_time: times.iso(contact.update_time),
            name: non_empty(Some(contact.name())),
            nick_name: non_empty(Some(&contact.nick_name)),
            user_name: non_empty(Some(&contact.user_name)),
            avatar: contact.avatar(),
            owner,
        }
    }
}

/// 公众号.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OfficialAccount {
    pub puid: Puid,
    #[schemars(with = "LocalTime")]
    pub insert_time: String,
    #[schemars(with = "LocalTime")]
    pub update_time: String,
    #[schemars(example = &"测试")]
    pub name: Option<String>,
    #[schemars(example = &"测试")]
    pub nick_name: Option<String>,
    #[schemars(example = &"@b5062876e38c69d46e08bffc445933c7")]
    pub user_name: Option<String>,
    #[schemars(with = "MediaUrl")]
    pub avatar: String,
    #[schemars(example = &"广东")]
    pub province: Option<String>,
    #[schemars(example = &"深圳")]
    pub city: Option<String>,
    #[schemars(example = &"想念从前")]
    pub signature: Option<String>,
    #[schemars(example = &"e1d54615")]
    pub owner: Option<Arc<str>>,
}

impl OfficialAccount {
    pub fn of(contact: &Contact, owner: Option<Arc<str>>, times: Times<'_>) -> Self {
        Self {
            puid: contact.puid.clone(),
            insert_time: times.iso(contact.insert_time),
            update_time: times.iso(contact.update_time),
            name: non_empty(Some(contact.name())),
            nick_name: non_empty(Some(&contact.nick_name)),
            user_name: non_empty(Some(&contact.user_name)),
            avatar: contact.avatar(),
            province: non_empty(contact.province.as_deref()),
            city: non_empty(contact.city.as_deref()),
            signature: non_empty(contact.signature.as_deref()),
            owner,
        }
    }
}

impl Pictured for Person {
    fn avatar(&self) -> &str {
        &self.avatar
    }
}

impl Pictured for MemberRow {
    fn avatar(&self) -> &str {
        &self.person.avatar
    }
}

impl Pictured for Group {
    fn avatar(&self) -> &str {
        &self.avatar
    }
}

impl Pictured for OfficialAccount {
    fn avatar(&self) -> &str {
        &self.avatar
    }
}
