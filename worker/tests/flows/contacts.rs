//! Contact sync, contact changes and lookups of unknown senders.

use domain::{
    contact::{Contact, ContactKind},
    job::{Command, JobState},
};
use simulator::{From, Group, Member, Person};

use crate::support::{Stage, UIN, text, until};

fn names(contacts: &[Contact], kind: ContactKind) -> Vec<&str> {
    contacts.iter().filter(|c| c.kind == kind && c.present).map(|c| c.nick_name.as_str()).collect()
}

#[tokio::test]
async fn a_login_reads_all_contacts() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    let session = stage.log_in(&app).await;
    let contacts = stage.contacts(&app).await;
    assert_eq!(names(&contacts, ContactKind::Myself), ["我"]);
    assert_eq!(names(&contacts, ContactKind::Friend).len(), 14);
    assert_eq!(names(&contacts, ContactKind::Group), ["Group 1", "Group 2", "家", "静"]);
    assert_eq!(names(&contacts, ContactKind::OfficialAccount), ["Official 1", "日报"]);
    let friend = stage.contact(&app, "李雷").await;
    assert_eq!((friend.name(), friend.city.as_deref(), friend.sex), ("老李", Some("杭州"), Some(1)));
    let group = stage.contact(&app, "Group 1").await;
    assert_eq!(group.member_count, 20);
    let members = stage.fixture.relay.store.members(&app.id, &group.puid).await.unwrap().unwrap();
    assert_eq!((members.len(), members[0].contact.puid.as_str()), (20, "e1d54615"));
    assert_eq!(session.contacts.done, session.contacts.total);
    assert_eq!(stage.fixture.relay.store.caller(&app.id).await.unwrap().unwrap().book.version, 1);
    worker.shut_down().await;
}

#[tokio::test]
async fn contacts_keep_their_puids_at_the_next_login() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    let before = stage.contacts(&app).await;
    stage.outcome(&app, Command::Logout).await;
    stage.fixture.clock.advance_seconds(3600);
    stage.world.remove_contact(UIN, "韩梅梅").unwrap();
    stage.world.edit_contact(UIN, "老李", |person| person.signature = "改了".into()).unwrap();
    stage.log_in(&app).await;
    let after = stage.contacts(&app).await;
    assert_eq!(before.len(), after.len());
    let now = stage.fixture.relay.now();
    for old in &before {
        let new = after.iter().find(|contact| contact.puid == old.puid).expect("every contact keeps its puid");
        assert_eq!(new.insert_time, old.insert_time);
        let changed = ["李雷", "韩梅梅"].contains(&old.nick_name.as_str());
        assert_eq!(new.update_time, if changed { now } else { old.update_time }, "{}", old.nick_name);
        assert_eq!(new.present, old.nick_name != "韩梅梅");
        assert!(!new.present || new.user_name != old.user_name || !old.user_name.starts_with('@'));
    }
    let members = async |name: &str| {
        let group = after.iter().find(|contact| contact.nick_name == name).unwrap();
        stage.fixture.relay.store.members(&app.id, &group.puid).await.unwrap().unwrap()
    };
    let home = members("家").await;
    assert!(
        home.iter().any(|member| member.contact.signature.as_deref() == Some("改了")),
        "the member row has the friend's new signature"
    );
    worker.shut_down().await;
}

#[tokio::test]
async fn contact_changes_are_stored_as_they_happen() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    let before = stage.contact(&app, "李雷").await;
    stage.fixture.clock.advance_seconds(60);
    stage.world.edit_contact(UIN, "老李", |person| person.signature = "新的".into()).unwrap();
    stage.world.add_friend(UIN, Person::new("新友").from_city("北京", "")).unwrap();
    stage.world.remove_contact(UIN, "韩梅梅").unwrap();
    stage.world.add_member(UIN, "家", Member::new("二婶")).unwrap();
    stage.world.push_text(UIN, From::friend("新友"), "你好").unwrap();
    let log = stage.log(&app, 1).await;
    let (friend, new) = (stage.contact(&app, "李雷").await, stage.contact(&app, "新友").await);
    assert_eq!((friend.signature.as_deref(), &friend.puid), (Some("新的"), &before.puid));
    assert_eq!((friend.remark_name.as_deref(), friend.city.as_deref()), (Some("老李"), Some("杭州")));
    assert_eq!((log[0].send_user.as_ref(), new.kind), (Some(&new.puid), ContactKind::Friend));
    assert!(!stage.contact(&app, "韩梅梅").await.present);
    let home = stage.contact(&app, "家").await;
    let members = stage.fixture.relay.store.members(&app.id, &home.puid).await.unwrap().unwrap();
    assert!(members.iter().any(|member| member.contact.nick_name == "二婶"));
    worker.shut_down().await;
}

#[tokio::test]
async fn an_unknown_group_is_fetched_and_its_message_kept() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.add_group(UIN, Group::new("新群").members(["李雷", "新人"]).unsaved()).unwrap();
    stage.world.push_text(UIN, From::member("新群", "新人"), "初来").unwrap();
    let log = stage.log(&app, 1).await;
    let group = stage.contact(&app, "新群").await;
    let members = stage.fixture.relay.store.members(&app.id, &group.puid).await.unwrap().unwrap();
    let newcomer = members.iter().find(|member| member.contact.nick_name == "新人").unwrap();
    assert_eq!((&log[0].send_group, &log[0].send_user), (&Some(group.puid), &Some(newcomer.contact.puid.clone())));
    let friend = stage.contact(&app, "李雷").await;
    assert!(members.iter().any(|member| member.contact.puid == friend.puid));

    // The lookup of the next group fails; its message is stored all the same.
    stage.world.add_group(UIN, Group::new("哑群").members(["甲"]).unsaved()).unwrap();
    stage.world.fault(simulator::Fault::on("webwxbatchgetcontact").times(0).ret(1));
    stage.world.push_text(UIN, From::member("哑群", "甲"), "在").unwrap();
    let log = stage.log(&app, 2).await;
    assert_eq!(text(&log[1]), "在");
    let (chat, sender) = (log[1].send_group.clone().unwrap(), log[1].send_user.clone().unwrap());
    assert_ne!(chat, sender);
    until(async || stage.fixture.relay.store.contact(&app.id, &chat).await.unwrap()).await;
    worker.shut_down().await;
}

#[tokio::test]
async fn an_update_reads_what_the_channel_has_not_reported() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    let session = stage.log_in(&app).await;
    let before = stage.contacts(&app).await;
    stage.world.add_group(UIN, Group::new("新群").members(["李雷", "新人"]).unsaved()).unwrap();
    stage.world.push_text(UIN, From::member("新群", "新人"), "初来").unwrap();
    stage.log(&app, 1).await;
    let update = stage.command_as(session.update_job(&app.id), &app, Command::Update).await;
    assert_eq!(stage.final_state(&update).await, JobState::Sent { message_id: None });
    let updated = stage.session_when(&app, |session| !session.updating).await;
    assert_eq!((updated.state, updated.syncs), (session.state, session.syncs + 1));
    let after = stage.contacts(&app).await;
    assert_eq!(names(&after, ContactKind::Group), ["Group 1", "Group 2", "家", "新群", "静"]);
    for contact in before {
        assert!(after.contains(&contact), "{contact:?}");
    }
    worker.shut_down().await;
    assert_eq!(stage.world.violations(), []);
}
