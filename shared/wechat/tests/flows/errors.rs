//! The kinds of errors: the caller decides by them.

use channel::{Channel, Credentials, Cursor, Error, Opened, Peer, Ticket};
use domain::contact::ContactKind;
use simulator::{AccountSpec, Fault};

use crate::support::{Stage, UIN};

async fn stage() -> (Stage, Opened) {
    let stage = Stage::set(AccountSpec::new(UIN, "me").friends(1)).await;
    let opened = stage.log_in().await;
    (stage, opened)
}

#[tokio::test]
async fn a_server_error_is_transient() {
    let (stage, mut opened) = stage().await;
    stage.world.fault(Fault::on("webwxsync").status(503).body("@crypt_secret"));
    let error = opened.connection.fetch(&opened.cursor).await.unwrap_err();
    assert_eq!(error, Error::Transient { reason: "webwxsync: status 503".into(), sent: true });
    opened.connection.fetch(&opened.cursor).await.unwrap();
}

#[tokio::test]
async fn a_request_without_an_answer_counts_as_sent() {
    let (stage, mut opened) = stage().await;
    let friend = stage.person("Friend 1");
    stage.world.fault(Fault::on("webwxsendmsg").drop_answer());
    let error = opened.connection.send_text(&friend, "hi", "1").await.unwrap_err();
    assert!(matches!(error, Error::Transient { sent: true, .. }), "{error:?}");
    assert_eq!(stage.world.sent(UIN).len(), 1);
}

#[tokio::test]
async fn a_request_without_a_connection_is_not_sent() {
    let (stage, mut opened) = stage().await;
    let friend = stage.person("Friend 1");
    stage.simulator.stop().await;
    let error = opened.connection.send_text(&friend, "hi", "1").await.unwrap_err();
    assert_eq!(error, Error::Transient { reason: "webwxsendmsg: no connection".into(), sent: false });
}

#[tokio::test]
async fn the_codes_1100_to_1102_mean_logged_out() {
    let (stage, mut opened) = stage().await;
    let friend = stage.person("Friend 1");
    for code in [1100, 1101, 1102] {
        for endpoint in ["synccheck", "webwxsync", "webwxsendmsg", "webwxgetcontact", "webwxbatchgetcontact"] {
            stage.world.fault(Fault::on(endpoint).ret(code));
        }
        let ended = Error::LoggedOut { code: i64::from(code) };
        let connection = &mut opened.connection;
        assert_eq!(connection.wait(&opened.cursor).await.unwrap_err(), ended);
        assert_eq!(connection.fetch(&opened.cursor).await.unwrap_err(), ended);
        assert_eq!(connection.send_text(&friend, "hi", "1").await.unwrap_err(), ended);
        assert_eq!(connection.contacts(0).await.unwrap_err(), ended);
        assert_eq!(connection.describe(std::slice::from_ref(&friend)).await.unwrap_err(), ended);
    }
}

#[tokio::test]
async fn code_1205_means_rate_limited() {
    let (stage, mut opened) = stage().await;
    let friend = stage.person("Friend 1");
    stage.world.fault(Fault::on("webwxsendmsg").ret(1205));
    let error = opened.connection.send_text(&friend, "hi", "1").await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { after } if after.as_secs() > 0), "{error:?}");
    assert!(stage.world.sent(UIN).is_empty());
}

#[tokio::test]
async fn an_invalid_answer_is_reported_but_not_quoted() {
    let (stage, mut opened) = stage().await;
    stage.world.fault(Fault::on("webwxsync").body("{\"BaseResponse\": \"@crypt_secret\"}"));
    let error = opened.connection.fetch(&opened.cursor).await.unwrap_err();
    let Error::Protocol { reason } = &error else { panic!("{error:?}") };
    assert!(reason.starts_with("webwxsync: the answer is not understood") && !reason.contains("secret"), "{reason}");
    stage.world.fault(Fault::on("synccheck").body("<html>@crypt_secret</html>"));
    let error = opened.connection.wait(&opened.cursor).await.unwrap_err();
    assert_eq!(error, Error::Protocol { reason: "synccheck: the answer is not understood".into() });
    stage.world.fault(Fault::on("webwxsendmsg").ret(1));
    let filehelper = Peer::new("filehelper", ContactKind::Stranger);
    let error = opened.connection.send_text(&filehelper, "hi", "1").await.unwrap_err();
    assert_eq!(error, Error::Protocol { reason: "webwxsendmsg: code 1".into() });
    stage.world.fault(Fault::on("jslogin").status(404));
    let error = stage.client.start_login(None).await.unwrap_err();
    assert_eq!(error, Error::Protocol { reason: "jslogin: status 404".into() });
}

#[tokio::test]
async fn a_message_without_a_number_is_unconfirmed() {
    let (stage, mut opened) = stage().await;
    stage.world.fault(Fault::on("webwxsendmsg").body(r#"{"BaseResponse":{"Ret":0,"ErrMsg":""},"MsgID":""}"#));
    let error = opened.connection.send_text(&stage.person("Friend 1"), "hi", "1").await.unwrap_err();
    assert_eq!(error, Error::Unconfirmed { reason: "webwxsendmsg: there is no message number".into() });
}

#[tokio::test]
async fn unreadable_state_is_reported() {
    let (stage, mut opened) = stage().await;
    let unreadable = |what: &str| Some(Error::Protocol { reason: format!("the {what} cannot be read") });
    for state in ["", "{}", "[1]"] {
        let (ticket, cursor, credentials) = (Ticket::new(state), Cursor::new(state), Credentials::new(state));
        assert_eq!(stage.client.poll_login(&ticket, None).await.err(), unreadable("login ticket"));
        assert_eq!(stage.client.open(&ticket).await.err(), unreadable("login ticket"));
        assert_eq!(stage.client.connect(&credentials).await.err(), unreadable("credentials"));
        assert_eq!(stage.client.push_login(&credentials).await.err(), unreadable("credentials"));
        assert_eq!(opened.connection.wait(&cursor).await.err(), unreadable("cursor"));
        assert_eq!(opened.connection.fetch(&cursor).await.err(), unreadable("cursor"));
    }
    stage.assert_clean();
}
