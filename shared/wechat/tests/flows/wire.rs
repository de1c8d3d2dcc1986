//! The exact requests, where the simulator accepts more than one form, as real servers do.

use channel::{AccountId, Channel, Error, Opening, Peer, Ticket};
use domain::contact::ContactKind;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

use crate::support::client;

/// A server that sends one of `answers` per connection. Returns its origin and the heads of its requests, line by line.
async fn scripted(answers: Vec<String>) -> (String, JoinHandle<Vec<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut heads = Vec::new();
        for answer in answers {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let (mut head, mut length) = (Vec::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                let line = line.trim_end().to_owned();
                if line.is_empty() {
                    break;
                }
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
                head.push(line);
            }
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            heads.push(head);
        }
        heads
    });
    (origin, serving)
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn ticket(desktop: bool, scanned: bool, redirect: Option<&str>) -> Ticket {
    let redirect = serde_json::to_string(&redirect).unwrap();
    Ticket::new(format!(r#"{{"uuid":"4dYw==","desktop":{desktop},"scanned":{scanned},"redirect":{redirect}}}"#))
}

const KEYS: &str = "<error><ret>0</ret><message>OK</message><skey>@crypt_1_2</skey><wxsid>aB+/c==</wxsid>\
    <wxuin>2580137561</wxuin><pass_ticket>a%2Bb%2F%3D</pass_ticket><isgrayscale>1</isgrayscale></error>";
const INIT: &str = r#"{"BaseResponse":{"Ret":0,"ErrMsg":""},"Count":0,"ContactList":[],"ChatSet":"@@a,@b,@@a,",
    "SyncKey":{"Count":1,"List":[{"Key":1,"Val":5}]},"User":{"Uin":2580137561,"UserName":"@me","NickName":"me"},
    "SKey":"@crypt_new"}"#;

#[tokio::test]
async fn a_redirect_is_read_not_followed() {
    let moved = "301 Moved\r\nlocation: /elsewhere\r\n\
        set-cookie: wxsid=aB+/c==; Path=/; Expires=Mon, 31-Dec-2029 12:00:00 GMT\r\n\
        set-cookie: webwx_data_ticket=gSe; Path=/; Expires=Mon, 31-Dec-2029 12:00:00 GMT";
    let answers = vec![answer(moved, KEYS), answer("200 OK", INIT), answer("200 OK", "{}")];
    let (origin, serving) = scripted(answers).await;
    let redirect = format!("{origin}/cgi-bin/mmwebwx-bin/webwxnewloginpage?ticket=A@b_0&uuid=4dYw==&lang=zh_CN&scan=1");
    let opening = client(&origin).open(&ticket(true, true, Some(&redirect))).await.unwrap();
    let Opening::Opened(opened) = opening else { panic!("the login is opened") };
    assert_eq!((opened.account, opened.user.user_name.as_str()), (AccountId::new("2580137561"), "@me"));
    assert_eq!(opened.mentioned, [Peer::new("@@a", ContactKind::Group)]);

    let heads = serving.await.unwrap();
    assert_eq!(
        heads[0][0],
        "GET /cgi-bin/mmwebwx-bin/webwxnewloginpage?ticket=A@b_0&uuid=4dYw==&lang=zh_CN&scan=1&fun=new&version=v2 HTTP/1.1"
    );
    assert!(heads[0].iter().any(|line| line.starts_with("extspam: Gp8I") && line.len() > 1_000));
    assert!(heads[0].contains(&"client-version: 2.0.0".to_owned()));
    // The redirect is not followed: the next request is webwxinit, with the unchanged ticket and the cookies.
    let init = "POST /cgi-bin/mmwebwx-bin/webwxinit?lang=zh_CN&pass_ticket=a%2Bb%2F%3D&r=-1085854 HTTP/1.1";
    assert_eq!(heads[1][0], init);
    assert!(heads[1].contains(&"cookie: wxsid=aB+/c==; webwx_data_ticket=gSe".to_owned()), "{:?}", heads[1]);
    assert!(heads[2][0].starts_with("POST /cgi-bin/mmwebwx-bin/webwxstatusnotify?"), "{:?}", heads[2]);
}

#[tokio::test]
async fn a_browser_login_sends_no_desktop_headers() {
    let (origin, serving) = scripted(vec![answer("200 OK", "<error><ret>1203</ret></error>")]).await;
    let redirect = format!("{origin}/cgi-bin/mmwebwx-bin/webwxnewloginpage?ticket=A@b_0");
    let refused = client(&origin).open(&ticket(false, true, Some(&redirect))).await;
    assert_eq!(refused.err(), Some(Error::Refused { reason: "code 1203".into() }));
    let heads = serving.await.unwrap();
    assert!(!heads[0].iter().any(|line| line.starts_with("extspam") || line.starts_with("client-version")));
}

#[tokio::test]
async fn a_scanned_login_is_polled_with_another_tip() {
    let answers = vec![answer("200 OK", "window.code=408;"), answer("200 OK", "window.code=408;")];
    let (origin, serving) = scripted(answers).await;
    let client = client(&origin);
    for scanned in [false, true] {
        client.poll_login(&ticket(true, scanned, None), None).await.unwrap();
    }
    let heads = serving.await.unwrap();
    assert!(heads[0][0].contains("?loginicon=true&uuid=4dYw%3D%3D&tip=1&"), "{}", heads[0][0]);
    assert!(heads[1][0].contains("?loginicon=true&uuid=4dYw%3D%3D&tip=0&"), "{}", heads[1][0]);
}

#[tokio::test]
async fn an_account_that_is_not_named_is_logged_out() {
    let init = INIT.replace(r#""Uin":2580137561,"#, "");
    let answers = vec![answer("200 OK", KEYS), answer("200 OK", &init), answer("301 Moved", "")];
    let (origin, serving) = scripted(answers).await;
    let redirect = format!("{origin}/cgi-bin/mmwebwx-bin/webwxnewloginpage?ticket=A@b_0");
    let error = client(&origin).open(&ticket(true, true, Some(&redirect))).await.err();
    assert_eq!(error, Some(Error::Protocol { reason: "webwxinit: the account is not named".into() }));
    let heads = serving.await.unwrap();
    assert!(heads[2][0].starts_with("GET /cgi-bin/mmwebwx-bin/webwxlogout?"), "{:?}", heads[2]);
    assert!(heads[2][0].contains("&skey=%40crypt_new"), "{:?}", heads[2]);
}
