//! Values that tests start from and change with struct update syntax.

use domain::{
    contact::{Card, Contact, ContactKind},
    delivery::Delivery,
    id::Seq,
    message::{Content, Direction, Message},
    puid::Puid,
};

use crate::START;

/// The message of the predecessor's README as row `seq`: an inbound text, still to be delivered.
///
/// # Panics
/// When `seq` does not fit the message's id.
pub fn message(seq: u64) -> Message {
    let received = START.parse().expect("a timestamp");
    let (friend, account) = (Puid::new("1fee435b"), Puid::new("e1d54615"));
    Message {
        seq: Seq::new(seq),
        id: 6_050_338_562_629_220_244 + i64::try_from(seq).expect("a small number"),
        direction: Direction::In,
        chat: friend.clone(),
        send_user: Some(friend),
        send_group: None,
        maps: None,
        receiver: Some(account.clone()),
        receiver_group: None,
        owner: account,
        is_at: None,
        create_time: "2020-01-07T03:32:48Z".parse().expect("a timestamp"),
        receive_time: received,
        update_time: received,
        content: Content::Text { text: "测试".to_owned() },
        media: None,
        whole: None,
        refer: None,
        delivery: Delivery::Pending,
    }
}

/// A contact with the user name `@<puid>`, first seen at [`START`].
///
/// # Panics
/// Never: [`START`] is a timestamp.
pub fn contact(puid: &str, kind: ContactKind, nick_name: &str) -> Contact {
    let mut card = Card::bare(format!("@{puid}"), kind);
    nick_name.clone_into(&mut card.nick_name);
    Contact::of(&card, Puid::new(puid), START.parse().expect("a timestamp"))
}
