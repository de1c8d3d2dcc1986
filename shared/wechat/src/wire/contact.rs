//! A contact, in every answer that contains contacts.

use channel::{AccountId, Card};
use domain::contact::ContactKind;
use serde::Deserialize;
use url::form_urlencoded;

use crate::{
    peer::{is_group, is_special},
    text::{decode_owned, non_empty},
    wire::lenient,
};

/// `VerifyFlag` bit of official accounts. Known values are 8, 24, 56 and 136.
const OFFICIAL: i64 = 8;
/// `ContactFlag` bit of the contacts in the contact list.
const IN_CONTACTS: i64 = 1;

/// The longest text of a contact, in bytes. WeChat's are shorter; a longer one is cut, so that every contact fits into a row.
const MAX_TEXT: usize = 2_048;

/// The fields that the relay reads. Entries of `ModContactList` have fewer of them, members fewer still. Text is escaped.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the names are WeChat's")]
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
    #[serde(deserialize_with = "lenient::optional_integer")]
    contact_flag: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    member_count: i64,
    #[serde(deserialize_with = "lenient::list")]
    member_list: Vec<Contact>,
    #[serde(deserialize_with = "lenient::text")]
    chat_room_owner: String,
    /// A group's token; its members are asked for with it.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) encry_chat_room_id: String,
}

/// Where an entry comes from. It decides whether a person is a friend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The contact list: every person is a friend.
    ContactList,
    /// A group's member list: every person is a stranger.
    Members,
    /// Any other answer: `ContactFlag` decides.
    Other,
}

impl Contact {
    /// The card of this entry; `me` is the account's user name.
    pub(crate) fn card(self, me: &str, source: Source) -> Card {
        let kind = self.kind(me, source);
        Card {
            kind,
            nick_name: cut(decode_owned(self.nick_name)),
            remark_name: non_empty(self.remark_name).map(cut),
            display_name: non_empty(self.display_name).map(cut),
            signature: non_empty(self.signature).map(cut),
            sex: sex(self.sex),
            province: non_empty(self.province).map(cut),
            city: non_empty(self.city).map(cut),
            alias: non_empty(self.alias).map(cut),
            account: u64::try_from(self.uin).ok().filter(|uin| *uin != 0).map(|uin| AccountId::new(uin.to_string())),
            picture_seq: picture_seq(&decode_owned(self.head_img_url)),
            member_count: u32::try_from(self.member_count).unwrap_or(0),
            members: self.member_list.into_iter().map(|member| member.card(me, Source::Members)).collect(),
            owner: non_empty(self.chat_room_owner).map(cut),
            user_name: self.user_name,
        }
    }

    fn kind(&self, me: &str, source: Source) -> ContactKind {
        if self.user_name == me {
            return ContactKind::Myself;
        }
        if is_group(&self.user_name) {
            return ContactKind::Group;
        }
        if is_special(&self.user_name) {
            return ContactKind::Stranger;
        }
        if self.verify_flag & OFFICIAL != 0 {
            return ContactKind::OfficialAccount;
        }
        let friend = match source {
            Source::ContactList => true,
            Source::Members => false,
            Source::Other => self.contact_flag.is_none_or(|flag| flag & IN_CONTACTS != 0),
        };
        if friend { ContactKind::Friend } else { ContactKind::Stranger }
    }
}

/// The first [`MAX_TEXT`] bytes of a text.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

/// 1 or 2; WeChat sends 0 if it is unknown.
pub(crate) fn sex(sex: i64) -> Option<u8> {
    u8::try_from(sex).ok().filter(|sex| matches!(sex, 1 | 2))
}

