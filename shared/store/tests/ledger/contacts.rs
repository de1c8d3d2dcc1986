//! The contact book.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    channel::AccountId,
    contact::{Card, Contact, ContactKind, Member},
    departed::DepartedKeys,
};
use store::{Book, List, Lists, NameRows, Names, StoreError};

use crate::support::{APP, Ledger, app_id, at, is_corrupt, puid};

fn contact(name: &str) -> Contact {
    Contact {
        remark_name: Some("备注".into()),
        sex: Some(2),
        account: Some(AccountId::new("18446744073709551615")),
        ..testing::contact(name, ContactKind::Friend, &format!("nick {name}"))
    }
}

fn sorted(mut contacts: Vec<Contact>) -> Vec<Contact> {
    contacts.sort_by(|one, other| one.puid.cmp(&other.puid));
    contacts
}

#[tokio::test]
async fn contacts_are_read_as_they_were_written() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let all: Vec<Contact> = (0..130).map(|number| contact(&format!("{number:08x}"))).collect();
    store.put_contacts(&APP, &all).await.unwrap();
    assert_eq!(sorted(store.contacts(&APP).await.unwrap()), all);
    assert_eq!(store.contact(&APP, &all[7].puid).await.unwrap().as_ref(), Some(&all[7]));
    assert_eq!(store.contact(&APP, &puid("unknown0")).await.unwrap(), None);
    assert!(store.contacts(&app_id("another")).await.unwrap().is_empty());
    store.put_contacts(&APP, &[]).await.unwrap();
}

#[tokio::test]
async fn the_last_of_two_writes_of_a_contact_applies() {
    let ledger = Ledger::start().await;
    let old = contact("00000001");
    let new = Contact { present: false, remark_name: None, update_time: at(9), ..old.clone() };
    ledger.store.put_contacts(&APP, &[old, contact("00000002"), new.clone()]).await.unwrap();
    assert_eq!(ledger.store.contacts(&APP).await.unwrap().len(), 2);
    assert_eq!(ledger.store.contact(&APP, &new.puid).await.unwrap(), Some(new));
}

#[tokio::test]
async fn members_are_read_as_they_were_written() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let member = |name: &str| Member { contact: contact(name), display_name: Some("群名片".into()) };
    let bare = Contact::of(&Card::bare("@x", ContactKind::Stranger), puid("0000000c"), at(1));
    let groups = [
        (puid("group001"), vec![member("0000000a"), Member { contact: bare, display_name: None }]),
        (puid("group002"), vec![]),
    ];
    store.put_members(&APP, &groups).await.unwrap();
    assert_eq!(store.members(&APP, &groups[0].0).await.unwrap().as_ref(), Some(&groups[0].1));
    assert_eq!(store.members(&APP, &groups[1].0).await.unwrap(), Some(vec![]));
    assert_eq!(store.members(&APP, &puid("group003")).await.unwrap(), None);
    assert_eq!(store.all_members(&APP).await.unwrap(), groups);
}

#[tokio::test]
async fn the_largest_group_fits_into_a_row() {
    let ledger = Ledger::start().await;
    let text = |length: usize| Some("汉".repeat(length));
    let member = |number: usize| Member {
        contact: Contact {
            user_name: format!("@{number:064x}"),
            nick_name: "昵".repeat(16),
            remark_name: text(16),
            signature: text(30),
            province: text(4),
            city: text(4),
            alias: Some("a".repeat(20)),
            picture_seq: Some(700_000_000),
            ..contact(&format!("{number:08x}"))
        },
        display_name: text(16),
    };
    let group = (puid("group001"), (0..500).map(member).collect());
    ledger.store.put_members(&APP, std::slice::from_ref(&group)).await.unwrap();
    assert_eq!(ledger.store.members(&APP, &group.0).await.unwrap(), Some(group.1));
}

