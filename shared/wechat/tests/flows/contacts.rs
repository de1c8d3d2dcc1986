//! The contact list and full cards.

use std::{collections::HashSet, time::Duration};

use channel::{Card, Connection, Error, Peer};
use domain::{contact::ContactKind, message::Content};
use simulator::{AccountSpec, Config, From, Group, Kind, Member, Person, Push};

use crate::support::{Stage, UIN, drain};

/// All cards of the contact list, and the number of its pages.
async fn all_contacts(connection: &mut dyn Connection) -> (Vec<Card>, usize) {
    let (mut cards, mut pages, mut from) = (Vec::new(), 0, Some(0));
    while let Some(start) = from {
        let page = connection.contacts(start).await.unwrap();
        cards.extend(page.cards);
        pages += 1;
        from = page.next;
    }
    (cards, pages)
}

fn peers(cards: &[Card], kind: ContactKind) -> Vec<Peer> {
    cards.iter().filter(|card| card.kind == kind).map(Card::peer).collect()
}

fn count(cards: &[Card], kind: ContactKind) -> usize {
    cards.iter().filter(|card| card.kind == kind).count()
}

fn card_of<'a>(cards: &'a [Card], name: &str) -> &'a Card {
    cards.iter().find(|card| card.nick_name == name).unwrap()
}

#[tokio::test]
async fn the_contact_list_has_pages() {
    let tom = Person {
        signature: "a < b".into(),
        alias: "tom".into(),
        ..Person::new("Tom & 🍏").remark("汤姆").from_city("浙江", "杭州").sex(1)
    };
    let spec = AccountSpec::new(UIN, "me").friends(23).groups(3, 4).official_accounts(2).friend(tom);
    let stage = Stage::set(spec).await;
    let mut opened = stage.log_in().await;
    let (cards, pages) = all_contacts(&mut *opened.connection).await;
    assert_eq!(pages, cards.len().div_ceil(10));
    assert_eq!(count(&cards, ContactKind::Friend), 24);
    assert_eq!(count(&cards, ContactKind::Group), 3);
    assert_eq!(count(&cards, ContactKind::OfficialAccount), 2);
    let names: HashSet<&str> = cards.iter().map(|card| card.user_name.as_str()).collect();
    assert_eq!(names.len(), cards.len());
    assert!(cards.iter().all(|card| card.members.is_empty()), "groups come without members");
    let tom = card_of(&cards, "Tom & 🍏");
    assert_eq!(tom.remark_name.as_deref(), Some("汤姆"));
    assert_eq!((tom.sex, tom.province.as_deref(), tom.city.as_deref()), (Some(1), Some("浙江"), Some("杭州")));
    assert_eq!((tom.signature.as_deref(), tom.alias.as_deref()), (Some("a < b"), Some("tom")));
    assert!(tom.picture_seq.is_some());
    let helper = cards.iter().find(|card| card.user_name == "filehelper");
    assert!(helper.is_none_or(|helper| helper.kind == ContactKind::Stranger));
    stage.assert_clean();
}

#[tokio::test]
async fn described_groups_have_their_members() {
    let home = Group {
        my_display_name: "班长 & 1".into(),
        ..Group::new("家").members(["Friend 1", "三叔"]).member(Member::new("五姨").display("<5>")).unsaved()
    };
    let stage = Stage::set(AccountSpec::new(UIN, "me").friends(2).groups(120, 3).group(home)).await;
    let mut opened = stage.log_in().await;
    let recent: Vec<&Card> = opened.recent.iter().filter(|card| card.kind == ContactKind::Group).collect();
    assert!(recent.iter().any(|card| card.nick_name == "家"), "a group that is not saved is a recent chat");
    assert!(recent.iter().all(|card| card.members.is_empty()));

    let (cards, _) = all_contacts(&mut *opened.connection).await;
    assert!(!cards.iter().any(|card| card.nick_name == "家"));
    let mut groups = peers(&cards, ContactKind::Group);
    groups.push(stage.group("家"));
    let described = opened.connection.describe(&groups).await.unwrap();
    assert_eq!(described.len(), 121);
    let described_peers: Vec<Peer> = described.iter().map(Card::peer).collect();
    assert_eq!(described_peers, groups, "in the requested order");
    assert!(described[..120].iter().all(|group| group.members.len() == 3 && group.member_count == 3));

    let home = &described[120];
    assert_eq!((home.nick_name.as_str(), home.member_count), ("家", 4));
    let kinds: Vec<ContactKind> = home.members.iter().map(|member| member.kind).collect();
    assert_eq!(kinds, [ContactKind::Myself, ContactKind::Stranger, ContactKind::Stranger, ContactKind::Stranger]);
    assert_eq!(home.members[0].display_name.as_deref(), Some("班长 & 1"));
    assert_eq!(home.members[1].user_name, stage.name("Friend 1"));
    let aunt = card_of(&home.members, "五姨");
    assert_eq!(aunt.display_name.as_deref(), Some("<5>"));
    stage.assert_clean();
}

