//! What goes over the wire where the simulator, as real servers, lets several things pass.

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};
use wechat::{Channel, LoginTicket};

use crate::support::client;

/// A server that gives these answers, one a connection, and tells what it was asked: heads, line by line.
async fn scripted(answers: Vec<String>) -> (String, JoinHandle<Vec<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
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
            asked.push(head);
        }
        asked
    });
    (origin, serving)
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn ticket(desktop: bool, scanned: bool) -> LoginTicket {
    LoginTicket { uuid: "4dYw==".into(), qr_content: None, qr_url: String::new(), desktop, scanned }
}

const KEYS: &str = "<error><ret>0</ret><message>OK</message><skey>@crypt_1_2</skey><wxsid>aB+/c==</wxsid>\
    <wxuin>2580137561</wxuin><pass_ticket>a%2Bb%2F%3D</pass_ticket><isgrayscale>1</isgrayscale></error>";
const INIT: &str = r#"{"BaseResponse":{"Ret":0,"ErrMsg":""},"Count":0,"ContactList":[],"ChatSet":"@@a,@b,@@a,",
    "SyncKey":{"Count":1,"List":[{"Key":1,"Val":5}]},"User":{"Uin":2580137561,"UserName":"@me","NickName":"me"},
    "SKey":"@crypt_new"}"#;

#[tokio::test]
async fn a_redirect_has_its_answer_in_the_body() {
    let moved = "301 Moved\r\nlocation: /elsewhere\r\n\
        set-cookie: wxsid=aB+/c==; Path=/; Expires=Mon, 31-Dec-2029 12:00:00 GMT\r\n\
        set-cookie: webwx_data_ticket=gSe; Path=/; Expires=Mon, 31-Dec-2029 12:00:00 GMT";
    let answers = vec![answer(moved, KEYS), answer("200 OK", INIT), answer("200 OK", "{}")];
    let (origin, serving) = scripted(answers).await;
    let redirect = format!("{origin}/cgi-bin/mmwebwx-bin/webwxnewloginpage?ticket=A@b_0&uuid=4dYw==&lang=zh_CN&scan=1");
    let opened = client(&origin).open(&ticket(true, true), &redirect).await.unwrap();
    assert_eq!((opened.session.uin(), opened.session.user_name()), (2_580_137_561, "@me"));
    assert_eq!(opened.mentioned, ["@@a"]);

    let asked = serving.await.unwrap();
    assert_eq!(
        asked[0][0],
        "GET /cgi-bin/mmwebwx-bin/webwxnewloginpage?ticket=A@b_0&uuid=4dYw==&lang=zh_CN&scan=1&fun=new&version=v2 HTTP/1.1"
    );
    assert!(asked[0].iter().any(|line| line.starts_with("extspam: Gp8I") && line.len() > 1_000));
    assert!(asked[0].contains(&"client-version: 2.0.0".to_owned()));
    // Not followed: the next request is webwxinit, with the ticket as it came and the cookies.
    let init = "POST /cgi-bin/mmwebwx-bin/webwxinit?lang=zh_CN&pass_ticket=a%2Bb%2F%3D&r=-1085854 HTTP/1.1";
    assert_eq!(asked[1][0], init);
    assert!(asked[1].contains(&"cookie: wxsid=aB+/c==; webwx_data_ticket=gSe".to_owned()), "{:?}", asked[1]);
    assert!(asked[2][0].starts_with("POST /cgi-bin/mmwebwx-bin/webwxstatusnotify?"), "{:?}", asked[2]);
}

#[tokio::test]
async fn the_page_in_a_browser_has_no_token() {
    let (origin, serving) = scripted(vec![answer("200 OK", "<error><ret>1203</ret></error>")]).await;
    let redirect = format!("{origin}/cgi-bin/mmwebwx-bin/webwxnewloginpage?ticket=A@b_0");
    client(&origin).open(&ticket(false, true), &redirect).await.unwrap_err();
    let asked = serving.await.unwrap();
    assert!(!asked[0].iter().any(|line| line.starts_with("extspam") || line.starts_with("client-version")));
}

#[tokio::test]
async fn a_scanned_code_is_asked_about_differently() {
    let answers = vec![answer("200 OK", "window.code=408;"), answer("200 OK", "window.code=408;")];
    let (origin, serving) = scripted(answers).await;
    let client = client(&origin);
    for scanned in [false, true] {
        client.login_status(&ticket(true, scanned)).await.unwrap();
    }
    let asked = serving.await.unwrap();
    assert!(asked[0][0].contains("?loginicon=true&uuid=4dYw%3D%3D&tip=1&"), "{}", asked[0][0]);
    assert!(asked[1][0].contains("?loginicon=true&uuid=4dYw%3D%3D&tip=0&"), "{}", asked[1][0]);
}
