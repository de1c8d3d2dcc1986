//! Logins, push logins and the ways in which they end.

use domain::{
    job::{Command, JobState},
    session::{EndReason, SessionState},
};
use simulator::{Fault, From};

use crate::support::{Stage, UIN, account, text, within};

const SUCCEEDED: JobState = JobState::Sent { message_id: None };

#[tokio::test]
async fn every_login_step_is_stored_in_the_session() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    let uuid = stage.qr_login_id(&app).await;
    let session = stage.session_when(&app, |_| true).await;
    let login = session.login.unwrap();
    assert_eq!(login.qr_code().unwrap().content, format!("https://login.weixin.qq.com/l/{uuid}"));
    assert_eq!(stage.outcome(&app, Command::Login).await, SUCCEEDED, "a second login command joins the pending login");
    assert_eq!(stage.session_when(&app, |_| true).await.login.unwrap().uuid, uuid);
    stage.world.scan(&uuid, UIN).unwrap();
    let scanned = stage.session_when(&app, |session| session.state == SessionState::Scanned).await;
    assert!(scanned.login.unwrap().avatar().unwrap().starts_with("data:img/jpg;base64,"));
    stage.world.confirm(&uuid).unwrap();
    let online = stage.session_when(&app, |session| session.last_sync.is_some()).await;
    assert_eq!((online.state, online.login.unwrap().uuid), (SessionState::Online, uuid));
    assert_eq!(stage.outcome(&app, Command::Login).await, SUCCEEDED, "an online session needs no login");
    assert_eq!(stage.world.state_of(UIN).unwrap().logins, 1);
    worker.shut_down().await;
}

#[tokio::test]
async fn an_unused_qr_code_expires() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    let uuid = stage.qr_login_id(&app).await;
    stage.world.expire(&uuid).unwrap();
    let session = stage.session_when(&app, |session| session.state == SessionState::Offline).await;
    assert_eq!(session.ending, Some(EndReason::Expired));
    stage.log_in(&app).await;
    worker.shut_down().await;
}

#[tokio::test]
async fn an_account_refused_in_desktop_mode_gets_a_new_qr_code_in_normal_mode() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    let refusal = "<error><ret>1203</ret><message>no</message></error>";
    stage.world.fault(Fault::on("webwxnewloginpage").body(refusal));
    let uuid = stage.qr_login_id(&app).await;
    stage.world.log_in(&uuid, UIN).unwrap();
    let waiting = |session: &domain::session::Session| {
        session.state == SessionState::Waiting && session.login.as_ref().is_some_and(|login| login.uuid != uuid)
    };
    let second = stage.session_when(&app, waiting).await.login.unwrap().uuid;
    stage.world.log_in(&second, UIN).unwrap();
    stage.session_when(&app, |session| session.state == SessionState::Online).await;
    worker.shut_down().await;
}

#[tokio::test]
async fn a_login_that_gets_no_qr_code_states_its_reason() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.world.fault(Fault::on("jslogin").times(3).status(502));
    let outcome = stage.outcome(&app, Command::Login).await;
    assert_eq!(outcome, JobState::Failed { why: "temporary failure: jslogin: status 502".into() });
    let session = stage.session_when(&app, |session| session.state == SessionState::Offline).await;
    assert!(matches!(session.ending, Some(EndReason::Failed { .. })));
    worker.shut_down().await;
}

#[tokio::test]
async fn the_first_account_is_bound_and_another_is_refused() {
    let stage = Stage::start().await;
    let app = stage.unbound_app().await;
    let worker = stage.worker();
    let session = stage.log_in(&app).await;
    let bound = stage.fixture.relay.store.app(&app.id).await.unwrap().unwrap().bound.unwrap();
    assert_eq!((bound.account.as_str(), &bound.nick_name[..]), (UIN.to_string().as_str(), "我"));
    assert_eq!(bound.puid, session.user.unwrap().puid);
    assert_eq!(stage.outcome(&app, Command::Logout).await, SUCCEEDED);
    let session = stage.session_when(&app, |session| session.state == SessionState::Offline).await;
    assert_eq!((session.ending, session.credentials.is_none()), (Some(EndReason::LoggedOut), true));
    assert!(!stage.world.state_of(UIN).unwrap().online);

    let other = stage.world.account(account(UIN + 1));
    let uuid = stage.qr_login_id(&app).await;
    stage.world.log_in(&uuid, other).unwrap();
    let session = stage.session_when(&app, |session| session.state == SessionState::Offline).await;
    assert_eq!((session.ending, session.credentials.is_none()), (Some(EndReason::AccountMismatch), true));
    assert!(!stage.world.state_of(other).unwrap().online, "the refused account is logged out at once");
    worker.shut_down().await;
}

#[tokio::test]
async fn a_session_ended_by_wechat_resumes_after_the_phone_confirms_a_push_login() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.kick(UIN).unwrap();
    within(stage.world.wait_push_login(UIN)).await;
    let waiting = stage.session_when(&app, |session| session.state == SessionState::Waiting).await;
    assert_eq!(waiting.login.unwrap().qr_code(), None);
    stage.world.confirm_push_login(UIN).unwrap();
    let online =
        stage.session_when(&app, |session| session.state == SessionState::Online && session.last_sync.is_some()).await;
    assert_eq!((online.login_number, online.ending), (2, None));
    stage.world.push_text(UIN, From::friend("老李"), "还在").unwrap();
    assert_eq!(text(&stage.log(&app, 1).await[0]), "还在");
    worker.shut_down().await;
}

#[tokio::test]
async fn a_declined_push_login_leaves_the_session_offline() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.end_login(UIN, 1102).unwrap();
    within(stage.world.wait_push_login(UIN)).await;
    stage.session_when(&app, |session| session.state == SessionState::Waiting).await;
    stage.world.decline_push_login(UIN).unwrap();
    let session = stage
        .session_when(&app, |session| session.state == SessionState::Offline && session.credentials.is_none())
        .await;
    assert_eq!(session.ending, Some(EndReason::EndedByWeChat { code: 1102 }));
    worker.shut_down().await;
}

#[tokio::test]
async fn a_login_command_during_a_push_login_shows_a_qr_code() {
    let stage = Stage::start().await;
    let app = stage.fixture.app(None).await;
    let worker = stage.worker();
    stage.log_in(&app).await;
    stage.world.kick(UIN).unwrap();
    within(stage.world.wait_push_login(UIN)).await;
    let uuid = stage.qr_login_id(&app).await;
    let login = stage.session_when(&app, |session| session.state == SessionState::Waiting).await.login.unwrap();
    assert!(login.qr_code().is_some());
    stage.world.log_in(&uuid, UIN).unwrap();
    stage.session_when(&app, |session| session.state == SessionState::Online).await;
    worker.shut_down().await;
}
