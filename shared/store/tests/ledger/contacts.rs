//! The contact book.

use domain::{
    channel::AccountId,
    contact::{Card, Contact, ContactKind, Member},
};
use store::Names;

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
async fn missing_fields_of_a_member_take_no_space() {
    let ledger = Ledger::start().await;
    let bare = Contact::of(&Card::bare("@x", ContactKind::Stranger), puid("0000000c"), at(1));
    let group = (puid("group001"), vec![Member { contact: bare, display_name: None }]);
    ledger.store.put_members(&APP, &[group]).await.unwrap();
    let row = ledger.item(&format!("APP#{}", *APP), "MEMBERS#group001").await.unwrap();
    let list = std::str::from_utf8(row["list"].as_b().unwrap().as_ref()).unwrap();
    assert!(!list.contains("null"), "{list}");
}

#[tokio::test]
async fn a_name_table_larger_than_a_row_is_read_as_it_was_written() {
    let ledger = Ledger::start().await;
    let store = &ledger.store;
    assert_eq!(store.names(&APP).await.unwrap(), Names::default());
    let mut names = Names::default();
    // More than fits into a row.
    for number in 0..25_000_u32 {
        names.insert(&format!("@{number:064x}"), &puid(&format!("{number:08x}")));
    }
    store.put_names(&APP, &names).await.unwrap();
    names.insert("filehelper", &puid("6c706572"));
    store.put_names(&APP, &names).await.unwrap();
    let read = store.names(&APP).await.unwrap();
    assert_eq!(read, names);
    assert_eq!(read.get("filehelper"), Some(puid("6c706572")));
    assert_eq!(read.get(&format!("@{:064x}", 24_999)), Some(puid("000061a7")));
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
