//! Whatever WeChat sends, each message is kept and the ones after it arrive.

use e2e::Stage;
use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator::{From, Push};
use testing::Callback;

fn fields(fields: Value) -> Push {
    let Value::Object(fields) = fields else { panic!("an object") };
    Push::raw(From::friend("小红"), fields)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_messages_are_kept_and_the_next_ten_arrive() {
    let stage = Stage::start().await;
    let callback = Callback::start().await;
    let program = stage.program(Some(&callback.url)).await;
    stage.log_in(&program).await;

    let long = "长".repeat(500_000);
    let odd = [
        fields(json!({ "RecommendInfo": null, "Content": "null structure" })),
        fields(json!({ "CreateTime": null, "Content": "null number" })),
        fields(json!({ "CreateTime": -5, "Content": "negative time" })),
        fields(json!({ "CreateTime": i64::MAX, "Content": "time past all calendars" })),
        fields(json!({ "MsgType": 12_345, "Content": "unknown type" })),
        fields(json!({ "MsgType": 49, "AppMsgType": 5, "Content": "&lt;msg&gt;&lt;appmsg&gt;&lt;broken" })),
        fields(json!({ "MsgType": [], "Content": { "not": "text" } })),
        fields(json!({ "NewMsgId": 0, "MsgId": "0", "Content": "no id, once" })),
        fields(json!({ "NewMsgId": 0, "MsgId": "0", "Content": "no id, twice" })),
        fields(json!({ "Content": "control \u{1}\u{0}characters" })),
        Push::text(From::friend("小红"), long.clone()),
        Push::text(From::friend("小红"), "x".repeat(450_000)),
    ];
    let mut expected = odd.len();
    for push in &odd {
        stage.world.push(Stage::UIN, push).unwrap();
    }
    for text in [&b"\"Content\":\"invalid \xff\xfe UTF-8\"}"[..], br#""Content":"a lone \ud800 surrogate"}"#] {
        let head =
            br#"{"MsgId":"{{id}}","NewMsgId":{{id}},"FromUserName":"{{from}}","ToUserName":"{{to}}","MsgType":1,"#;
        stage.world.push(Stage::UIN, &Push::entry(From::friend("小红"), [&head[..], text].concat())).unwrap();
        expected += 1;
    }
    for number in 0..10 {
        stage.world.push_text(Stage::UIN, From::friend("小红"), format!("after {number}")).unwrap();
    }
    let rows: Vec<Value> = callback.accepted(expected + 10).await.iter().map(testing::Delivered::json).collect();
    let after: Vec<&str> = rows[expected..].iter().map(|row| row["content"]["text"].as_str().unwrap()).collect();
    assert_eq!(after, (0..10).map(|number| format!("after {number}")).collect::<Vec<_>>());

    // A long text is cut on its row, and whole behind a link.
    let cut = rows.iter().find(|row| row["truncated"] == true).expect("a row that is cut");
    let text = cut["content"]["text"].as_str().unwrap();
    assert!(text.len() <= 64 * 1024 && long.starts_with(text), "{} bytes", text.len());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let whole = client.get(cut["whole_url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.text().await.unwrap(), long);

    let (_, history) = program.get("/messages", &[("page_size", "1")]).await;
    assert_eq!(history["count"], expected + 10);
    stage.end().await;
}
