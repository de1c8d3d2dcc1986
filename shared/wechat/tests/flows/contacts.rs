//! Who the account knows.

use std::{collections::HashSet, time::Duration};

use crate::support::{Stage, UIN};
use domain::contact::{Card, ContactKind};
use simulator::{AccountSpec, Config, Group, Member, Person};
use wechat::{Channel, Session};

async fn all(stage: &Stage, session: &mut Session) -> (Vec<Card>, usize) {
    let (mut cards, mut pages, mut from) = (Vec::new(), 0, Some(0));
    while let Some(place) = from {
        let page = stage.client.contacts(session, place).await.unwrap();
        cards.extend(page.cards);
        pages += 1;
        from = page.next;
    }
    (cards, pages)
}

fn count(cards: &[Card], kind: ContactKind) -> usize {
    cards.iter().filter(|card| card.kind == kind).count()
}

fn called<'a>(cards: &'a [Card], name: &str) -> &'a Card {
    cards.iter().find(|card| card.nick_name == name).unwrap()
}

#[tokio::test]
async fn the_list_comes_by_pages() {
    let tom = Person {
        signature: "a < b".into(),
        alias: "tom".into(),
        ..Person::new("Tom & 🍏").remark("汤姆").from_city("浙江", "杭州").sex(1)
    };
    let spec = AccountSpec::new(UIN, "me").friends(23).groups(3, 4).official_accounts(2).friend(tom);
    let stage = Stage::set(spec).await;
    let mut opened = stage.log_in().await;
    let (cards, pages) = all(&stage, &mut opened.session).await;
    assert_eq!(pages, cards.len().div_ceil(10));
    assert_eq!(count(&cards, ContactKind::Friend), 24);
    assert_eq!(count(&cards, ContactKind::Group), 3);
    assert_eq!(count(&cards, ContactKind::OfficialAccount), 2);
    let names: HashSet<&str> = cards.iter().map(|card| card.user_name.as_str()).collect();
    assert_eq!(names.len(), cards.len());
    assert!(cards.iter().all(|card| card.members.is_empty()), "groups come without members");
    let tom = called(&cards, "Tom & 🍏");
    assert_eq!(tom.remark_name.as_deref(), Some("汤姆"));
    assert_eq!((tom.sex, tom.province.as_deref(), tom.city.as_deref()), (Some(1), Some("浙江"), Some("杭州")));
    assert_eq!((tom.signature.as_deref(), tom.alias.as_deref()), (Some("a < b"), Some("tom")));
    assert!(tom.picture_seq.is_some());
    assert!(!tom.head_img_url.as_ref().unwrap().contains("skey"), "{tom:?}");
    let helper = cards.iter().find(|card| card.user_name == "filehelper");
    assert!(helper.is_none_or(|helper| helper.kind == ContactKind::Stranger));
    stage.assert_clean();
}

#[tokio::test]
async fn groups_are_described_with_their_members() {
    let home = Group {
        my_display_name: "班长 & 1".into(),
        ..Group::new("家").members(["Friend 1", "三叔"]).member(Member::new("五姨").display("<5>")).unsaved()
    };
    let stage = Stage::set(AccountSpec::new(UIN, "me").friends(2).groups(120, 3).group(home)).await;
    let mut opened = stage.log_in().await;
    let recent: Vec<&Card> = opened.recent.iter().filter(|card| card.kind == ContactKind::Group).collect();
    assert!(recent.iter().any(|card| card.nick_name == "家"), "a group that is not saved is a recent chat");
    assert!(recent.iter().all(|card| card.members.is_empty()));

    let (cards, _) = all(&stage, &mut opened.session).await;
    assert!(!cards.iter().any(|card| card.nick_name == "家"));
    let mut groups: Vec<String> =
        cards.iter().filter(|card| card.kind == ContactKind::Group).map(|card| card.user_name.clone()).collect();
    groups.push(stage.name("家"));
    let described = stage.client.describe(&mut opened.session, &groups).await.unwrap();
    assert_eq!(described.len(), 121);
    let told: Vec<&str> = described.iter().map(|card| card.user_name.as_str()).collect();
    assert_eq!(told, groups, "in the order that was asked");
    assert!(described[..120].iter().all(|group| group.members.len() == 3 && group.member_count == 3));

    let home = &described[120];
    assert_eq!((home.nick_name.as_str(), home.member_count), ("家", 4));
    let kinds: Vec<ContactKind> = home.members.iter().map(|member| member.kind).collect();
    assert_eq!(kinds, [ContactKind::Myself, ContactKind::Stranger, ContactKind::Stranger, ContactKind::Stranger]);
    assert_eq!(home.members[0].display_name.as_deref(), Some("班长 & 1"));
    assert_eq!(home.members[1].user_name, stage.name("Friend 1"));
    let aunt = called(&home.members, "五姨");
    assert_eq!(aunt.display_name.as_deref(), Some("<5>"));

    let token = home.encry_chat_room_id.clone().unwrap();
    let members: Vec<String> = home.members[1..].iter().map(|member| member.user_name.clone()).collect();
    let full = stage.client.describe_members(&mut opened.session, &token, &members).await.unwrap();
    assert_eq!(full.len(), 3);
    assert!(full.iter().all(|member| member.picture_seq.is_some() && member.kind == ContactKind::Stranger));
    stage.assert_clean();
}

/// More than eight batches of fifty: the ninth waits for one of the eight.
#[tokio::test]
async fn no_call_asks_for_more_than_fifty() {
    let long_poll = Duration::from_millis(50);
    let spec = AccountSpec::new(UIN, "me").friends(510);
    let stage = Stage::set_with(spec, Config { long_poll, ..Config::default() }).await;
    let mut opened = stage.log_in().await;
    let (cards, _) = all(&stage, &mut opened.session).await;
    let friends: Vec<String> =
        cards.into_iter().filter(|card| card.kind == ContactKind::Friend).map(|card| card.user_name).collect();
    assert_eq!(friends.len(), 510);
    let described = stage.client.describe(&mut opened.session, &friends).await.unwrap();
    assert!(described.iter().all(|card| card.kind == ContactKind::Friend));
    assert_eq!(described.into_iter().map(|card| card.user_name).collect::<Vec<_>>(), friends);
    stage.assert_clean();
}

#[tokio::test]
async fn nobody_asked_for_costs_no_call() {
    let stage = Stage::set(AccountSpec::new(UIN, "me")).await;
    let mut opened = stage.log_in().await;
    stage.world.fault(simulator::Fault::on("webwxbatchgetcontact").status(500));
    assert_eq!(stage.client.describe(&mut opened.session, &[]).await.unwrap(), []);
}

/// What the budget for a large book rests on: after webwxnewloginpage and webwxinit the five pages of the list follow
/// one another, the batches of groups go side by side, and nobody waits for the notice to the phone.
#[tokio::test]
async fn a_large_book_costs_few_round_trips() {
    let spec = AccountSpec::new(UIN, "me").friends(2_000).groups(50, 100);
    let latency = Duration::from_millis(20);
    let stage = Stage::set_with(spec, Config { latency, ..Config::default() }).await;
    let mut opened = stage.log_in().await;
    let (cards, pages) = all(&stage, &mut opened.session).await;
    assert_eq!(pages, 5);
    let groups: Vec<String> =
        cards.into_iter().filter(|card| card.kind == ContactKind::Group).map(|card| card.user_name).collect();
    let described = stage.client.describe(&mut opened.session, &groups).await.unwrap();
    assert_eq!(described.iter().map(|group| group.members.len()).sum::<usize>(), 5_000);
    stage.assert_clean();
}
