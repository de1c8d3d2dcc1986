//! A minimal protocol client that sends the same requests as WeChat's own page.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use simulator::Simulator;

/// A token as long as the one that desktop mode sends.
fn token() -> String {
    "Gp8I".repeat(200)
}

pub(crate) struct Client {
    http: reqwest::Client,
    origin: String,
    pub(crate) uuid: String,
    /// skey, wxsid, wxuin, `pass_ticket` (percent-encoded), the data ticket, and the `Cookie` header.
    pub(crate) keys: HashMap<String, String>,
    pub(crate) init: Value,
    pub(crate) sync_key: Value,
}

pub(crate) async fn body(response: reqwest::Response) -> String {
    response.text().await.unwrap()
}

impl Client {
    /// Requests a QR code in desktop mode.
    pub(crate) async fn new(simulator: &Simulator) -> Self {
        Self::with_query(simulator, "?mod=desktop").await
    }

    pub(crate) async fn with_query(simulator: &Simulator, redirect: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let redirect = format!("https://wx.qq.com/cgi-bin/mmwebwx-bin/webwxnewloginpage{redirect}");
        let answer = http
            .get(format!("{}/jslogin", simulator.origin()))
            .query(&[("appid", "wx782c26e4c19acffb"), ("redirect_uri", &redirect), ("fun", "new")])
            .send()
            .await
            .unwrap();
        let uuid = body(answer).await.split('"').nth(1).unwrap().to_owned();
        Self { http, origin: simulator.origin(), uuid, keys: HashMap::new(), init: Value::Null, sync_key: Value::Null }
    }

    pub(crate) async fn poll_login(&self, tip: u8) -> String {
        let tip = tip.to_string();
        self.get("login", &[("loginicon", "true"), ("uuid", &self.uuid), ("tip", &tip)]).await
    }