#[tokio::test]
async fn a_group_of_two_hundred_takes_a_third_of_its_json() {
    let ledger = Ledger::start().await;
    let member = |number: u64| {
        let user_name =
            format!("@{:064x}", u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        Member { contact: Contact { user_name, ..contact(&format!("{number:08x}")) }, display_name: None }
    };
    let members: Vec<Member> = (0..200).map(member).collect();
    let json = serde_json::to_vec(&members).unwrap().len();
    ledger.store.put_members(&APP, &[(puid("group001"), members)]).await.unwrap();
    let row = ledger.item(&format!("APP#{}", *APP), "MEMBERS#group001").await.unwrap();
    let packed = row["list"].as_b().unwrap().as_ref().len();
    assert!(packed * 3 < json, "{packed} of {json} bytes");
}

#[tokio::test]
async fn members_of_an_earlier_version_are_readable() {
    let ledger = Ledger::start().await;
    let members = vec![Member { contact: contact("0000000a"), display_name: Some("群名片".into()) }];
    let json = serde_json::to_vec(&members).unwrap();
    ledger.set(&format!("APP#{}", *APP), "MEMBERS#group001", "list", AttributeValue::B(Blob::new(json))).await;
    assert_eq!(ledger.store.members(&APP, &puid("group001")).await.unwrap(), Some(members));
}

#[tokio::test]
async fn some_contacts_and_groups_are_read_by_their_puids() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let all: Vec<Contact> = (0..250).map(|number| contact(&format!("{number:08x}"))).collect();
    store.put_contacts(&APP, &all).await.unwrap();
    let unknown = puid("unknown0");
    let found = store.contacts_of(&APP, all.iter().map(|contact| &contact.puid).chain([&unknown])).await.unwrap();
    assert_eq!(sorted(found.into_values().collect()), all);

    let group = testing::contact("group001", ContactKind::Group, "群");
    let members = vec![Member { contact: all[0].clone(), display_name: None }];
    store.put_members(&APP, &[(group.puid.clone(), members.clone())]).await.unwrap();
    assert_eq!(store.group(&APP, &group.puid).await.unwrap(), None, "it has no contact");
    store.put_contacts(&APP, std::slice::from_ref(&group)).await.unwrap();
    assert_eq!(store.group(&APP, &group.puid).await.unwrap(), Some((group.clone(), members.clone())));
    assert_eq!(store.group(&APP, &all[0].puid).await.unwrap(), None, "a friend");
    let read = store.members_of(&APP, [&group.puid, &unknown]).await.unwrap();
    assert_eq!(read, [(group.puid.clone(), members)]);
    store.put_contacts(&APP, &[Contact { present: false, ..group.clone() }]).await.unwrap();
    assert_eq!(store.group(&APP, &group.puid).await.unwrap(), None);
}

#[tokio::test]
async fn the_name_table_is_read_by_the_row() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let mut names = Names::of_new_login();
    for number in 0..5_000_u32 {
        names.insert(&format!("@{number:064x}"), &puid(&format!("{number:08x}")));
    }
    store.put_names(&APP, &names).await.unwrap();
    let name = format!("@{:064x}", 4_999);
    let rows = Names::default().unread([name.as_str()], []);
    let mut read = store.names(&APP, &rows).await.unwrap();
    assert_eq!(read.get(&name), Some(puid("00001387")));
    let rows = read.unread(["@new"], [&puid("00001387"), &puid("new00000")]);
    read.extend(store.names(&APP, &rows).await.unwrap());
    assert_eq!((read.get("@new"), read.is_taken(&puid("00001387"))), (None, true));
    read.insert("@new", &puid("new00000"));
    store.put_names(&APP, &read).await.unwrap();
    let read = store.names(&APP, &NameRows::all()).await.unwrap();
    assert_eq!((read.get("@new"), read.get(&name)), (Some(puid("new00000")), Some(puid("00001387"))));
    store.put_names(&APP, &Names::of_new_login()).await.unwrap();
    let read = store.names(&APP, &NameRows::all()).await.unwrap();
    assert_eq!((read.get(&name), read.is_taken(&puid("00001387"))), (None, false));
}