/// The number of a picture, from its address. It changes with the picture and is the same in every login.
fn picture_seq(address: &str) -> Option<u64> {
    let (_, query) = address.split_once('?')?;
    let (_, seq) = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "seq")?;
    seq.parse().ok().filter(|seq| *seq != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(json: &str, source: Source) -> Card {
        serde_json::from_str::<Contact>(json).unwrap().card("@me", source)
    }

    #[test]
    fn the_card_of_a_friend_is_decoded() {
        let friend = card(
            r#"{"Uin":0,"UserName":"@b506","NickName":"Tom &amp; Jerry<span class=\"emoji emoji1f34f\"></span>",
            "HeadImgUrl":"/cgi-bin/mmwebwx-bin/webwxgeticon?seq=620917759&username=@b506&skey=@crypt_1",
            "ContactFlag":3,"MemberCount":0,"MemberList":[],"RemarkName":"","Sex":1,"Signature":"a<br/>b &lt;3",
            "VerifyFlag":0,"Province":"浙江","City":"杭州","Alias":"tom","DisplayName":"","EncryChatRoomId":""}"#,
            Source::ContactList,
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
                ..Card::bare("@b506", ContactKind::Friend)
            }
        );
    }

    #[test]
    fn a_text_that_no_person_wrote_is_cut() {
        let long = "长".repeat(200_000);
        let cut =
            card(&format!(r#"{{"UserName":"@a","NickName":"{long}","Signature":"{long}"}}"#), Source::ContactList);
        assert_eq!(cut.nick_name, "长".repeat(MAX_TEXT / 3));
        assert_eq!(cut.signature, Some(cut.nick_name));
    }

    #[test]
    fn flags_and_source_determine_the_kind() {
        for (json, source, kind) in [
            (r#"{"UserName":"@a"}"#, Source::ContactList, ContactKind::Friend),
            (r#"{"UserName":"@a","ContactFlag":0}"#, Source::ContactList, ContactKind::Friend),
            (r#"{"UserName":"@a"}"#, Source::Other, ContactKind::Friend),
            (r#"{"UserName":"@a","ContactFlag":2051}"#, Source::Other, ContactKind::Friend),
            (r#"{"UserName":"@a","ContactFlag":0}"#, Source::Other, ContactKind::Stranger),
            (r#"{"UserName":"@a"}"#, Source::Members, ContactKind::Stranger),
            (r#"{"UserName":"@me"}"#, Source::Members, ContactKind::Myself),
            (r#"{"UserName":"@@a"}"#, Source::ContactList, ContactKind::Group),
            (r#"{"UserName":"@a","VerifyFlag":24}"#, Source::ContactList, ContactKind::OfficialAccount),
            (r#"{"UserName":"@a","VerifyFlag":8,"ContactFlag":0}"#, Source::Other, ContactKind::OfficialAccount),
            (r#"{"UserName":"@a","VerifyFlag":16}"#, Source::ContactList, ContactKind::Friend),
            (r#"{"UserName":"filehelper"}"#, Source::ContactList, ContactKind::Stranger),
            (r#"{"UserName":"weixin","VerifyFlag":56}"#, Source::ContactList, ContactKind::Stranger),
        ] {
            assert_eq!(card(json, source).kind, kind, "{json} {source:?}");
        }
    }

    #[test]
    fn the_card_of_a_group_has_its_members() {
        let group = card(
            r#"{"UserName":"@@g","NickName":"群 &amp; 1","MemberCount":2,"EncryChatRoomId":"@enc","ChatRoomOwner":"@me",
            "HeadImgUrl":"/cgi-bin/mmwebwx-bin/webwxgetheadimg?seq=0&username=@@g&skey=","MemberList":[
            {"Uin":"12345","UserName":"@me","NickName":"我","DisplayName":"班长&lt;1&gt;"},
            {"UserName":"@x","NickName":"X","DisplayName":""}]}"#,
            Source::Other,
        );
        assert_eq!((group.member_count, group.owner.as_deref()), (2, Some("@me")));
        assert_eq!(group.picture_seq, None);
        assert_eq!(group.members[0].display_name.as_deref(), Some("班长<1>"));
        assert_eq!(group.members[0].account, Some(AccountId::new("12345")));
        assert_eq!(group.members[0].kind, ContactKind::Myself);
        assert_eq!((group.members[1].nick_name.as_str(), group.members[1].kind), ("X", ContactKind::Stranger));
    }
}
