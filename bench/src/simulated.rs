//! The simulated WeChat, through its control API.

use std::collections::HashMap;

use serde_json::{Value, json};
use simulator::{AccountSpec, From, Uin};

use crate::child::Child;

/// A simulator in a process of its own.
pub(crate) struct Simulated {
    child: Child,
    http: reqwest::Client,
}

impl Simulated {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let child = Child::start_sibling("simulator", &["--listen", "127.0.0.1:0"])?;
        Ok(Self { child, http: boot::http_client().build()? })
    }

    pub(crate) fn origin(&self) -> &str {
        &self.child.address
    }

    pub(crate) fn process(&self) -> &Child {
        &self.child
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}/_sim/{path}", self.origin())).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}/_sim/{path}", self.origin()));
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    pub(crate) async fn accounts(&self, accounts: &[AccountSpec]) -> anyhow::Result<()> {
        self.post("accounts", &json!(accounts)).await.map(drop)
    }

    /// From now on every WeChat response takes this much longer.
    pub(crate) async fn latency(&self, milliseconds: u64) -> anyhow::Result<()> {
        self.post("config", &json!({ "latency_ms": milliseconds })).await.map(drop)
    }

    /// From now on QR codes are scanned and confirmed at once, by these accounts in turn.
    pub(crate) async fn scan_at_once(&self, accounts: &[Uin]) -> anyhow::Result<()> {
        self.post("auto-scan", &json!({ "accounts": accounts })).await.map(drop)
    }

    /// Waits for the `n`th QR code since the start, counted from 1.
    pub(crate) async fn code(&self, n: usize) -> anyhow::Result<String> {
        let response = self.get(&format!("uuids?n={n}")).await?;
        Ok(response["uuid"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) async fn scan(&self, code: &str, account: Uin) -> anyhow::Result<()> {
        self.post("scan", &json!({ "uuid": code, "uin": account })).await.map(drop)
    }

    pub(crate) async fn confirm(&self, code: &str) -> anyhow::Result<()> {
        self.post("confirm", &json!({ "uuid": code })).await.map(drop)
    }

    /// Waits until the account's client polls for messages.
    pub(crate) async fn wait_polling(&self, account: Uin) -> anyhow::Result<()> {
        self.get(&format!("accounts/{account}?wait=polling&timeout_ms=120000")).await.map(drop)
    }

    /// Sends a message to each account from a friend, who is numbered from 1.
    pub(crate) fn push(&self, all: &[(Uin, u32)]) -> impl Future<Output = anyhow::Result<()>> + Send + use<> {
        let push = |(account, friend): &(Uin, u32)| {
            let from = From::friend(format!("Friend {friend}"));
            json!({ "uin": account, "from": from, "text": format!("你好 from friend {friend} 😂, are you there?") })
        };
        let all: Value = all.iter().map(push).collect();
        let request = self.http.post(format!("{}/_sim/push", self.origin())).json(&all);
        async move {
            request.send().await?.error_for_status()?;
            Ok(())
        }
    }

    /// Sends a friend request to an account.
    pub(crate) async fn request_friendship(&self, account: Uin) -> anyhow::Result<()> {
        let kind = json!({ "friend_request": { "person": { "nick_name": "新朋友" }, "words": "你好" } });
        self.post("push", &json!({ "uin": account, "from": { "special": "fmessage" }, "kind": kind })).await.map(drop)
    }

    /// The time at which WeChat got each message of the accounts, in microseconds since 1970, by message id.
    pub(crate) async fn pushed(&self, accounts: &[Uin]) -> anyhow::Result<HashMap<u64, i64>> {
        let mut all = HashMap::new();
        for account in accounts {
            let response = self.get(&format!("pushed?uin={account}")).await?;
            for message in response["pushed"].as_array().into_iter().flatten() {
                let id = message["msg_id"].as_str().and_then(|id| id.parse().ok());
                if let (Some(id), Some(at)) = (id, message["at"].as_i64()) {
                    all.insert(id, at);
                }
            }
        }
        Ok(all)
    }
}
