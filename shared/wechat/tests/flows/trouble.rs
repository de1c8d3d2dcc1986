//! What failures are called, for the caller acts on the name.

use crate::support::{Stage, UIN};
use simulator::{AccountSpec, Fault};
use wechat::{Channel, Cursor, Error, LoginMode, Opened, Session};

async fn stage() -> (Stage, Opened<Session, Cursor>) {
    let stage = Stage::set(AccountSpec::new(UIN, "me").friends(1)).await;
    let opened = stage.log_in().await;
    (stage, opened)
}

#[tokio::test]
async fn a_server_in_trouble_may_do_better_later() {
    let (stage, mut opened) = stage().await;
    stage.world.fault(Fault::on("webwxsync").status(503).body("@crypt_secret"));
    let error = stage.client.fetch(&mut opened.session, &opened.cursor).await.unwrap_err();
    assert_eq!(error, Error::Transient { reason: "webwxsync: status 503".into(), sent: true });
    stage.client.fetch(&mut opened.session, &opened.cursor).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_may_have_been_an_act() {
    let (stage, mut opened) = stage().await;
    let friend = stage.name("Friend 1");
    stage.world.fault(Fault::on("webwxsendmsg").drop_answer());
    let error = stage.client.send_text(&mut opened.session, &friend, "hi", "1").await.unwrap_err();
    assert!(matches!(error, Error::Transient { sent: true, .. }), "{error:?}");
    assert_eq!(stage.world.sent(UIN).len(), 1);
}

#[tokio::test]
async fn no_connection_means_nothing_was_sent() {
    let (stage, mut opened) = stage().await;
    let friend = stage.name("Friend 1");
    stage.simulator.stop().await;
    let error = stage.client.send_text(&mut opened.session, &friend, "hi", "1").await.unwrap_err();
    assert_eq!(error, Error::Transient { reason: "webwxsendmsg: no connection".into(), sent: false });
}

#[tokio::test]
async fn every_code_of_an_ended_session_says_so() {
    let (stage, mut opened) = stage().await;
    let friend = stage.name("Friend 1");
    for code in [1100, 1101, 1102] {
        for endpoint in ["synccheck", "webwxsync", "webwxsendmsg", "webwxgetcontact", "webwxbatchgetcontact"] {
            stage.world.fault(Fault::on(endpoint).ret(code));
        }
        let ended = Error::LoggedOut { code: i64::from(code) };
        let (client, session) = (&stage.client, &mut opened.session);
        assert_eq!(client.wait(session, &opened.cursor).await.unwrap_err(), ended);
        assert_eq!(client.fetch(session, &opened.cursor).await.unwrap_err(), ended);
        assert_eq!(client.send_text(session, &friend, "hi", "1").await.unwrap_err(), ended);
        assert_eq!(client.contacts(session, 0).await.unwrap_err(), ended);
        assert_eq!(client.describe(session, std::slice::from_ref(&friend)).await.unwrap_err(), ended);
    }
}

#[tokio::test]
async fn too_often_tells_how_long_to_wait() {
    let (stage, mut opened) = stage().await;
    let friend = stage.name("Friend 1");
    stage.world.fault(Fault::on("webwxsendmsg").ret(1205));
    let error = stage.client.send_text(&mut opened.session, &friend, "hi", "1").await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { after } if after.as_secs() > 0), "{error:?}");
    assert!(stage.world.sent(UIN).is_empty());
}

#[tokio::test]
async fn nonsense_is_named_without_being_quoted() {
    let (stage, mut opened) = stage().await;
    stage.world.fault(Fault::on("webwxsync").body("{\"BaseResponse\": \"@crypt_secret\"}"));
    let error = stage.client.fetch(&mut opened.session, &opened.cursor).await.unwrap_err();
    let Error::Protocol { reason } = &error else { panic!("{error:?}") };
    assert!(reason.starts_with("webwxsync: the answer is not understood") && !reason.contains("secret"), "{reason}");
    stage.world.fault(Fault::on("synccheck").body("<html>@crypt_secret</html>"));
    let error = stage.client.wait(&mut opened.session, &opened.cursor).await.unwrap_err();
    assert_eq!(error, Error::Protocol { reason: "synccheck: the answer is not understood".into() });
    stage.world.fault(Fault::on("webwxsendmsg").ret(1));
    let error = stage.client.send_text(&mut opened.session, "filehelper", "hi", "1").await.unwrap_err();
    assert_eq!(error, Error::Protocol { reason: "webwxsendmsg: code 1".into() });
    stage.world.fault(Fault::on("jslogin").status(404));
    let error = stage.client.start_login(LoginMode::Desktop).await.unwrap_err();
    assert_eq!(error, Error::Protocol { reason: "jslogin: status 404".into() });
}
