//! Logins by QR code and by push, sessions that continue, and sessions that end.

use channel::{AccountId, Channel, Error, LoginProgress, LoginStep, NewLogin, Opening, Ticket};
use domain::contact::ContactKind;
use simulator::{AccountSpec, Fault};

use crate::support::{Stage, UIN, client};

/// An answer of webwxnewloginpage that refuses a desktop login.
const REFUSAL: &str = "<error><ret>1203</ret><message>no</message></error>";

fn me() -> AccountSpec {
    AccountSpec::new(UIN, "小明 & 😄").friends(1)
}

async fn poll(stage: &Stage, ticket: &Ticket) -> LoginProgress {
    stage.client.poll_login(ticket, None).await.unwrap()
}

/// Confirms a desktop login, which WeChat then refuses; returns the browser login that replaces it.
async fn browser_login(stage: &Stage) -> NewLogin {
    let ticket = stage.confirmed().await;
    stage.world.fault(Fault::on("webwxnewloginpage").status(301).body(REFUSAL));
    match stage.client.open(&ticket).await.unwrap() {
        Opening::Restarted(login) => login,
        Opening::Opened(_) => panic!("the desktop login is refused"),
    }
}

#[tokio::test]
async fn a_login_reports_each_step() {
    let stage = Stage::set(me()).await;
    let login = stage.client.start_login(None).await.unwrap();
    assert!(login.id.ends_with("=="), "{}", login.id);
    assert_eq!(
        login.step,
        LoginStep::ScanQrCode {
            content: format!("https://login.weixin.qq.com/l/{}", login.id),
            page: Some(format!("https://login.weixin.qq.com/qrcode/{}", login.id)),
        }
    );
    assert_eq!(poll(&stage, &login.ticket).await, LoginProgress::Unchanged);

    stage.world.scan(&login.id, UIN).unwrap();
    let scanned = poll(&stage, &login.ticket).await;
    let LoginProgress::Step { ticket, step: LoginStep::ConfirmOnPhone { avatar: Some(avatar) } } = scanned else {
        panic!("{scanned:?}")
    };
    assert!(avatar.starts_with("data:img/jpg;base64,"), "{avatar}");
    assert_eq!(poll(&stage, &ticket).await, LoginProgress::Unchanged);

    stage.world.confirm(&login.id).unwrap();
    let confirmed = poll(&stage, &ticket).await;
    let LoginProgress::Confirmed { ticket } = confirmed else { panic!("{confirmed:?}") };
    let opened = stage.open(&ticket).await;
    assert_eq!((opened.user.kind, opened.user.account), (ContactKind::Myself, Some(opened.account.clone())));
    assert_eq!(opened.user.nick_name, "小明 & 😄");
    assert_eq!(opened.account, AccountId::new(UIN.to_string()));
    assert_eq!(poll(&stage, &ticket).await, LoginProgress::Expired);
    stage.assert_clean();
}

#[tokio::test]
async fn a_login_expires_or_is_cancelled() {
    let stage = Stage::set(me()).await;
    let login = stage.client.start_login(None).await.unwrap();
    stage.world.expire(&login.id).unwrap();
    assert_eq!(poll(&stage, &login.ticket).await, LoginProgress::Expired);
    let login = stage.client.start_login(None).await.unwrap();
    stage.world.scan(&login.id, UIN).unwrap();
    stage.world.cancel(&login.id).unwrap();
    assert_eq!(poll(&stage, &login.ticket).await, LoginProgress::Expired);
    stage.assert_clean();
}

#[tokio::test]
async fn a_login_opens_only_when_confirmed() {
    let stage = Stage::set(me()).await;
    let login = stage.client.start_login(None).await.unwrap();
    let error = stage.client.open(&login.ticket).await.err();
    assert_eq!(error, Some(Error::Protocol { reason: "login: the ticket is not confirmed".into() }));
}

/// The simulator answers 301 without a Location in desktop mode, 200 otherwise.
#[tokio::test]
async fn an_account_without_web_access_needs_desktop_mode() {
    let stage = Stage::set(me().no_web()).await;
    let login = browser_login(&stage).await;
    let refused = stage.client.open(&stage.confirm(&login).await).await.err();
    assert!(
        matches!(&refused, Some(Error::Refused { reason }) if reason.contains("不能登录网页微信")),
        "a refused browser login ends: {refused:?}"
    );
    stage.log_in().await;
    stage.assert_clean();
}

