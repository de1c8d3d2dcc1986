//! Logging in, in every way there is, and staying so.

use crate::support::{Stage, UIN};
use domain::contact::ContactKind;
use simulator::{AccountSpec, Fault};
use wechat::{Channel, Error, LoginMode, LoginStatus, Session};

fn me() -> AccountSpec {
    AccountSpec::new(UIN, "小明 & 😄").friends(1)
}

#[tokio::test]
async fn a_login_is_told_step_by_step() {
    let stage = Stage::set(me()).await;
    let mut ticket = stage.client.start_login(LoginMode::Desktop).await.unwrap();
    assert!(ticket.uuid.ends_with("=="), "{}", ticket.uuid);
    assert_eq!(ticket.qr_content, Some(format!("https://login.weixin.qq.com/l/{}", ticket.uuid)));
    assert_eq!(stage.client.login_status(&ticket).await.unwrap(), LoginStatus::Waiting);

    stage.world.scan(&ticket.uuid, UIN).unwrap();
    let scanned = stage.client.login_status(&ticket).await.unwrap();
    let LoginStatus::Scanned { avatar: Some(avatar) } = scanned else { panic!("{scanned:?}") };
    assert!(avatar.starts_with("data:img/jpg;base64,"), "{avatar}");
    ticket.scanned = true;
    assert_eq!(stage.client.login_status(&ticket).await.unwrap(), LoginStatus::Waiting);

    stage.world.confirm(&ticket.uuid).unwrap();
    let confirmed = stage.client.login_status(&ticket).await.unwrap();
    let LoginStatus::Confirmed { redirect } = confirmed else { panic!("{confirmed:?}") };
    let opened = stage.client.open(&ticket, &redirect).await.unwrap();
    assert_eq!((opened.user.kind, opened.user.uin), (ContactKind::Myself, Some(UIN)));
    assert_eq!(opened.user.nick_name, "小明 & 😄");
    assert_eq!(opened.session.uin(), UIN);
    assert_eq!(opened.session.user_name(), opened.user.user_name);
    assert_eq!(stage.client.login_status(&ticket).await.unwrap(), LoginStatus::Expired);
    stage.assert_clean();
}

#[tokio::test]
async fn a_code_expires_or_is_declined() {
    let stage = Stage::set(me()).await;
    let ticket = stage.client.start_login(LoginMode::Desktop).await.unwrap();
    stage.world.expire(&ticket.uuid).unwrap();
    assert_eq!(stage.client.login_status(&ticket).await.unwrap(), LoginStatus::Expired);
    let ticket = stage.client.start_login(LoginMode::Desktop).await.unwrap();
    stage.world.scan(&ticket.uuid, UIN).unwrap();
    stage.world.cancel(&ticket.uuid).unwrap();
    assert_eq!(stage.client.login_status(&ticket).await.unwrap(), LoginStatus::Expired);
    stage.assert_clean();
}

/// The simulator answers 301 without a Location in desktop mode, 200 otherwise.
#[tokio::test]
async fn an_account_without_the_web_needs_desktop_mode() {
    let stage = Stage::set(me().no_web()).await;
    let (ticket, redirect) = stage.confirmed(LoginMode::Normal).await;
    let refused = stage.client.open(&ticket, &redirect).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused { reason } if reason.contains("不能登录网页微信")), "{refused:?}");
    stage.log_in().await;
    stage.assert_clean();
}

#[tokio::test]
async fn who_is_refused_as_a_desktop_may_try_the_page() {
    let stage = Stage::set(me()).await;
    let (ticket, redirect) = stage.confirmed(LoginMode::Desktop).await;
    let refusal = "<error><ret>1203</ret><message>no</message></error>";
    stage.world.fault(Fault::on("webwxnewloginpage").status(301).body(refusal));
    let refused = stage.client.open(&ticket, &redirect).await.unwrap_err();
    assert_eq!(refused, Error::Refused { reason: "no".into() });
    let (ticket, redirect) = stage.confirmed(LoginMode::Normal).await;
    stage.client.open(&ticket, &redirect).await.unwrap();
    stage.assert_clean();
}

#[tokio::test]
async fn a_kept_session_goes_on() {
    let stage = Stage::set(me()).await;
    let opened = stage.log_in().await;
    let kept = serde_json::to_vec(&(&opened.session, &opened.cursor)).unwrap();
    assert!(kept.len() < 3_000, "{} bytes", kept.len());
    let (mut session, cursor): (Session, _) = serde_json::from_slice(&kept).unwrap();
    let other = crate::support::client(&stage.simulator.origin());
    other.wait(&mut session, &cursor).await.unwrap();
    other.fetch(&mut session, &cursor).await.unwrap();
    stage.assert_clean();
}

#[tokio::test]
async fn the_phone_is_asked_where_a_session_was() {
    let stage = Stage::set(me()).await;
    let old = stage.log_in().await;
    stage.world.kick(UIN).unwrap();
    let ticket = stage.client.push_login(&old.session).await.unwrap();
    assert_eq!(ticket.qr_content, None);
    stage.world.confirm_push_login(UIN).unwrap();
    let confirmed = stage.client.login_status(&ticket).await.unwrap();
    let LoginStatus::Confirmed { redirect } = confirmed else { panic!("{confirmed:?}") };
    let new = stage.client.open(&ticket, &redirect).await.unwrap();
    assert_eq!(new.session.uin(), UIN);
    assert_ne!(new.session, old.session);
    stage.assert_clean();
}

#[tokio::test]
async fn a_push_login_may_be_refused() {
    let stage = Stage::set(me()).await;
    let old = stage.log_in().await;
    stage.world.fault(Fault::on("webwxpushloginurl").body(r#"{"ret":"1","msg":"push login fail","uuid":""}"#));
    let refused = stage.client.push_login(&old.session).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused:?}");
}

#[tokio::test]
async fn one_login_replaces_another() {
    let stage = Stage::set(me()).await;
    let mut first = stage.log_in().await;
    let mut second = stage.log_in().await;
    let ended = stage.client.wait(&mut first.session, &first.cursor).await.unwrap_err();
    assert_eq!(ended, Error::LoggedOut { code: 1101 });
    let ended = stage.client.fetch(&mut first.session, &first.cursor).await.unwrap_err();
    assert_eq!(ended, Error::LoggedOut { code: 1101 });
    stage.client.fetch(&mut second.session, &second.cursor).await.unwrap();
    stage.assert_clean();
}

#[tokio::test]
async fn a_closed_session_has_ended() {
    let stage = Stage::set(me()).await;
    let mut opened = stage.log_in().await;
    stage.client.close(&mut opened.session).await.unwrap();
    stage.world.wait_offline(UIN).await;
    let ended = stage.client.wait(&mut opened.session, &opened.cursor).await.unwrap_err();
    assert!(matches!(ended, Error::LoggedOut { .. }), "{ended:?}");
    stage.client.close(&mut opened.session).await.unwrap();
    stage.assert_clean();
}

#[tokio::test]
async fn a_confirmed_login_survives_a_failing_init() {
    let stage = Stage::set(me()).await;
    stage.world.fault(Fault::on("webwxinit").times(2).status(502));
    stage.log_in().await;
    stage.world.fault(Fault::on("webwxinit").times(3).drop_connection());
    let (ticket, redirect) = stage.confirmed(LoginMode::Desktop).await;
    let failed = stage.client.open(&ticket, &redirect).await.unwrap_err();
    assert!(matches!(failed, Error::Transient { sent: true, .. }), "{failed:?}");
    stage.assert_clean();
}
