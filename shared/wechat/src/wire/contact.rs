//! A contact as every answer that names contacts has it.

use domain::contact::{Card, ContactKind};
use serde::Deserialize;
use url::form_urlencoded;

use crate::{text::decoded, wire::lenient};

/// `VerifyFlag` bit of official accounts (8, 24, 56, 136 were seen).
const OFFICIAL: i64 = 8;
/// `ContactFlag` bit of those in the contact list.
const IN_CONTACTS: i64 = 1;

/// The fields that are read. `ModContactList` has fewer of them, members fewer still; text is still escaped.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "they are WeChat's")]
pub(crate) struct Contact {
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) user_name: String,
    #[serde(deserialize_with = "lenient::text")]
    nick_name: String,
    #[serde(deserialize_with = "lenient::text")]
    remark_name: String,
    #[serde(deserialize_with = "lenient::text")]
    display_name: String,
    #[serde(deserialize_with = "lenient::text")]
    signature: String,
    #[serde(deserialize_with = "lenient::integer")]
    sex: i64,
    #[serde(deserialize_with = "lenient::text")]
    province: String,
    #[serde(deserialize_with = "lenient::text")]
    city: String,
    #[serde(deserialize_with = "lenient::text")]
    alias: String,
    #[serde(deserialize_with = "lenient::integer")]
    uin: i64,
    #[serde(deserialize_with = "lenient::text")]
    head_img_url: String,
    #[serde(deserialize_with = "lenient::integer")]
    verify_flag: i64,
    #[serde(deserialize_with = "lenient::told")]
    contact_flag: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    member_count: i64,
    #[serde(deserialize_with = "lenient::list")]
    member_list: Vec<Contact>,
    #[serde(deserialize_with = "lenient::text")]
    encry_chat_room_id: String,
    #[serde(deserialize_with = "lenient::text")]
    chat_room_owner: String,
}

/// Where an entry stands, which decides what somebody without further marks is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// In the contact list itself.
    Contacts,
    /// In an answer about anybody: the entry's flag tells.
    Anywhere,
    /// Among a group's people.
    Group,
}

impl Contact {
    /// The card of this entry; `me` is the account's user name.
    pub(crate) fn card(self, me: &str, listed: Listed) -> Card {
        let kind = self.kind(me, listed);
        let (head_img_url, picture_seq) = picture(&decoded(self.head_img_url));
        Card {
            kind,
            nick_name: decoded(self.nick_name),
            remark_name: told(self.remark_name),
            display_name: told(self.display_name),
            signature: told(self.signature),
            sex: sex(self.sex),
            province: told(self.province),
            city: told(self.city),
            alias: told(self.alias),
            uin: u64::try_from(self.uin).ok().filter(|uin| *uin != 0),
            picture_seq,
            head_img_url,
            member_count: u32::try_from(self.member_count).unwrap_or(0),
            members: self.member_list.into_iter().map(|member| member.card(me, Listed::Group)).collect(),
            encry_chat_room_id: told(self.encry_chat_room_id).filter(|token| token != "0"),
            owner: told(self.chat_room_owner),
            user_name: self.user_name,
        }
    }

    fn kind(&self, me: &str, listed: Listed) -> ContactKind {
        if self.user_name == me {
            return ContactKind::Myself;
        }
        if self.user_name.starts_with("@@") {
            return ContactKind::Group;
        }
        if is_special(&self.user_name) {
            return ContactKind::Stranger;
        }
        if self.verify_flag & OFFICIAL != 0 {
            return ContactKind::OfficialAccount;
        }
        let friend = match listed {
            Listed::Contacts => true,
            Listed::Anywhere => self.contact_flag.is_none_or(|flag| flag & IN_CONTACTS != 0),
            Listed::Group => false,
        };
        if friend { ContactKind::Friend } else { ContactKind::Stranger }
    }
}

/// Whether a user name is one of WeChat's own: `filehelper`, `fmessage`, `weixin`, `newsapp` and some thirty more.
/// Unlike everybody's it is no `@hex` and stays the same. They are nobody's friends and no accounts to follow, so they
/// are strangers, with whom there may be messages.
fn is_special(user_name: &str) -> bool {
    !user_name.starts_with('@')
}

/// Text that may be absent, decoded.
pub(crate) fn told(text: String) -> Option<String> {
    Some(decoded(text)).filter(|text| !text.is_empty())
}

/// 1 and 2; WeChat says 0 for what it does not tell.
pub(crate) fn sex(sex: i64) -> Option<u8> {
    u8::try_from(sex).ok().filter(|sex| matches!(sex, 1 | 2))
}

