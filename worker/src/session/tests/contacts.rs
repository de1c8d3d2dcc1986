//! Contacts that change while a session is online, and updates of all of them.

use std::collections::HashMap;

use channel::{Batch, Card, ContactPage, Error, Peer};
use domain::{
    contact::{Contact, ContactKind, Member},
    job::{Command, Job, JobState},
    puid::Puid,
    session::{Progress, SessionState},
};
use store::{List, NameRows, Names, Place};

use super::{
    Running, Stage,
    scripted::{FRIEND, batch},
    settle,
};
use crate::session::PendingCommand;

/// A user name whose puid, if it is new, is `number` in eight hex digits.
fn user_name(number: u32) -> String {
    format!("@{:032x}{number:08x}", u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn puid(number: u32) -> Puid {
    Puid::new(format!("{number:08x}"))
}

fn friend(number: u32) -> Card {
    Card {
        nick_name: format!("nick {number}"),
        city: Some("杭州".into()),
        signature: Some(format!("想念从前{number}")),
        picture_seq: Some(700_000_000 + u64::from(number)),
        ..Card::bare(user_name(number), ContactKind::Friend)
    }
}

fn group(number: u32, members: impl IntoIterator<Item = u32>) -> Card {
    let member = |number| Card { kind: ContactKind::Stranger, ..friend(number) };
    let members: Vec<Card> = members.into_iter().map(member).collect();
    Card {
        nick_name: format!("group {number}"),
        member_count: u32::try_from(members.len()).unwrap(),
        members,
        ..Card::bare(format!("@{}", user_name(number)), ContactKind::Group)
    }
}

fn nothing() -> Batch {
    batch("9", &[])
}

const FRIENDS: u32 = 600;
const FIRST_GROUP: u32 = 50_000;
const GROUPS: u32 = 5;
const FIRST_STRANGER: u32 = 60_000;
const STRANGERS: u32 = 60;

/// The members of a group: the first friend, and strangers of its own.
fn members_of(number: u32) -> impl Iterator<Item = u32> {
    let first = FIRST_STRANGER + (number - FIRST_GROUP) * STRANGERS;
    (first..first + STRANGERS).chain([0])
}

fn groups() -> impl Iterator<Item = Card> {
    (FIRST_GROUP..FIRST_GROUP + GROUPS).map(|number| group(number, members_of(number)))
}

/// The contact list: friends, and groups without their members.
fn listing(friends: impl IntoIterator<Item = u32>) -> ContactPage {
    let groups = groups().map(|group| Card { members: Vec::new(), ..group });
    ContactPage { cards: friends.into_iter().map(friend).chain(groups).collect(), next: None }
}

impl Stage {
    /// A session that is online with 600 friends and five groups of 61.
    async fn with_contacts() -> (Self, Running) {
        let stage = Self::new().await;
        stage.channel.contacts(Ok(listing(0..FRIENDS)));
        groups().for_each(|group| stage.channel.describes(group));
        let running = stage.online().await;
        stage.assert_derived().await;
        stage.meter.take();
        (stage, running)
    }

    async fn contact(&self, puid: &Puid) -> Contact {
        let contact = self.fixture.relay.store.contact(&self.app.id, puid).await.unwrap();
        contact.expect("a contact")
    }

    async fn members(&self, group: &Puid) -> Vec<Member> {
        self.fixture.relay.store.members(&self.app.id, group).await.unwrap().expect("a group")
    }

    async fn names(&self) -> Names {
        self.fixture.relay.store.names(&self.app.id, &NameRows::all()).await.unwrap()
    }

    /// Asserts that lists and name table say what the contacts and members say.
    async fn assert_derived(&self) {
        let (store, app) = (&self.fixture.relay.store, &self.app.id);
        let head = store.book(app).await.unwrap();
        assert!(head.is_current());
        let lists = head.lists.as_ref().unwrap();
        let mut contacts = store.contacts(app).await.unwrap();
        contacts.sort_by_key(Place::of);
        for list in [List::Friends, List::Groups, List::OfficialAccounts] {
            let expected: Vec<&Contact> = contacts.iter().filter(|contact| List::of(contact) == Some(list)).collect();
            let read = store.list_parts(app, lists.parts(list)).await.unwrap();
            let listed: Vec<&Contact> = lists.parts(list).iter().flat_map(|part| &read[part]).collect();
            assert_eq!(listed, expected, "{list:?}");
        }
        let names = self.names().await;
        let present: HashMap<&Puid, &Contact> =
            contacts.iter().filter(|contact| contact.present).map(|contact| (&contact.puid, contact)).collect();
        let members = store.all_members(app).await.unwrap();
        let members = members.iter().filter(|(group, _)| present.contains_key(group)).flat_map(|(_, members)| members);
        for contact in members.map(|member| &member.contact).chain(present.values().copied()) {
            assert_eq!(names.get(&contact.user_name).as_ref(), Some(&contact.puid), "{contact:?}");
            assert!(names.is_taken(&contact.puid));
        }
    }

    /// The update's job, as `POST /update` puts it, handed to the session.
    pub(super) async fn update(&self, running: &Running) -> Job {
        let relay = &self.fixture.relay;
        let id = self.row().await.update_job(&self.app.id);
        let job = Job::queued(id.clone(), self.app.id.clone(), 0, Command::Update, relay.now());
        relay.store.put_job(&job).await.unwrap();
        running.commands.send(PendingCommand { job: id, receipt: None }).unwrap();
        settle().await;
        job
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_friend_takes_a_few_units() {
    let (stage, running) = Stage::with_contacts().await;
    let renamed = Card { nick_name: "新名".into(), ..Card::bare(user_name(7), ContactKind::Friend) };
    stage.channel.bring(Batch { changed: vec![renamed], ..nothing() });
    settle().await;
    let units = stage.meter.take();
    assert!(units.read <= 16 && units.written <= 24, "{units:?}");
    let contact = stage.contact(&puid(7)).await;
    assert_eq!((contact.nick_name.as_str(), contact.city.as_deref()), ("新名", Some("杭州")));
    stage.assert_derived().await;

    let before = stage.fixture.relay.store.book(&stage.app.id).await.unwrap().version;
    let same = Card { nick_name: "新名".into(), ..Card::bare(user_name(7), ContactKind::Friend) };
    stage.channel.bring(Batch { changed: vec![same], ..nothing() });
    settle().await;
    assert_eq!(stage.fixture.relay.store.book(&stage.app.id).await.unwrap().version, before, "nothing has changed");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_friend_departs_and_is_known_when_it_returns() {
    let (stage, running) = Stage::with_contacts().await;
    stage.channel.bring(Batch { deleted: vec![Peer::new(user_name(7), ContactKind::Stranger)], ..nothing() });
    settle().await;
    let units = stage.meter.take();
    assert!(units.read <= 16 && units.written <= 24, "{units:?}");
    assert!(!stage.contact(&puid(7)).await.present);
    stage.assert_derived().await;

    let back = Card { user_name: user_name(77_777), ..friend(7) };
    stage.channel.bring(Batch { changed: vec![back], ..nothing() });
    settle().await;
    let contact = stage.contact(&puid(7)).await;
    assert_eq!((contact.present, contact.user_name), (true, user_name(77_777)));
    stage.assert_derived().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_friend_gets_a_puid_that_nobody_has() {
    let (stage, running) = Stage::with_contacts().await;
    // Looks like a present friend, and ends as a stranger's user name does.
    let taken = format!("@aaaaaaaa1{FIRST_STRANGER:08x}");
    let new = Card { user_name: taken.clone(), ..friend(7) };
    stage.channel.bring(Batch { changed: vec![new], ..nothing() });
    settle().await;
    let units = stage.meter.take();
    assert!(units.read <= 20 && units.written <= 28, "{units:?}");
    let given = stage.names().await.get(&taken).unwrap();
    assert_eq!(given, Puid::new(format!("1{FIRST_STRANGER:08x}")));
    assert_eq!(stage.contact(&given).await.nick_name, "nick 7");
    assert_eq!(stage.contact(&puid(7)).await.user_name, user_name(7));
    stage.assert_derived().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_group_touches_its_own_rows_only() {
    let (stage, running) = Stage::with_contacts().await;
    let rows = stage.fixture.relay.store.all_members(&stage.app.id).await.unwrap();
    let mut changed = group(FIRST_GROUP, members_of(FIRST_GROUP).skip(1).chain([9, 70_000]));
    changed.members[3].display_name = Some("群名片".into());
    stage.channel.describes(changed.clone());
    stage.channel.bring(Batch { changed: vec![Card { members: Vec::new(), ..changed }], ..nothing() });
    settle().await;
    let units = stage.meter.take();
    assert!(units.read <= 28 && units.written <= 40, "{units:?}");
    let members = stage.members(&puid(FIRST_GROUP)).await;
    assert_eq!(members.len(), 62);
    assert_eq!(members[3].display_name.as_deref(), Some("群名片"));
    let by_puid = |number| members.iter().find(|member| member.contact.puid == puid(number)).map(|m| &m.contact);
    assert_eq!(by_puid(FIRST_STRANGER), None, "has left");
    assert_eq!(by_puid(70_000).map(|contact| contact.kind), Some(ContactKind::Stranger), "has joined");
    assert_eq!(by_puid(9).map(|contact| contact.kind), Some(ContactKind::Friend), "a friend has joined");
    assert_eq!(by_puid(0).map(|contact| contact.kind), Some(ContactKind::Friend), "a friend as before");
    let others = stage.fixture.relay.store.all_members(&stage.app.id).await.unwrap();
    assert_eq!(rows[1..], others[1..]);
    stage.assert_derived().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_was_deleted_returns_with_its_puid_and_its_members() {
    let (stage, running) = Stage::with_contacts().await;
    let gone = group(FIRST_GROUP, []).peer();
    stage.channel.bring(Batch { deleted: vec![gone], ..nothing() });
    settle().await;
    assert!(!stage.contact(&puid(FIRST_GROUP)).await.present);
    let mut back = group(FIRST_GROUP, members_of(FIRST_GROUP));
    back.user_name = format!("@{}", user_name(90_000));
    for (number, member) in (91_000..).zip(&mut back.members) {
        if member.user_name != user_name(0) {
            member.user_name = user_name(number);
        }
    }
    stage.channel.describes(back.clone());
    stage.channel.bring(Batch { mentioned: vec![back.peer()], ..nothing() });
    settle().await;
    let group = stage.contact(&puid(FIRST_GROUP)).await;
    assert_eq!((group.present, group.user_name), (true, back.user_name));
    let members = stage.members(&puid(FIRST_GROUP)).await;
    assert_eq!(members[0].contact.puid, puid(FIRST_STRANGER));
    stage.assert_derived().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_has_left_behind_is_derived_anew() {
    let (stage, running) = Stage::with_contacts().await;
    let (store, app) = (&stage.fixture.relay.store, &stage.app.id);
    let head = store.book(app).await.unwrap();
    store.begin_book(app, &head).await.unwrap();
    let contact = Contact { nick_name: "x".into(), ..stage.contact(&puid(3)).await };
    store.put_contacts(app, &[contact, testing::contact("abcdabcd", ContactKind::Friend, "new")]).await.unwrap();
    let renamed = Card { nick_name: "新名".into(), ..Card::bare(user_name(7), ContactKind::Friend) };
    stage.channel.bring(Batch { changed: vec![renamed], ..nothing() });
    settle().await;
    assert_eq!(stage.contact(&puid(7)).await.nick_name, "新名");
    stage.assert_derived().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_table_that_was_left_behind_is_derived_before_a_sender_counts_as_unknown() {
    let (stage, running) = Stage::with_contacts().await;
    let (store, app) = (&stage.fixture.relay.store, &stage.app.id);
    let known = stage.names().await.get(FRIEND).unwrap();
    store.begin_book(app, &store.book(app).await.unwrap()).await.unwrap();
    store.put_names(app, &Names::of_new_login()).await.unwrap();
    stage.channel.bring(batch("9", &[(1, "一")]));
    settle().await;
    assert_eq!(stage.log().await[0].chat, known);
    stage.assert_derived().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_update_reads_all_contacts_while_messages_go_on() {
    let (stage, running) = Stage::with_contacts().await;
    let synced = stage.row().await;
    assert_eq!((synced.updating, synced.syncs), (false, 1));
    // A group that is saved nowhere, known from a message.
    let unsaved = group(55_000, [0, 1, 2]);
    stage.channel.describes(unsaved.clone());
    stage.channel.bring(Batch { mentioned: vec![unsaved.peer()], ..nothing() });
    settle().await;

    let held = stage.channel.hold_contacts().await;
    // Friend 5 is deleted at the phone, and 1,000 is new; 6 departs and 2,000 comes while the list is read.
    stage.channel.contacts(Ok(listing((0..FRIENDS).filter(|number| *number != 5).chain([1_000]))));
    let job = stage.update(&running).await;
    assert!(stage.row().await.updating);
    stage.channel.bring(Batch {
        deleted: vec![Peer::new(user_name(6), ContactKind::Stranger)],
        changed: vec![friend(2_000)],
        ..batch("10", &[(1, "一")])
    });
    settle().await;
    assert_eq!(stage.log().await.len(), 1, "messages go on");
    let again = stage.update(&running).await;
    assert_eq!(again.id, job.id, "a second request joins it");
    assert_eq!(stage.job(&job.id).await, JobState::Sending { uncertain: true });
    drop(held);
    settle().await;

    assert_eq!(stage.job(&job.id).await, JobState::Sent { message_id: None });
    assert_eq!(stage.channel.count("contacts"), 2, "the login's and the update's");
    let row = stage.row().await;
    assert_eq!((row.state, row.updating, row.syncs, row.sync_error), (SessionState::Online, false, 2, None));
    assert!(row.last_sync > synced.last_sync);
    assert_eq!(row.contacts.done, row.contacts.total);
    let is_present = async |number| stage.contact(&puid(number)).await.present;
    assert!(!is_present(5).await && is_present(1_000).await);
    assert!(!is_present(6).await, "it has departed after it was listed");
    assert!(is_present(2_000).await, "it has come after the list was read");
    assert!(is_present(55_000).await, "a group that is saved nowhere");
    assert!(stage.contact(&Puid::new("e1d54615")).await.present, "the account itself");
    stage.assert_derived().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_update_without_changes_writes_no_contact() {
    let (stage, running) = Stage::with_contacts().await;
    let before = stage.fixture.relay.store.book(&stage.app.id).await.unwrap();
    let mut all = listing(0..FRIENDS);
    all.cards.push(Card::bare(FRIEND, ContactKind::Friend));
    stage.channel.contacts(Ok(all));
    let job = stage.update(&running).await;
    assert_eq!(stage.job(&job.id).await, JobState::Sent { message_id: None });
    assert_eq!(stage.fixture.relay.store.book(&stage.app.id).await.unwrap(), before);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_fails_ends_its_job_and_leaves_the_session_online() {
    let (stage, running) = Stage::with_contacts().await;
    let before = stage.row().await;
    stage.channel.contacts(Err(Error::Protocol { reason: "code 1".to_owned() }));
    let job = stage.update(&running).await;
    let why = "the contacts could not be read: unexpected answer: code 1".to_owned();
    assert_eq!(stage.job(&job.id).await, JobState::Failed { why: why.clone() });
    let row = stage.row().await;
    assert_eq!((row.state, row.updating, row.syncs, row.sync_error), (SessionState::Online, false, 2, Some(why)));
    assert_eq!((row.contacts, row.last_sync), (before.contacts, before.last_sync));
    assert!(stage.contact(&puid(5)).await.present);

    stage.channel.contacts(Ok(listing(0..FRIENDS)));
    let next = stage.update(&running).await;
    assert_ne!(next.id, job.id, "another update is another job");
    assert_eq!(stage.job(&next.id).await, JobState::Sent { message_id: None });
    assert_eq!(stage.row().await.sync_error, None);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_update_begins_anew_after_a_restart() {
    let (stage, running) = Stage::with_contacts().await;
    let held = stage.channel.hold_contacts().await;
    let job = stage.update(&running).await;
    running.stop().await;
    drop(held);
    let running = stage.run();
    settle().await;
    assert!(!stage.row().await.updating);
    stage.channel.contacts(Ok(listing(0..FRIENDS - 1)));
    assert_eq!(stage.update(&running).await.id, job.id);
    assert_eq!(stage.job(&job.id).await, JobState::Sent { message_id: None });
    assert!(!stage.contact(&puid(FRIENDS - 1)).await.present);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_logout_ends_a_running_update() {
    let (stage, running) = Stage::with_contacts().await;
    let held = stage.channel.hold_contacts().await;
    let job = stage.update(&running).await;
    stage.command(&running, Command::Logout).await;
    assert_eq!(stage.job(&job.id).await, JobState::Failed { why: "the session is offline".to_owned() });
    let row = stage.row().await;
    assert_eq!((row.state, row.updating), (SessionState::Offline, false));
    drop(held);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_during_the_sync_of_the_login_joins_it() {
    let stage = Stage::new().await;
    stage.channel.contacts(Ok(listing(0..3)));
    let held = stage.channel.hold_contacts().await;
    let running = stage.online().await;
    assert!(stage.row().await.updating);
    let job = stage.update(&running).await;
    assert_eq!(stage.job(&job.id).await, JobState::Queued);
    drop(held);
    settle().await;
    assert_eq!(stage.job(&job.id).await, JobState::Sent { message_id: None });
    assert_eq!((stage.channel.count("contacts"), stage.row().await.syncs), (1, 1));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_update_shows_how_many_contacts_were_read() {
    let (stage, running) = Stage::with_contacts().await;
    let total = stage.row().await.contacts.total;
    let held = stage.channel.hold_contacts().await;
    stage.update(&running).await;
    assert_eq!(stage.row().await.contacts, Progress { done: 0, total });
    drop(held);
    running.stop().await;
}