    /// Opens the session with the reply of a confirmed login. Returns the XML.
    pub(crate) async fn open(&mut self, reply: &str) -> String {
        let address = reply.split('"').nth(1).unwrap();
        let response = self
            .http
            .get(format!("{address}&fun=new&version=v2&lang=zh_CN"))
            .header("extspam", token())
            .header("client-version", "2.0.0")
            .send()
            .await
            .unwrap();
        let mut cookies = Vec::new();
        for line in response.headers().get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.keys.insert(name.into(), value.into());
            cookies.push(pair.to_owned());
        }
        self.keys.insert("cookies".into(), cookies.join("; "));
        let xml = body(response).await;
        for tag in ["skey", "wxsid", "wxuin", "pass_ticket"] {
            if let Some(rest) = xml.split(&format!("<{tag}>")).nth(1) {
                self.keys.insert(tag.into(), rest.split('<').next().unwrap().into());
            }
        }
        xml
    }

    /// The complete login: scan, confirm, open, webwxinit.
    pub(crate) async fn log_in(simulator: &Simulator, uin: u64) -> Self {
        let mut client = Self::new(simulator).await;
        simulator.world().log_in(&client.uuid, uin).unwrap();
        assert!(client.poll_login(1).await.contains("window.code=200"));
        let reply = client.poll_login(0).await;
        client.open(&reply).await;
        client.start().await;
        client
    }

    pub(crate) async fn start(&mut self) {
        self.init = self.post("webwxinit?r=1", json!({})).await;
        self.sync_key = self.init["SyncKey"].clone();
    }

    pub(crate) fn base_request(&self) -> Value {
        json!({
            "Uin": self.keys["wxuin"].parse::<u64>().unwrap(),
            "Sid": self.keys["wxsid"],
            "Skey": self.keys["skey"],
            "DeviceID": "e123456789012345",
        })
    }

    pub(crate) fn myself(&self) -> String {
        self.init["User"]["UserName"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, page: &str, query: &[(&str, &str)]) -> String {
        self.try_get(page, query).await.unwrap()
    }

    pub(crate) async fn try_get(&self, page: &str, query: &[(&str, &str)]) -> reqwest::Result<String> {
        let mut request = self.http.get(format!("{}/cgi-bin/mmwebwx-bin/{page}", self.origin)).query(query);
        if let Some(cookies) = self.keys.get("cookies") {
            request = request.header("cookie", cookies);
        }
        request.send().await?.text().await
    }

    /// Posts the body with `BaseRequest` added, and `pass_ticket` in the query.
    pub(crate) async fn post(&self, page: &str, mut with: Value) -> Value {
        with["BaseRequest"] = self.base_request();
        let text = self.post_raw(page, with.to_string()).await;
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn post_raw(&self, page: &str, text: String) -> String {
        let sign = if page.contains('?') { '&' } else { '?' };
        let ticket = &self.keys["pass_ticket"];
        let address = format!("{}/cgi-bin/mmwebwx-bin/{page}{sign}pass_ticket={ticket}", self.origin);
        let request = self.http.post(address).header("cookie", &self.keys["cookies"]).body(text);
        body(request.send().await.unwrap()).await
    }

    /// The sync key in the form that synccheck uses.
    pub(crate) fn sync_key_text(&self) -> String {
        let pairs = self.sync_key["List"].as_array().unwrap();
        let pairs: Vec<String> = pairs.iter().map(|pair| format!("{}_{}", pair["Key"], pair["Val"])).collect();
        pairs.join("|")
    }

    pub(crate) async fn synccheck(&self) -> String {
        self.try_synccheck().await.unwrap()
    }

    pub(crate) async fn try_synccheck(&self) -> reqwest::Result<String> {
        let keys = self.sync_key_text();
        let query = [
            ("r", "1"),
            ("skey", &self.keys["skey"]),
            ("sid", &self.keys["wxsid"]),
            ("uin", &self.keys["wxuin"]),
            ("deviceid", "e123456789012345"),
            ("synckey", &keys),
        ];
        self.try_get("synccheck", &query).await
    }

    /// Fetches the entries after the sync key, and keeps the new sync key.
    pub(crate) async fn sync(&mut self) -> Value {
        let batch = self.sync_again().await;
        self.sync_key = batch["SyncKey"].clone();
        batch
    }

    /// Fetches the entries after the sync key, and discards the new sync key.
    pub(crate) async fn sync_again(&self) -> Value {
        let mut address = url::Url::parse("http://x/webwxsync").unwrap();
        address.query_pairs_mut().append_pair("sid", &self.keys["wxsid"]).append_pair("skey", &self.keys["skey"]);
        let page = format!("webwxsync?{}", address.query().unwrap());
        self.post(&page, json!({"SyncKey": self.sync_key, "rr": 1})).await
    }

    pub(crate) async fn send_text(&self, to: &str, text: &str) -> Value {
        let id = "17000000000000001";
        let msg = json!({
            "Type": 1, "Content": text, "FromUserName": self.myself(), "ToUserName": to,
            "LocalID": id, "ClientMsgId": id,
        });
        self.post("webwxsendmsg", json!({"Msg": msg, "Scene": 0})).await
    }

    /// Sends a GET. Returns its status, `Content-Type` and bytes.
    pub(crate) async fn fetch(&self, page: &str, query: &[(&str, &str)], range: bool) -> (u16, String, Vec<u8>) {
        let mut request = self.http.get(format!("{}/cgi-bin/mmwebwx-bin/{page}", self.origin)).query(query);
        request = request.header("cookie", &self.keys["cookies"]);
        if range {
            request = request.header("range", "bytes=0-");
        }
        let response = request.send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), kind, response.bytes().await.unwrap().to_vec())
    }

    /// Uploads one chunk of a file of `total` bytes. `numbers` are `chunk` and `chunks`. The MD5 is the chunk's.
    pub(crate) async fn upload(
        &self,
        chunk: &[u8],
        total: usize,
        numbers: Option<(usize, usize)>,
        extra: Value,
    ) -> Value {
        let mut request = json!({
            "UploadType": 2, "BaseRequest": self.base_request(), "ClientMediaId": 17,
            "TotalLen": total, "StartPos": 0, "DataLen": total, "MediaType": 4,
            "FromUserName": self.myself(), "ToUserName": "filehelper",
            "FileMd5": HEXLOWER.encode(&Md5::digest(chunk)),
        });
        for (name, value) in extra.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        let mut fields = vec![
            ("id", "WU_FILE_0".to_owned()),
            ("name", "a.png".to_owned()),
            ("type", "image/png".to_owned()),
            ("lastModifiedDate", "Thu".to_owned()),
            ("size", total.to_string()),
            ("mediatype", "pic".to_owned()),
            ("uploadmediarequest", request.to_string()),
            ("webwx_data_ticket", self.keys["webwx_data_ticket"].clone()),
            ("pass_ticket", self.keys["pass_ticket"].clone()),
        ];
        if let Some((chunk, chunks)) = numbers {
            fields.push(("chunks", chunks.to_string()));
            fields.push(("chunk", chunk.to_string()));
        }
        let mut form = Vec::new();
        for (name, value) in fields {
            form.extend(format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
        }
        form.extend(b"--xyz\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"a.png\"\r\n\r\n");
        form.extend(chunk);
        form.extend(b"\r\n--xyz--\r\n");
        let request = self
            .http
            .post(format!("{}/cgi-bin/mmwebwx-bin/webwxuploadmedia?f=json", self.origin))
            .header("cookie", &self.keys["cookies"])
            .header("content-type", "multipart/form-data; boundary=xyz")
            .body(form);
        serde_json::from_str(&body(request.send().await.unwrap()).await).unwrap()
    }
}