#[tokio::test]
async fn a_refused_desktop_login_restarts_as_a_browser_login() {
    let stage = Stage::set(me()).await;
    let login = browser_login(&stage).await;
    assert!(matches!(&login.step, LoginStep::ScanQrCode { content, .. } if content.ends_with(&login.id)), "{login:?}");
    let opened = stage.open(&stage.confirm(&login).await).await;
    assert_eq!(opened.account, AccountId::new(UIN.to_string()));
    stage.assert_clean();
}

#[tokio::test]
async fn the_restart_survives_two_transient_failures() {
    let stage = Stage::set(me()).await;
    let ticket = stage.confirmed().await;
    stage.world.fault(Fault::on("webwxnewloginpage").status(301).body(REFUSAL));
    stage.world.fault(Fault::on("jslogin").times(2).status(502));
    assert!(matches!(stage.client.open(&ticket).await.unwrap(), Opening::Restarted(_)));
    stage.assert_clean();
}

#[tokio::test]
async fn a_session_continues_from_stored_credentials() {
    let stage = Stage::set(me()).await;
    let opened = stage.log_in().await;
    let (credentials, cursor) = (opened.connection.credentials(), opened.cursor);
    let stored = serde_json::to_vec(&(&credentials, &cursor)).unwrap();
    assert!(stored.len() < 3_000, "{} bytes", stored.len());
    let other = client(&stage.simulator.origin());
    let mut connection = other.connect(&credentials).await.unwrap();
    connection.wait(&cursor).await.unwrap();
    connection.fetch(&cursor).await.unwrap();
    stage.assert_clean();
}

#[tokio::test]
async fn a_push_login_needs_no_qr_code() {
    let stage = Stage::set(me()).await;
    let old = stage.log_in().await.connection.credentials();
    stage.world.kick(UIN).unwrap();
    let login = stage.client.push_login(&old).await.unwrap();
    assert_eq!(login.step, LoginStep::ConfirmOnPhone { avatar: None });
    stage.world.confirm_push_login(UIN).unwrap();
    let new = stage.open(&stage.poll_confirmed(&login.ticket).await).await;
    assert_eq!(new.account, AccountId::new(UIN.to_string()));
    assert_ne!(new.connection.credentials(), old);
    stage.assert_clean();
}

#[tokio::test]
async fn a_push_login_may_be_refused() {
    let stage = Stage::set(me()).await;
    let old = stage.log_in().await.connection.credentials();
    stage.world.fault(Fault::on("webwxpushloginurl").body(r#"{"ret":"1","msg":"push login fail","uuid":""}"#));
    let refused = stage.client.push_login(&old).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_new_login_ends_the_previous_session() {
    let stage = Stage::set(me()).await;
    let mut first = stage.log_in().await;
    let mut second = stage.log_in().await;
    let ended = first.connection.wait(&first.cursor).await.unwrap_err();
    assert_eq!(ended, Error::LoggedOut { code: 1101 });
    let ended = first.connection.fetch(&first.cursor).await.unwrap_err();
    assert_eq!(ended, Error::LoggedOut { code: 1101 });
    second.connection.fetch(&second.cursor).await.unwrap();
    stage.assert_clean();
}

#[tokio::test]
async fn a_closed_session_has_ended() {
    let stage = Stage::set(me()).await;
    let mut opened = stage.log_in().await;
    opened.connection.close().await.unwrap();
    stage.world.wait_offline(UIN).await;
    let ended = opened.connection.wait(&opened.cursor).await.unwrap_err();
    assert!(matches!(ended, Error::LoggedOut { .. }), "{ended:?}");
    opened.connection.close().await.unwrap();
    stage.assert_clean();
}

#[tokio::test]
async fn a_confirmed_login_survives_two_failures_of_init() {
    let stage = Stage::set(me()).await;
    stage.world.fault(Fault::on("webwxinit").times(2).status(502));
    stage.log_in().await;
    stage.world.fault(Fault::on("webwxinit").times(3).drop_connection());
    let failed = stage.client.open(&stage.confirmed().await).await.err();
    assert!(matches!(failed, Some(Error::Transient { sent: true, .. })), "{failed:?}");
    stage.assert_clean();
}
