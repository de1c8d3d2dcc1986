use jiff::ToSpan;
use testing::START;

use super::*;

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn friend(user_name: &str, nick_name: &str) -> Card {
    Card { nick_name: nick_name.into(), city: Some("杭州".into()), ..Card::bare(user_name, ContactKind::Friend) }
}

fn group(user_name: &str, members: &[&Card]) -> Card {
    let members = members.iter().map(|card| Card { kind: ContactKind::Stranger, ..(*card).clone() }).collect();
    Card { nick_name: "群".into(), members, ..Card::bare(user_name, ContactKind::Group) }
}

/// The contacts and members that `changes` write.
fn written(changes: Changes) -> (Vec<Contact>, Vec<(Puid, Vec<Member>)>) {
    (changes.contacts.into_values().map(|(_, after)| after).collect(), changes.members.into_iter().collect())
}

/// The book after the first login: two friends, and a group of both and a stranger.
fn first_login() -> (Vec<Contact>, Vec<(Puid, Vec<Member>)>) {
    let (one, two) = (friend("@one00000001", "一"), friend("@two00000002", "二"));
    let mut book = Book::new(Vec::new(), Vec::new(), start());
    book.full(&[one.clone(), two.clone()]);
    book.groups(&[group("@@grp0000003", &[&one, &two, &friend("@abc00000004", "生")])]);
    written(book.take_changes())
}

#[test]
fn a_new_login_with_the_same_contacts_changes_user_names_only() {
    let (contacts, members) = first_login();
    let later = start() + 1.hour();
    let mut book = Book::new(contacts.clone(), members, later);
    let (one, two) = (friend("@newone00001", "一"), friend("@newtwo00002", "二"));
    book.full(&[one.clone(), two.clone()]);
    book.groups(&[group("@@newgrp0003", &[&one, &two, &friend("@newstr00004", "生")])]);
    book.remove_unseen(|_| true);
    let changes = book.take_changes();
    assert_eq!(changes.contacts.len(), 3);
    for (_, contact) in changes.contacts.values() {
        let before = contacts.iter().find(|before| before.puid == contact.puid).unwrap();
        assert_eq!((contact.insert_time, contact.update_time, contact.present), (start(), start(), true));
        assert_ne!(contact.user_name, before.user_name);
    }
    assert_eq!(changes.names.len(), 4, "two friends, the group and its stranger");
    assert!(changes.names.iter().all(|(name, _)| name.contains("new")));
}

#[test]
fn the_same_cards_again_change_nothing() {
    let (contacts, members) = first_login();
    let mut book = Book::new(contacts, members, start() + 1.hour());
    let (one, two) = (friend("@one00000001", "一"), friend("@two00000002", "二"));
    book.full(&[one.clone(), two.clone()]);
    book.groups(&[group("@@grp0000003", &[&one, &two, &friend("@abc00000004", "生")])]);
    book.remove_unseen(|_| true);
    let changes = book.take_changes();
    assert!(changes.contacts.is_empty() && changes.members.is_empty());
}

#[test]
fn an_unlisted_contact_becomes_absent_and_returns_with_its_puid() {
    let (contacts, members) = first_login();
    let mut book = Book::new(contacts, members, start() + 1.hour());
    book.full(&[friend("@newone00001", "一")]);
    book.remove_unseen(|_| true);
    let (contacts, _) = written(book.take_changes());
    let gone = contacts.iter().find(|contact| contact.nick_name == "二").unwrap();
    assert_eq!((gone.present, gone.update_time), (false, start() + 1.hour()));

    let mut book = Book::new(vec![gone.clone()], Vec::new(), start() + 2.hours());
    book.full(&[friend("@back0000009", "二")]);
    let (before, back) = book.take_changes().contacts.remove(&gone.puid).expect("the same puid");
    assert_eq!(before.as_ref(), Some(gone));
    assert_eq!((back.present, back.insert_time), (true, start()));
}

#[test]
fn fields_missing_from_a_change_keep_their_values() {
    let (contacts, members) = first_login();
    let mut book = Book::new(contacts, members, start() + 1.hour());
    book.keep_present();
    let card = Card { signature: Some("新".into()), ..Card::bare("@one00000001", ContactKind::Friend) };
    book.partial(&[card]);
    let changes = book.take_changes();
    let [(_, contact)] = changes.contacts.values().collect::<Vec<_>>()[..] else {
        panic!("exactly one contact changes")
    };
    assert_eq!((contact.nick_name.as_str(), contact.city.as_deref()), ("一", Some("杭州")));
    assert_eq!((contact.signature.as_deref(), contact.update_time), (Some("新"), start() + 1.hour()));
}

#[test]
fn a_new_contact_matches_no_present_contact() {
    let (contacts, members) = first_login();
    let known: HashSet<Puid> = contacts.iter().map(|contact| contact.puid.clone()).collect();
    let mut book = Book::new(contacts, members, start());
    book.keep_present();
    book.partial(&[friend("@other000007", "一"), Card::bare("@abc00000004", ContactKind::Stranger)]);
    assert!(!known.contains(book.puid("@other000007").unwrap()));
    assert_eq!(book.puid("@abc00000004").unwrap().as_str(), "00000004", "a group member keeps the puid from the group");
}

#[test]
fn the_account_keeps_its_puid_under_a_new_nickname() {
    let owner = Puid::new("e1d54615");
    let myself = Card { nick_name: "我".into(), ..Card::bare("@me000000005", ContactKind::Myself) };
    let mut book = Book::owned(Vec::new(), Vec::new(), start(), &owner, "@me000000005");
    book.full(&[myself]);
    assert_eq!(book.puid("@me000000005"), Some(&owner));
    let (contacts, _) = written(book.take_changes());
    let renamed = Card { nick_name: "吾".into(), ..Card::bare("@again000006", ContactKind::Myself) };
    let mut book = Book::owned(contacts, Vec::new(), start() + 1.hour(), &owner, "@again000006");
    book.full(&[renamed]);
    assert_eq!(book.puid("@again000006"), Some(&owner));
}