/// A picture's address without the session's key, which some answers put into it, and the picture's number.
fn picture(address: &str) -> (Option<String>, Option<u64>) {
    if address.is_empty() {
        return (None, None);
    }
    let Some((path, query)) = address.split_once('?') else {
        return (Some(address.to_owned()), None);
    };
    let seq = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "seq");
    let seq = seq.and_then(|(_, seq)| seq.parse().ok()).filter(|seq| *seq != 0);
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("skey=")).collect();
    (Some(format!("{path}?{}", kept.join("&"))), seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(json: &str, listed: Listed) -> Card {
        serde_json::from_str::<Contact>(json).unwrap().card("@me", listed)
    }

    #[test]
    fn a_friend_is_read_with_everything_unescaped() {
        let friend = card(
            r#"{"Uin":0,"UserName":"@b506","NickName":"Tom &amp; Jerry<span class=\"emoji emoji1f34f\"></span>",
            "HeadImgUrl":"/cgi-bin/mmwebwx-bin/webwxgeticon?seq=620917759&username=@b506&skey=@crypt_1",
            "ContactFlag":3,"MemberCount":0,"MemberList":[],"RemarkName":"","Sex":1,"Signature":"a<br/>b &lt;3",
            "VerifyFlag":0,"Province":"浙江","City":"杭州","Alias":"tom","DisplayName":"","EncryChatRoomId":""}"#,
            Listed::Contacts,
        );
        assert_eq!(
            friend,
            Card {
                nick_name: "Tom & Jerry🍏".into(),
                signature: Some("a\nb <3".into()),
                sex: Some(1),
                province: Some("浙江".into()),
                city: Some("杭州".into()),
                alias: Some("tom".into()),
                picture_seq: Some(620_917_759),
                head_img_url: Some("/cgi-bin/mmwebwx-bin/webwxgeticon?seq=620917759&username=@b506".into()),
                ..Card::bare("@b506", ContactKind::Friend)
            }
        );
    }

    #[test]
    fn marks_tell_what_a_contact_is() {
        for (json, listed, kind) in [
            (r#"{"UserName":"@a"}"#, Listed::Contacts, ContactKind::Friend),
            (r#"{"UserName":"@a","ContactFlag":0}"#, Listed::Contacts, ContactKind::Friend),
            (r#"{"UserName":"@a"}"#, Listed::Anywhere, ContactKind::Friend),
            (r#"{"UserName":"@a","ContactFlag":2051}"#, Listed::Anywhere, ContactKind::Friend),
            (r#"{"UserName":"@a","ContactFlag":0}"#, Listed::Anywhere, ContactKind::Stranger),
            (r#"{"UserName":"@a"}"#, Listed::Group, ContactKind::Stranger),
            (r#"{"UserName":"@me"}"#, Listed::Group, ContactKind::Myself),
            (r#"{"UserName":"@@a"}"#, Listed::Contacts, ContactKind::Group),
            (r#"{"UserName":"@a","VerifyFlag":24}"#, Listed::Contacts, ContactKind::OfficialAccount),
            (r#"{"UserName":"@a","VerifyFlag":8,"ContactFlag":0}"#, Listed::Anywhere, ContactKind::OfficialAccount),
            (r#"{"UserName":"@a","VerifyFlag":16}"#, Listed::Contacts, ContactKind::Friend),
            (r#"{"UserName":"filehelper"}"#, Listed::Contacts, ContactKind::Stranger),
            (r#"{"UserName":"weixin","VerifyFlag":56}"#, Listed::Contacts, ContactKind::Stranger),
        ] {
            assert_eq!(card(json, listed).kind, kind, "{json} {listed:?}");
        }
    }

    #[test]
    fn a_group_has_its_members() {
        let group = card(
            r#"{"UserName":"@@g","NickName":"群 &amp; 1","MemberCount":2,"EncryChatRoomId":"@enc","ChatRoomOwner":"@me",
            "HeadImgUrl":"/cgi-bin/mmwebwx-bin/webwxgetheadimg?seq=0&username=@@g&skey=","MemberList":[
            {"Uin":"12345","UserName":"@me","NickName":"我","DisplayName":"班长&lt;1&gt;"},
            {"UserName":"@x","NickName":"X","DisplayName":""}]}"#,
            Listed::Anywhere,
        );
        assert_eq!((group.member_count, group.owner.as_deref()), (2, Some("@me")));
        assert_eq!(group.encry_chat_room_id.as_deref(), Some("@enc"));
        assert_eq!(group.head_img_url.as_deref(), Some("/cgi-bin/mmwebwx-bin/webwxgetheadimg?seq=0&username=@@g"));
        assert_eq!(group.picture_seq, None);
        assert_eq!(group.members[0].display_name.as_deref(), Some("班长<1>"));
        assert_eq!((group.members[0].uin, group.members[0].kind), (Some(12_345), ContactKind::Myself));
        assert_eq!((group.members[1].nick_name.as_str(), group.members[1].kind), ("X", ContactKind::Stranger));
    }
}
