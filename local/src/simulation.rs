//! `--simulate`: a simulated WeChat with a phone, friends and a callback. It shows the whole way of a message without a
//! phone: a QR code is scanned, a friend writes, the callback answers, and the answer is in the chat.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::{Json, Router, routing::post};
use boot::Relay;
use domain::{app::NewApp, channel::ChannelKind};
use serde_json::{Value, json};
use simulator::{AccountSpec, From, Group, Person, Simulator, World};
use tokio::net::TcpListener;

use crate::{apps, login};

/// The phone's account.
const UIN: u64 = 1_600_000_001;
/// The app's token. A demo needs no secret one.
const TOKEN: &str = "demo-token";
/// Between two steps, so that a person can follow them.
const PAUSE: Duration = Duration::from_millis(700);

/// The folder of a simulation, inside `data`. Emptied at every start, because the simulated WeChat starts empty as well.
pub fn folder(data: &Path) -> anyhow::Result<PathBuf> {
    let folder = data.join("simulation");
    match std::fs::remove_dir_all(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot empty {}", folder.display())),
    }
    Ok(folder)
}

/// Starts a simulated WeChat with one account that has a few contacts.
pub async fn start() -> anyhow::Result<Simulator> {
    let simulator = Simulator::start("127.0.0.1:0").await.context("the simulator cannot listen")?;
    let mut account = AccountSpec::new(UIN, "我是演示🍏").friends(20).groups(2, 8).official_accounts(2);
    account.named_friends = vec![
        Person::new("小红").remark("红姐").sex(2).from_city("广东", "深圳"),
        Person::new("Alice").from_city("", "London"),
    ];
    account.named_groups = vec![Group::new("测试群").members(["老王", "小李"])];
    simulator.world().account(account);
    Ok(simulator)
}

/// Plays the whole way once and prints each step. `api` is the URL of the functions.
pub async fn play(relay: Relay, simulator: &Simulator, api: &str, started: Instant) -> anyhow::Result<()> {
    let world = simulator.world();
    let callback = serve_callback().await?;
    let new = NewApp { name: "demo", token: TOKEN, callback: Some(&callback), channel: ChannelKind::Web, shard: 0 };
    let (app, app_secret) = apps::create_app(&relay, &new).await?;
    println!("\n1. An app is made: {} (its callback: {callback})", app.id);
    println!("2. Its owner logs in:\n");
    let mut out = std::io::stdout();
    tokio::try_join!(login::login(&app.id, &relay, &mut out), phone(&world))?;
    world.wait_polling(UIN).await;
    println!("\n3. A friend writes: 你好, relay! 😂");
    let written = Instant::now();
    world.push_text(UIN, From::friend("小红"), "你好, relay! 😂")?;
    let sent = world.wait_sent(UIN, 1).await;
    let answer = sent.first().context("the simulator has no sent message")?;
    println!("6. WeChat has the answer, for {}: {}", answer.to_name, answer.text);
    println!(
        "   {} ms after the friend wrote, {:.1} s after the start",
        written.elapsed().as_millis(),
        started.elapsed().as_secs_f64()
    );
    println!("\nNow it is yours. Ask as a program would:");
    println!("  curl '{api}/access-token?app_id={}&app_secret={app_secret}'", app.id);
    println!("  curl '{api}/friends?access_token=…'   /groups, /messages, /session alike");
    println!("Let the friend write again, through the simulator's control API:");
    println!(
        "  curl {}/_sim/push --json '{}'",
        simulator.origin(),
        json!({ "uin": UIN, "from": { "friend": "小红" }, "text": "还在吗?" })
    );
    Ok(())
}

/// The phone: scans the first QR code and confirms the login.
async fn phone(world: &World) -> anyhow::Result<()> {
    let uuid = world.wait_uuid(1).await;
    tokio::time::sleep(PAUSE).await;
    world.scan(&uuid, UIN)?;
    println!("  the phone has scanned it");
    tokio::time::sleep(PAUSE).await;
    world.confirm(&uuid)?;
    println!("  and confirmed");
    Ok(())
}

/// Starts the program behind the app, which prints each message and answers it. Returns its URL.
async fn serve_callback() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("the demo callback cannot listen")?;
    let url = format!("http://{}/callback", listener.local_addr()?);
    let router = Router::new().route("/callback", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

async fn answer(Json(message): Json<Value>) -> Json<Value> {
    println!("4. The callback is given: {message}");
    let text = message["content"]["text"].as_str().unwrap_or("?");
    let reply = json!({ "msg_type": "text", "text": format!("收到: {text}") });
    println!("5. It answers: {reply}");
    Json(reply)
}
