//! Inbound messages, from WeChat to the log and the inbound queue.

use domain::{contact::ContactKind, delivery::Delivery, id::Seq, message::Direction, session::SessionState};
use simulator::{Fault, From};

use crate::support::{Stage, UIN, text, until};

const CALLBACK: Option<&str> = Some("http://127.0.0.1:9/callback");

#[tokio::test]
async fn a_friends_message_becomes_a_row_and_an_envelope() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let worker = stage.worker();
    let session = stage.log_in(&app).await;
    assert_eq!((session.state, session.login_number), (SessionState::Online, 1));
    let user = session.user.unwrap();
    assert_eq!(
        (user.account.as_str(), user.puid.as_str(), user.nick_name.as_str()),
        (UIN.to_string().as_str(), "e1d54615", "我")
    );

    let id = stage.world.push_text(UIN, From::friend("老李"), "你好 <b>").unwrap();
    let envelopes = stage.take_envelopes(1).await;
    let friend = stage.contact(&app, "李雷").await;
    assert_eq!((envelopes[0].seq.get(), &envelopes[0].chat), (1, &friend.puid));

    let log = stage.log(&app, 1).await;
    let [message] = &log[..] else { panic!("{log:?}") };
    assert_eq!((message.seq.get(), message.id, text(message)), (1, id.cast_signed(), "你好 <b>"));
    assert_eq!((message.direction, message.delivery, message.is_at), (Direction::In, Delivery::Pending, None));
    assert_eq!((message.send_user.as_ref(), message.receiver.as_ref()), (Some(&friend.puid), Some(&user.puid)));
    assert_eq!((&message.send_group, &message.maps, &message.receiver_group), (&None, &None, &None));
    assert_eq!(message.receive_time, stage.fixture.relay.now());
    worker.shut_down().await;
    assert_eq!(stage.world.violations(), []);
}

#[tokio::test]
async fn a_group_message_names_its_sender() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::member("家", "三叔"), "@我\u{2005}吃饭").unwrap();
    stage.world.push_text(UIN, From::member("家", "李雷"), "来了").unwrap();
    stage.world.push_text(UIN, From::member("静", "路人"), "嘘").unwrap();
    let log = stage.log(&app, 3).await;

    let (home, quiet) = (stage.contact(&app, "家").await, stage.contact(&app, "静").await);
    assert_eq!((home.kind, quiet.kind), (ContactKind::Group, ContactKind::Group));
    let members = stage.fixture.relay.store.members(&app.id, &home.puid).await.unwrap().unwrap();
    let uncle = members.iter().find(|member| member.contact.nick_name == "三叔").unwrap();
    assert_eq!(uncle.display_name.as_deref(), Some("叔"));
    let first = &log[0];
    assert_eq!((&first.send_user, &first.send_group), (&Some(uncle.contact.puid.clone()), &Some(home.puid.clone())));
    assert_eq!((first.is_at, &first.receiver, &first.chat), (Some(true), &Some(first.owner.clone()), &home.puid));
    let friend = stage.contact(&app, "李雷").await;
    assert_eq!((&log[1].send_user, log[1].is_at), (&Some(friend.puid), Some(false)));
    assert_eq!(log[2].send_group, Some(quiet.puid), "a group outside the contact list is known as a recent chat");
    worker.shut_down().await;
}

#[tokio::test]
async fn messages_of_official_accounts_and_the_phone_are_logged_without_a_callback() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.push_text(UIN, From::official_account("日报"), "早报").unwrap();
    stage.world.push_text(UIN, From::phone("老李"), "在吗").unwrap();
    stage.world.push_text(UIN, From::phone("家"), "到了").unwrap();
    let log = stage.log(&app, 3).await;
    assert!(log.iter().all(|message| message.delivery == Delivery::Unwanted));
    let paper = stage.contact(&app, "日报").await;
    assert_eq!((&log[0].maps, &log[0].send_user), (&Some(paper.puid.clone()), &None));
    let friend = stage.contact(&app, "李雷").await;
    assert_eq!((log[1].direction, &log[1].receiver), (Direction::Out, &Some(friend.puid)));
    assert_eq!(log[1].send_user, Some(log[1].owner.clone()));
    let home = stage.contact(&app, "家").await;
    assert_eq!((&log[2].receiver, &log[2].receiver_group), (&None, &Some(home.puid)));
    worker.shut_down().await;
}

#[tokio::test]
async fn a_message_fetched_twice_is_logged_once() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    // The responses are lost, so the session fetches the messages again.
    stage.world.fault(Fault::on("webwxsync").times(2).drop_answer());
    stage.world.fault(Fault::on("synccheck").times(2).status(502));
    for n in 1..=5 {
        stage.world.push_text(UIN, From::friend("老李"), n.to_string()).unwrap();
    }
    stage.world.wait_confirmed(UIN).await;
    stage.world.push_text(UIN, From::friend("韩梅梅"), "6").unwrap();
    let texts: Vec<_> = stage.log(&app, 6).await.iter().map(|message| text(message).to_owned()).collect();
    assert_eq!(texts, ["1", "2", "3", "4", "5", "6"]);
    let mut seqs: Vec<u64> = stage.take_envelopes(6).await.iter().map(|envelope| envelope.seq.get()).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
    worker.shut_down().await;
}

#[tokio::test]
async fn an_error_is_stored_until_the_next_successful_fetch() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.fault(Fault::on("webwxsync").times(0).status(502));
    stage.world.push_text(UIN, From::friend("老李"), "hi").unwrap();
    let session = stage.session_when(&app, |session| session.last_error.is_some()).await;
    assert_eq!(session.last_error.as_deref(), Some("temporary failure: webwxsync: status 502"));
    stage.world.clear_faults();
    stage.log(&app, 1).await;
    let session = stage.session_when(&app, |session| session.last_error.is_none()).await;
    assert_eq!(session.state, SessionState::Online);
    worker.shut_down().await;
}

#[tokio::test]
async fn deleting_an_app_ends_its_session() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(CALLBACK).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    assert!(stage.fixture.relay.store.delete_app(&app.id).await.unwrap());
    stage.world.push_text(UIN, From::friend("老李"), "hi").unwrap();
    until(async || (!stage.world.state_of(UIN).unwrap().online).then_some(())).await;
    assert_eq!(stage.fixture.relay.store.head(&app.id).await.unwrap(), Seq::START);
    worker.shut_down().await;
}