/// 510 friends make more than eight batches of fifty: the ninth waits for one of the eight.
#[tokio::test]
async fn one_call_describes_at_most_fifty() {
    let long_poll = Duration::from_millis(50);
    let spec = AccountSpec::new(UIN, "me").friends(510);
    let stage = Stage::set_with(spec, Config { long_poll, ..Config::default() }).await;
    let mut opened = stage.log_in().await;
    let (cards, _) = all_contacts(&mut *opened.connection).await;
    let friends = peers(&cards, ContactKind::Friend);
    assert_eq!(friends.len(), 510);
    let described = opened.connection.describe(&friends).await.unwrap();
    assert!(described.iter().all(|card| card.kind == ContactKind::Friend));
    assert_eq!(described.iter().map(Card::peer).collect::<Vec<_>>(), friends);
    stage.assert_clean();
}

#[tokio::test]
async fn an_empty_list_of_peers_needs_no_call() {
    let stage = Stage::set(AccountSpec::new(UIN, "me")).await;
    let mut opened = stage.log_in().await;
    stage.world.fault(simulator::Fault::on("webwxbatchgetcontact").status(500));
    assert_eq!(opened.connection.describe(&[]).await.unwrap(), []);
}

/// The number of round trips limits how fast a large contact book is read: the five pages of the list are sequential, the
/// batches of groups run in parallel, and the notice to the phone runs in the background.
#[tokio::test]
async fn a_large_contact_book_needs_few_round_trips() {
    let spec = AccountSpec::new(UIN, "me").friends(2_000).groups(50, 100);
    let latency = Duration::from_millis(20);
    let stage = Stage::set_with(spec, Config { latency, ..Config::default() }).await;
    let mut opened = stage.log_in().await;
    let (cards, pages) = all_contacts(&mut *opened.connection).await;
    assert_eq!(pages, 5);
    let groups = peers(&cards, ContactKind::Group);
    let described = opened.connection.describe(&groups).await.unwrap();
    assert_eq!(described.iter().map(|group| group.members.len()).sum::<usize>(), 5_000);
    stage.assert_clean();
}

#[tokio::test]
async fn a_friend_request_is_accepted_and_the_friend_gets_a_remark() {
    let stage = Stage::set(AccountSpec::new(UIN, "me").friends(1)).await;
    let mut opened = stage.log_in().await;
    let kind = Kind::FriendRequest { person: Person::new("新人"), words: "我是<新人>".into() };
    stage.world.push(UIN, &Push::kind(From::Special("fmessage".into()), kind)).unwrap();
    let request = drain(&mut opened).await.pop().unwrap();
    let Content::Friends { username, ticket, .. } = request.content else { panic!("{request:?}") };
    opened.connection.accept_friend(&username, &ticket).await.unwrap();
    let batch = opened.connection.fetch(&opened.cursor).await.unwrap();
    assert_eq!((&batch.changed[0].user_name, batch.changed[0].kind), (&username, ContactKind::Friend));
    opened.cursor = batch.cursor;
    let friend = batch.changed[0].peer();
    opened.connection.set_remark(&friend, "老 & \"新\"\r\n<人>").await.unwrap();
    let batch = opened.connection.fetch(&opened.cursor).await.unwrap();
    assert_eq!(batch.changed[0].remark_name.as_deref(), Some("老 & \"新\"<人>"));
    stage.assert_clean();
    let wrong = opened.connection.accept_friend(&username, "v2_wrong@stranger").await;
    assert!(matches!(wrong, Err(Error::Protocol { .. })));
}