#[tokio::test]
async fn lists_are_valid_once_the_change_of_the_book_is_completed() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    let all: Vec<Contact> = (0..250).map(|number| contact(&format!("{number:08x}"))).collect();
    let head = store.book(&APP).await.unwrap();
    assert!(!head.is_current());
    store.begin_book(&APP, &head).await.unwrap();
    let mut lists = Lists::default();
    let changes = lists.replace(&all).unwrap();
    store.put_list_parts(&APP, &changes).await.unwrap();
    assert!(!store.book(&APP).await.unwrap().is_current());
    let head = store.finish_book(&APP, &head, lists).await.unwrap();
    assert!(head.is_current() && head.version == 1);
    assert_eq!(store.book(&APP).await.unwrap(), head);

    let mut lists = head.lists.clone().unwrap();
    let parts = lists.parts(List::Friends).to_vec();
    let read = store.list_parts(&APP, &parts).await.unwrap();
    let read: Vec<&Contact> = parts.iter().flat_map(|part| &read[part]).collect();
    assert_eq!(read, all.iter().collect::<Vec<_>>());
    store.begin_book(&APP, &head).await.unwrap();
    assert!(!store.book(&APP).await.unwrap().is_current());
    let changes = lists.replace(&all[1..120]).unwrap();
    store.put_list_parts(&APP, &changes).await.unwrap();
    let read = store.list_parts(&APP, &parts).await.unwrap();
    assert!(!read.contains_key(&parts[0]), "the first part has changed since");
    let next = store.finish_book(&APP, &head, lists.clone()).await.unwrap();
    store.delete_list_parts(&APP, &changes).await.unwrap();
    assert_eq!(store.list_parts(&APP, next.lists.as_ref().unwrap().all_parts()).await.unwrap().len(), 2);
    assert_eq!(store.list_parts(&APP, &parts[2..]).await.unwrap().len(), 0);

    store.finish_book(&APP, &head, lists).await.expect("the same change again");
    assert!(matches!(store.begin_book(&APP, &head).await, Err(StoreError::Conflict)));
    let other = store.finish_book(&APP, &head, Lists::default()).await;
    assert!(matches!(other, Err(StoreError::Conflict)));
}

#[tokio::test]
async fn lists_that_an_earlier_version_did_not_write_are_not_valid() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    store.finish_book(&APP, &Book::default(), Lists::default()).await.unwrap();
    // An earlier version counts its changes only.
    ledger.set(&format!("APP#{}", *APP), "BOOK", "version", AttributeValue::N("2".into())).await;
    let head = store.book(&APP).await.unwrap();
    assert_eq!((head.version, head.lists.as_ref(), head.is_current()), (2, None, false));
}

#[tokio::test]
async fn departed_keys_are_read_as_they_were_written() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    assert_eq!(store.departed(&APP).await.unwrap(), DepartedKeys::default());
    let mut keys = DepartedKeys::default();
    keys.extend(&[contact("0000000a")], []);
    store.put_departed(&APP, &keys).await.unwrap();
    assert_eq!(store.departed(&APP).await.unwrap(), keys);
}

#[tokio::test]
async fn unreadable_contacts_are_reported() {
    let ledger = Ledger::start().await;
    let (store, pk) = (&ledger.store, format!("APP#{}", *APP));
    store.put_contacts(&APP, &[contact("00000001")]).await.unwrap();
    ledger.spoil(&pk, "CONTACT#00000001", "kind").await;
    assert!(is_corrupt(store.contacts(&APP).await, "CONTACT#00000001"));
    store.put_members(&APP, &[(puid("group001"), vec![])]).await.unwrap();
    ledger.spoil(&pk, "MEMBERS#group001", "list").await;
    assert!(is_corrupt(store.members(&APP, &puid("group001")).await, "MEMBERS#group001"));
    assert!(is_corrupt(store.all_members(&APP).await, "MEMBERS#group001"));
}
