//! Contacts in the formats of webwxgetcontact, webwxbatchgetcontact, webwxinit and `ModContactList`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::book::Book;
use crate::contact_ref::ContactRef;
use crate::names::{encry_chat_room_id, scramble};
use crate::session::Session;
use crate::wire::text;

/// A contact with all fields of WeChat's format.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "WeChat's own names")]
pub(crate) struct Contact {
    uin: u64,
    user_name: String,
    nick_name: String,
    head_img_url: String,
    contact_flag: u32,
    member_count: usize,
    member_list: Vec<MemberRow>,
    remark_name: String,
    hide_input_bar_flag: u32,
    sex: u8,
    signature: String,
    verify_flag: u32,
    owner_uin: u64,
    #[serde(rename = "PYInitial")]
    py_initial: String,
    #[serde(rename = "PYQuanPin")]
    py_quan_pin: String,
    #[serde(rename = "RemarkPYInitial")]
    remark_py_initial: String,
    #[serde(rename = "RemarkPYQuanPin")]
    remark_py_quan_pin: String,
    star_friend: u32,
    app_account_flag: u32,
    /// This is WeChat's spelling.
    statues: u32,
    attr_status: u32,
    province: String,
    city: String,
    alias: String,
    sns_flag: u32,
    uni_friend: u32,
    display_name: String,
    chat_room_id: u32,
    key_word: String,
    encry_chat_room_id: String,
    is_owner: u32,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MemberRow {
    uin: u64,
    user_name: String,
    nick_name: String,
    attr_status: u32,
    #[serde(rename = "PYInitial")]
    py_initial: String,
    #[serde(rename = "PYQuanPin")]
    py_quan_pin: String,
    #[serde(rename = "RemarkPYInitial")]
    remark_py_initial: String,
    #[serde(rename = "RemarkPYQuanPin")]
    remark_py_quan_pin: String,
    member_status: u32,
    display_name: String,
    key_word: String,
}

/// Which members of a group the response contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Members {
    /// webwxgetcontact returns no members, and 0 as their number.
    None,
    /// webwxinit returns only their user names.
    Names,
    /// webwxbatchgetcontact returns all their data.
    All,
}

/// Formats an account's contacts for one session.
pub(crate) struct ContactWriter<'a> {
    pub(crate) book: &'a Book,
    pub(crate) session: &'a Session,
}

