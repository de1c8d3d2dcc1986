//! Logins and their ends.

use domain::{
    job::{Command, JobState},
    session::{EndReason, SessionState},
};
use simulator::{Fault, From};

use crate::support::{Stage, UIN, account, text, within};

const DONE: JobState = JobState::Sent { message_id: None };

#[tokio::test]
async fn each_step_is_told() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    let uuid = stage.code(&app).await;
    let session = stage.session(&app, |_| true).await;
    let login = session.login.unwrap();
    assert_eq!(login.qr_code().unwrap().content, format!("https://login.weixin.qq.com/l/{uuid}"));
    assert_eq!(stage.done(&app, Command::Login).await, DONE, "another login joins");
    assert_eq!(stage.session(&app, |_| true).await.login.unwrap().uuid, uuid);
    stage.world.scan(&uuid, UIN).unwrap();
    let scanned = stage.session(&app, |session| session.state == SessionState::Scanned).await;
    assert!(scanned.login.unwrap().avatar().unwrap().starts_with("data:img/jpg;base64,"));
    stage.world.confirm(&uuid).unwrap();
    let online = stage.session(&app, |session| session.last_sync.is_some()).await;
    assert_eq!((online.state, online.login.unwrap().uuid), (SessionState::Online, uuid));
    assert_eq!(stage.done(&app, Command::Login).await, DONE, "online there is nothing to do");
    assert_eq!(stage.world.state_of(UIN).unwrap().logins, 1);
    worker.end().await;
}

#[tokio::test]
async fn a_code_that_is_not_used_expires() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    let uuid = stage.code(&app).await;
    stage.world.expire(&uuid).unwrap();
    let session = stage.session(&app, |session| session.state == SessionState::Offline).await;
    assert_eq!(session.ending, Some(EndReason::Expired));
    stage.log_in(&app).await;
    worker.end().await;
}

#[tokio::test]
async fn an_account_that_is_refused_as_a_desktop_scans_again_as_a_browser() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    let refusal = "<error><ret>1203</ret><message>no</message></error>";
    stage.world.fault(Fault::on("webwxnewloginpage").body(refusal));
    let uuid = stage.code(&app).await;
    stage.world.log_in(&uuid, UIN).unwrap();
    let waiting = |session: &domain::session::Session| {
        session.state == SessionState::Waiting && session.login.as_ref().is_some_and(|login| login.uuid != uuid)
    };
    let second = stage.session(&app, waiting).await.login.unwrap().uuid;
    stage.world.log_in(&second, UIN).unwrap();
    stage.session(&app, |session| session.state == SessionState::Online).await;
    worker.end().await;
}

#[tokio::test]
async fn without_a_code_the_job_says_why() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.world.fault(Fault::on("jslogin").times(3).status(502));
    let told = stage.done(&app, Command::Login).await;
    assert_eq!(told, JobState::Failed { why: "temporary failure: jslogin: status 502".into() });
    let session = stage.session(&app, |session| session.state == SessionState::Offline).await;
    assert!(matches!(session.ending, Some(EndReason::Failed { .. })));
    worker.end().await;
}

#[tokio::test]
async fn the_first_account_is_bound_and_another_turned_away() {
    let stage = Stage::start().await;
    let app = stage.new_app().await;
    let worker = stage.worker();
    let session = stage.log_in(&app).await;
    let bound = stage.fixture.relay.store.app(&app.id).await.unwrap().unwrap().bound.unwrap();
    assert_eq!((bound.account.as_str(), &bound.nick_name[..]), (UIN.to_string().as_str(), "我"));
    assert_eq!(bound.puid, session.user.unwrap().puid);
    assert_eq!(stage.done(&app, Command::Logout).await, DONE);
    let session = stage.session(&app, |session| session.state == SessionState::Offline).await;
    assert_eq!((session.ending, session.credentials.is_none()), (Some(EndReason::LoggedOut), true));
    assert!(!stage.world.state_of(UIN).unwrap().online);

    let other = stage.world.account(account(UIN + 1));
    let uuid = stage.code(&app).await;
    stage.world.log_in(&uuid, other).unwrap();
    let session = stage.session(&app, |session| session.state == SessionState::Offline).await;
    assert_eq!((session.ending, session.credentials.is_none()), (Some(EndReason::AccountMismatch), true));
    assert!(!stage.world.state_of(other).unwrap().online, "it was logged out at once");
    worker.end().await;
}

#[tokio::test]
async fn a_session_that_wechat_ended_goes_on_after_a_word_from_the_phone() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.kick(UIN).unwrap();
    within(stage.world.wait_push_login(UIN)).await;
    let waiting = stage.session(&app, |session| session.state == SessionState::Waiting).await;
    assert_eq!(waiting.login.unwrap().qr_code(), None);
    stage.world.confirm_push_login(UIN).unwrap();
    let online =
        stage.session(&app, |session| session.state == SessionState::Online && session.last_sync.is_some()).await;
    assert_eq!((online.login_number, online.ending), (2, None));
    stage.world.push_text(UIN, From::friend("老李"), "还在").unwrap();
    assert_eq!(text(&stage.log(&app, 1).await[0]), "还在");
    worker.end().await;
}

#[tokio::test]
async fn a_phone_that_declines_leaves_the_session_ended() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.end_login(UIN, 1102).unwrap();
    within(stage.world.wait_push_login(UIN)).await;
    stage.session(&app, |session| session.state == SessionState::Waiting).await;
    stage.world.decline_push_login(UIN).unwrap();
    let session =
        stage.session(&app, |session| session.state == SessionState::Offline && session.credentials.is_none()).await;
    assert_eq!(session.ending, Some(EndReason::EndedByWeChat { code: 1102 }));
    worker.end().await;
}

#[tokio::test]
async fn a_login_that_is_asked_for_has_a_code_even_while_the_phone_is_asked() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.kick(UIN).unwrap();
    within(stage.world.wait_push_login(UIN)).await;
    let uuid = stage.code(&app).await;
    let login = stage.session(&app, |session| session.state == SessionState::Waiting).await.login.unwrap();
    assert!(login.qr_code().is_some());
    stage.world.log_in(&uuid, UIN).unwrap();
    stage.session(&app, |session| session.state == SessionState::Online).await;
    worker.end().await;
}
