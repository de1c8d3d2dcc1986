//! One id finds all log lines of a message, and the logs contain no secret and no message text. The only test of its
//! process, because it reads the process's logs.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use axum::Json;
use domain::{
    delivery,
    id::{AppId, Seq},
};
use e2e::{Program, Stage};
use serde_json::{Value, json};
use simulator::From;
use testing::Callback;

/// The logs' output.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Logs {
    fn start() -> Self {
        let logs = Self::default();
        let writer = logs.clone();
        let subscriber = boot::json_logs("info", move || writer.clone());
        tracing::subscriber::set_global_default(subscriber).unwrap();
        logs
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The messages of the lines that have `id` in `field`, in order.
    fn messages(&self, field: &str, id: &str) -> Vec<String> {
        let lines: Vec<Value> = self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let matching = lines.iter().filter(|line| line[field] == id);
        matching.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_finds_a_message_from_sync_to_reply() {
    let logs = Logs::start();
    let stage = Stage::start().await;
    let callback = Callback::start().await;
    callback.answer(|delivered| Json(json!({ "msg_type": "text", "text": format!("收到: {}", delivered.text()) })));
    let program = stage.program(Some(&callback.url)).await;
    stage.log_in(&program).await;

    stage.world.push_text(Stage::UIN, From::friend("小红"), "你好").unwrap();
    let delivered = callback.accepted(1).await;
    stage.world.wait_sent(Stage::UIN, 1).await;
    let message = delivered[0].json();
    let puid = message["chat"].as_str().unwrap();
    let text = json!({ "msg_type": "text", "puid": puid, "text": "再见", "wait": 20 });
    let answer = program.post("/send", &text).await.1;
    assert_eq!(answer["status"], "sent");
    let (api, app) = (program.api.clone(), AppId::trusted(program.app_id.as_str()));
    stage.end().await;

    let id = delivery::id(&app, Seq::FIRST);
    assert_eq!(delivered[0].headers["webhook-id"], *id);
    let messages = ["message received", "delivered", "reply queued", "message sent"];
    assert_eq!(logs.messages("delivery.id", &id), messages);

    let job = answer["id"].as_str().unwrap();
    assert_eq!(logs.messages("job.id", job), ["job queued", "message sent"]);
    let text = logs.text();
    let line = text.lines().find(|line| line.contains(job)).unwrap();
    let queued: Value = serde_json::from_str(line).unwrap();
    let request = queued["request.id"].as_str().unwrap();
    assert_eq!(logs.messages("request.id", request), ["job queued", "message sent"]);
    assert_eq!((&queued["span"]["http.route"], &queued["span"]["request.id"]), (&json!("/send"), &json!(request)));

    for secret in
        ["你好", "再见", "收到", "小红", "红姐", Program::TOKEN, &program.app_secret, "signature", "room=1", &api]
    {
        assert!(!text.contains(secret), "{secret} is in the logs:\n{text}");
    }
}