impl ContactWriter<'_> {
    pub(crate) fn contact(&self, contact: ContactRef, members: Members) -> Option<Contact> {
        match contact {
            ContactRef::Group(group) => self.group(group, members),
            ContactRef::Special(name) => Some(Contact {
                user_name: name.into(),
                nick_name: self.book.nick_name(contact),
                head_img_url: self.avatar_url(contact, 0),
                contact_flag: 1,
                verify_flag: if name == "filehelper" { 0 } else { 56 },
                ..Contact::default()
            }),
            person => self.person(person),
        }
    }

    fn person(&self, contact: ContactRef) -> Option<Contact> {
        let person = self.book.person(contact)?;
        let official = matches!(contact, ContactRef::OfficialAccount(_));
        Some(Contact {
            uin: person.uin,
            user_name: self.session.user_name(contact),
            nick_name: text::name(&person.nick_name),
            head_img_url: self.avatar_url(contact, person.head_seq),
            contact_flag: if matches!(contact, ContactRef::Stranger { .. }) { 0 } else { 3 },
            remark_name: text::name(&person.remark_name),
            sex: person.sex,
            signature: text::name(&person.signature),
            verify_flag: if official { 8 } else { 0 },
            sns_flag: if official { 0 } else { 17 },
            province: person.province.clone(),
            city: person.city.clone(),
            alias: person.alias.clone(),
            key_word: if official { "gh_".into() } else { String::new() },
            attr_status: if official { 0 } else { 102_501 },
            ..Contact::default()
        })
    }

    fn group(&self, group: u32, members: Members) -> Option<Contact> {
        let found = self.book.group(group)?;
        let contact = ContactRef::Group(group);
        let member_list = match members {
            Members::None => Vec::new(),
            Members::Names => self.member_rows(group, false),
            Members::All => self.member_rows(group, true),
        };
        Some(Contact {
            user_name: self.session.user_name(contact),
            nick_name: text::name(&found.nick_name),
            head_img_url: self.avatar_url(contact, found.head_seq),
            contact_flag: if found.saved { 3 } else { 2 },
            member_count: member_list.len(),
            statues: 1,
            encry_chat_room_id: if members == Members::All {
                encry_chat_room_id(self.session.salt, group)
            } else {
                String::new()
            },
            member_list,
            ..Contact::default()
        })
    }

    fn member_rows(&self, group: u32, full: bool) -> Vec<MemberRow> {
        self.book
            .group_members(group)
            .into_iter()
            .map(|member| MemberRow {
                user_name: self.session.user_name(member.contact),
                nick_name: if full { text::name(&self.book.nick_name(member.contact)) } else { String::new() },
                display_name: if full { text::name(&member.display_name) } else { String::new() },
                attr_status: 102_501,
                ..MemberRow::default()
            })
            .collect()
    }

    /// An entry of `ModContactList`, which has fewer fields than a contact.
    pub(crate) fn mod_contact(&self, contact: ContactRef) -> Option<Value> {
        let full = self.contact(contact, Members::All)?;
        Some(json!({
            "UserName": full.user_name,
            "NickName": full.nick_name,
            "Sex": full.sex,
            "HeadImgUpdateFlag": 1,
            "ContactType": 0,
            "Alias": full.alias,
            "ChatRoomOwner": if full.member_list.is_empty() { "" } else { full.member_list[0].user_name.as_str() },
            "HeadImgUrl": full.head_img_url,
            "ContactFlag": full.contact_flag,
            "MemberCount": full.member_count,
            "MemberList": full.member_list,
            "HideInputBarFlag": 0,
            "Signature": full.signature,
            "VerifyFlag": full.verify_flag,
            "RemarkName": full.remark_name,
            "Statues": full.statues,
            "AttrStatus": full.attr_status,
            "Province": full.province,
            "City": full.city,
            "SnsFlag": full.sns_flag,
            "KeyWord": full.key_word,
        }))
    }

    /// The `User` object of webwxinit.
    pub(crate) fn user(&self) -> Value {
        let contact = ContactRef::Myself;
        let user_name = self.session.user_name(contact);
        let myself = self.book.person(contact).unwrap_or_default();
        json!({
            "Uin": self.session.uin,
            "UserName": user_name,
            "NickName": text::name(&myself.nick_name),
            "HeadImgUrl": self.avatar_url(contact, myself.head_seq),
            "RemarkName": "", "PYInitial": "", "PYQuanPin": "",
            "RemarkPYInitial": "", "RemarkPYQuanPin": "",
            "HideInputBarFlag": 0, "StarFriend": 0,
            "Sex": myself.sex,
            "Signature": text::name(&myself.signature),
            "AppAccountFlag": 0, "VerifyFlag": 0, "ContactFlag": 0,
            "WebWxPluginSwitch": 0, "HeadImgFlag": 1, "SnsFlag": 49,
        })
    }

    /// The path of the avatar. Its `seq` is the same in every session.
    fn avatar_url(&self, contact: ContactRef, seq: u32) -> String {
        let seq = match (seq, contact) {
            (0, ContactRef::Group(_)) => 0,
            (0, contact) => 600_000_000 + (scramble(self.session.uin ^ contact.code()) & 0x00ff_ffff),
            (seq, _) => u64::from(seq),
        };
        let page = if matches!(contact, ContactRef::Group(_)) { "webwxgetheadimg" } else { "webwxgeticon" };
        format!(
            "/cgi-bin/mmwebwx-bin/{page}?seq={seq}&username={}&skey={}",
            self.session.user_name(contact),
            self.session.skey,
        )
    }
}
