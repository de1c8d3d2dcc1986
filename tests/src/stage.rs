//! A relay in a folder of its own, a simulated WeChat, and a program that calls the API.

use std::path::Path;

use boot::Relay;
use clap::Parser;
use domain::{app::NewApp, channel::ChannelKind, signature};
use local::{
    apps,
    cli::Cli,
    run::{self, Running},
};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use simulator::{AccountSpec, Config, Group, Person, Simulator, World};
use tempfile::TempDir;
use testing::Services;

/// The relay and everything around it.
pub struct Stage {
    pub simulator: Simulator,
    pub world: World,
    pub running: Running,
    pub folder: TempDir,
    /// The services that the environment names, if it names them.
    services: Option<Services>,
}

impl Stage {
    /// Starts a simulated WeChat, with one account, and a relay that talks to it.
    ///
    /// # Panics
    /// When a part does not start.
    pub async fn start() -> Self {
        let simulator = Simulator::start_with("127.0.0.1:0", Config::default()).await.expect("the simulator starts");
        let world = simulator.world();
        let mut account = AccountSpec::new(Self::UIN, "我🍏").friends(25).groups(1, 4).official_accounts(1);
        account.named_friends = vec![Person::new("小红").remark("红姐").sex(2).from_city("广东", "深圳")];
        account.named_groups = vec![Group::new("测试群").members(["老王", "小李"])];
        world.account(account);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let services = Services::named().await;
        let running = relay(folder.path(), &simulator, services.as_ref()).await;
        Self { simulator, world, running, folder, services }
    }

    /// The account that logs in.
    pub const UIN: u64 = 1_500_000_001;

    /// Stops the relay and starts it again on the same folder. `meanwhile` happens at WeChat in between.
    ///
    /// # Panics
    /// When the relay does not start again.
    pub async fn restart(self, meanwhile: impl FnOnce(&World)) -> Self {
        let Self { simulator, world, running, folder, services } = self;
        running.stop().await;
        meanwhile(&world);
        let running = relay(folder.path(), &simulator, services.as_ref()).await;
        Self { simulator, world, running, folder, services }
    }

    pub fn relay(&self) -> &Relay {
        &self.running.home.relay
    }

    /// Creates an app.
    ///
    /// # Panics
    /// When the ledger refuses it.
    pub async fn program(&self, callback: Option<&str>) -> Program {
        let new = NewApp { name: "e2e", token: Program::TOKEN, callback, channel: ChannelKind::Web, shard: 0 };
        let (app, app_secret) = apps::create_app(self.relay(), &new).await.expect("a new app");
        Program { app_id: app.id.to_string(), app_secret, api: self.api() }
    }

    /// The API's URL.
    ///
    /// # Panics
    /// When the functions were not started.
    pub fn api(&self) -> String {
        self.running.api.clone().expect("the functions run")
    }

    /// Logs the program's app in: requests the QR code, scans it, confirms, and waits until the worker polls.
    ///
    /// # Panics
    /// When a step fails.
    pub async fn log_in(&self, program: &Program) {
        let login = program.secret("/login", &[]).await;
        assert_eq!(login.0, StatusCode::ACCEPTED, "{}", login.1);
        let uuid = login.1["uuid"].as_str().expect("a uuid").to_owned();
        self.world.scan(&uuid, Self::UIN).expect("the QR code exists");
        self.world.confirm(&uuid).expect("the QR code is scanned");
        self.world.wait_polling(Self::UIN).await;
    }

    /// Stops the relay, and checks that it kept the protocol.
    ///
    /// # Panics
    /// When the simulator has recorded a violation.
    pub async fn end(self) {
        self.running.stop().await;
        let violations = self.world.violations();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

async fn relay(folder: &Path, simulator: &Simulator, services: Option<&Services>) -> Running {
    let data = folder.to_str().expect("a plain path");
    let origin = simulator.origin();
    let mut line = vec!["relay", "--data", data, "--port", "0", "--wechat", &origin, "--pace", "0"];
    if let Some(services) = services {
        line.extend(["--without", "aws", "--stack", &services.stack]);
    }
    let cli = Cli::try_parse_from(line).expect("a valid command line");
    run::start(&cli).await.expect("the relay starts")
}

/// A program that uses an app.
#[derive(Debug, Clone)]
pub struct Program {
    pub app_id: String,
    pub app_secret: String,
    pub api: String,
}

impl Program {
    /// Signs the app's requests.
    pub const TOKEN: &str = "e2e-token";

    /// Sends a GET with the app secret only, as `/login` requires.
    pub async fn secret(&self, path: &str, more: &[(&str, &str)]) -> (StatusCode, Value) {
        self.request(Method::GET, path, &[&self.credentials()[..], more].concat(), None).await
    }

    /// Sends a GET with a signature.
    pub async fn get(&self, path: &str, more: &[(&str, &str)]) -> (StatusCode, Value) {
        let (timestamp, signature) = Self::signature();
        let signed = [("timestamp", timestamp.as_str()), ("signature", signature.as_str())];
        self.request(Method::GET, path, &[&self.credentials()[..], &signed, more].concat(), None).await
    }

    /// Sends a POST with a signature and a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let (timestamp, signature) = Self::signature();
        let signed = [("timestamp", timestamp.as_str()), ("signature", signature.as_str())];
        self.request(Method::POST, path, &[&self.credentials()[..], &signed].concat(), Some(body)).await
    }

    fn credentials(&self) -> [(&str, &str); 2] {
        [("app_id", &self.app_id), ("app_secret", &self.app_secret)]
    }

    fn signature() -> (String, String) {
        use domain::time::Clock;
        let timestamp = boot::SystemClock.now().as_second().to_string();
        let signature = signature::sign(Self::TOKEN, &timestamp);
        (timestamp, signature)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let client = boot::http_client().build().expect("a client");
        let mut request = client.request(method, format!("{}{path}", self.api)).query(query);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.expect("a response");
        (response.status(), response.json().await.expect("JSON"))
    }
}
