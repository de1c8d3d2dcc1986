//! The program, started as from a terminal.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;

fn relay(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wechat-relay"));
    command.arg("--data").arg(folder).args(arguments);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    relay(folder, arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A relay that runs until it is stopped.
struct Running {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut process = relay(folder, arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Reads until a line that begins with `start`, and returns the rest of that line.
    fn until(&mut self, start: &str) -> String {
        let found = self.lines.find_map(|line| line.unwrap().trim().strip_prefix(start).map(str::to_owned));
        found.unwrap_or_else(|| panic!("the relay ended before it printed {start:?}"))
    }

    /// Sends SIGTERM and waits for the end. Returns whether the relay succeeded.
    fn terminate(mut self) -> bool {
        let killed = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        // Read the remaining output, so that the relay does not block on it.
        self.lines.by_ref().for_each(drop);
        killed.success() && self.process.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails if the relay has ended already.
        let _ = self.process.kill();
    }
}

#[test]
fn a_simulation_relays_a_message_and_stops_at_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), &["--simulate", "--port", "0"]);
    assert!(running.until("4. The callback is given:").contains("你好, relay! 😂"));
    assert!(running.until("6. WeChat has the answer, for").ends_with("收到: 你好, relay! 😂"));
    running.until("Ctrl-C stops it.");
    assert!(running.terminate());
}

#[test]
fn apps_are_created_and_changed_with_and_without_a_running_relay() {
    let folder = tempfile::tempdir().unwrap();
    let made = json(&run(folder.path(), &["app", "create", "shop", "--token", "t", "--json"]));
    let id = made["app_id"].as_str().unwrap();
    assert_eq!((id.len(), made["app_secret"].as_str().unwrap().len()), (32, 32));

    let mut running = Running::start(folder.path(), &["--port", "0", "--wechat", "http://127.0.0.1:9"]);
    running.until("Ctrl-C stops it.");
    let callback = "http://127.0.0.1:8000/";
    assert!(run(folder.path(), &["app", "update", id, "--name", "店", "--callback", callback]).status.success());
    let shown = json(&run(folder.path(), &["app", "show", id, "--json"]));
    assert_eq!((&shown["name"], &shown["callback"]), (&"店".into(), &callback.into()));
    let refused = run(folder.path(), &["--port", "0"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("in use by another running relay"));
    let second = run(folder.path(), &["--only", "worker"]);
    assert!(!second.status.success());
    assert!(String::from_utf8(second.stderr).unwrap().contains("another worker runs on the folder"));
    assert!(running.terminate());

    let rotated = json(&run(folder.path(), &["app", "rotate", id, "--json"]));
    assert_ne!(rotated["app_secret"], made["app_secret"]);
    assert!(run(folder.path(), &["app", "unbind", id]).status.success());
    assert!(run(folder.path(), &["app", "delete", id]).status.success());
    assert_eq!(json(&run(folder.path(), &["app", "list", "--json"])), Value::Array(Vec::new()));
    let gone = run(folder.path(), &["app", "show", id]);
    assert!(!gone.status.success());
    assert!(String::from_utf8(gone.stderr).unwrap().starts_with("error: there is no app"));
}

/// The output of `provision`, by variable.
fn provisioned(command: &mut Command) -> HashMap<String, String> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.split_once('=').unwrap()).map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn provision_prints_an_environment_that_works_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), &["--only", "aws"]);
    running.until("Ctrl-C stops it.");
    let environment = provisioned(&mut relay(folder.path(), &["provision"]));
    assert_eq!(environment["TABLE_NAME"], "wechat-relay");
    assert_eq!(environment["SEALING_KEY"], std::fs::read_to_string(folder.path().join("sealing.key")).unwrap());
    assert!(environment["INBOUND_QUEUE_URL"].ends_with("/wechat-relay-inbound.fifo"));
    assert!(environment["COMMAND_QUEUE_URLS"].starts_with(&environment["AWS_ENDPOINT_URL_SQS"]));
    assert_eq!(environment["CALLBACK_ALLOW"], "127.0.0.0/8,::1");

    // As on another machine, where only the environment names the services.
    let elsewhere = tempfile::tempdir().unwrap();
    let there = provisioned(
        relay(elsewhere.path(), &["provision", "--stack", "second"])
            .envs(&environment)
            .env("AWS_ENDPOINT_URL", &environment["AWS_ENDPOINT_URL_DYNAMODB"])
            .env("CALLBACK_ALLOW", "callback.test"),
    );
    assert_eq!(there["TABLE_NAME"], "second");
    assert!(there["INBOUND_QUEUE_URL"].ends_with("/second-inbound.fifo"));
    assert_eq!(there["AWS_ENDPOINT_URL_SQS"], environment["AWS_ENDPOINT_URL_SQS"]);
    assert_eq!(there["AWS_SECRET_ACCESS_KEY"], environment["AWS_SECRET_ACCESS_KEY"]);
    assert_eq!(there["CALLBACK_ALLOW"], "127.0.0.0/8,::1,callback.test");
    assert!(running.terminate());
}

/// An `aws` command that knows one stack. The stack's outputs and secret are files beside it.
const AWS: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
case "$*" in
    "cloudformation describe-stacks --stack-name relay "*" --output text --profile operator") cat outputs ;;
    "secretsmanager get-secret-value --secret-id arn:aws:"*" --output text --profile operator") cat secret ;;
    *) echo "this aws does not know $*" >&2; exit 254 ;;
esac
"#;

/// The variables that `scripts/stack-env` exports of a stack. Outputs that are not given have a dummy value.
fn stack_env(outputs: &HashMap<&str, &str>, secret: &str) -> Result<HashMap<String, String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let template = template::Document::read().unwrap();
    let line = |(name, _)| format!("{name}\t{}\n", outputs.get(name).unwrap_or(&"-"));
    let lines: String = template.section("Outputs").map(line).collect();
    let lines = format!("StackId\tarn:aws:cloudformation:us-east-1:123456789012:stack/relay/0\n{lines}");
    for (name, content) in [("aws", AWS), ("outputs", &lines), ("secret", secret)] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let mut path = std::ffi::OsString::from(folder.path());
    path.push(":/usr/bin:/bin");
    let output = Command::new("bash")
        .arg("-c")
        .arg(r#"chmod +x "$0/aws" && exported=$("$1/scripts/stack-env" relay --profile operator) && eval "$exported" && env"#)
        .arg(folder.path())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .env_clear()
        .env("PATH", path)
        .output()
        .unwrap();
    if !output.status.success() {
        assert!(output.stdout.is_empty(), "a failure prints nothing");
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().filter_map(|line| line.split_once('='));
    let ours = lines.filter(|(name, _)| !["PATH", "PWD", "SHLVL", "_"].contains(name));
    Ok(ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[test]
fn apps_of_a_deployment_are_administered_with_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), &["--only", "aws"]);
    running.until("Ctrl-C stops it.");
    let environment = provisioned(&mut relay(folder.path(), &["provision"]));
    let outputs = HashMap::from([
        ("TableName", &*environment["TABLE_NAME"]),
        ("InboundQueueUrl", &environment["INBOUND_QUEUE_URL"]),
        ("CommandQueueUrls", &environment["COMMAND_QUEUE_URLS"]),
        ("SealingKeyArn", "arn:aws:secretsmanager:us-east-1:123456789012:secret:SealingKey-abc"),
    ]);
    let stack = stack_env(&outputs, &environment["SEALING_KEY"]).unwrap();
    let variables = ["AWS_REGION", "TABLE_NAME", "INBOUND_QUEUE_URL", "COMMAND_QUEUE_URLS", "SEALING_KEY"];
    let wanted = variables.map(|name| (name.to_owned(), environment[name].clone()));
    assert_eq!(stack, HashMap::from(wanted));

    let elsewhere = tempfile::tempdir().unwrap();
    let deployed = |queues: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wechat-relay"));
        command.current_dir(&elsewhere).envs(&environment).envs(&stack).env("COMMAND_QUEUE_URLS", queues);
        command.arg("--deployed").args(arguments).output().unwrap()
    };
    // Two shards that share one queue; this test sends no commands.
    let (one, two) = (&*environment["COMMAND_QUEUE_URLS"], [&*environment["COMMAND_QUEUE_URLS"]; 2].join(","));
    let made = ["a", "b", "c"].map(|name| json(&deployed(&two, &["app", "create", name, "--token", "t", "--json"])));
    let apps = |queues| json(&deployed(queues, &["app", "list", "--json"])).as_array().unwrap().len();
    assert_eq!((apps(&two), apps(one)), (3, 2), "apps are spread over the shards");
    let shown = json(&run(folder.path(), &["app", "show", made[0]["app_id"].as_str().unwrap(), "--json"]));
    assert_eq!(shown["name"], "a");
    let unknown = deployed(one, &["login", "x"]);
    assert_eq!(String::from_utf8(unknown.stderr).unwrap(), "error: there is no app x\n");
    for command in [&[][..], &["provision"]] {
        let refused = String::from_utf8(deployed(one, command).stderr).unwrap();
        assert!(refused.starts_with("error: --deployed is for `app` and `login`"), "{command:?}: {refused}");
    }
    let nowhere = String::from_utf8(deployed("", &["app", "list"]).stderr).unwrap();
    assert!(
        nowhere.contains("scripts/stack-env") && nowhere.ends_with("COMMAND_QUEUE_URLS: is not set\n"),
        "{nowhere}"
    );
    assert!(std::fs::read_dir(&elsewhere).unwrap().next().is_none(), "no folder is created");
    assert!(running.terminate());
}

#[test]
fn stack_env_quotes_its_output_and_prints_all_of_it_or_nothing() {
    let odd = "it's \"$(exit)\" `exit` \\ *";
    let mut outputs = HashMap::from([
        ("TableName", odd),
        ("InboundQueueUrl", "https://sqs/in.fifo"),
        ("CommandQueueUrls", "https://sqs/0.fifo,https://sqs/1.fifo"),
        ("SealingKeyArn", "arn:aws:secretsmanager:us-east-1:123456789012:secret:SealingKey-abc"),
    ]);
    let environment = stack_env(&outputs, "0f").unwrap();
    assert_eq!(
        (&*environment["TABLE_NAME"], &*environment["AWS_REGION"], &*environment["SEALING_KEY"]),
        (odd, "us-east-1", "0f")
    );
    outputs.remove("SealingKeyArn");
    assert!(stack_env(&outputs, "0f").unwrap_err().contains("this aws does not know secretsmanager"));
}

#[test]
fn invalid_arguments_are_refused_with_an_explanation() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, message) in [
        (&["app", "create", "x", "--token", ""][..], "the token must not be empty"),
        (&["app", "create", "x", "--token", "t", "--callback", "ftp://x/"], "must begin with http:// or https://"),
        (&["app", "update", "x", "--callback", "nonsense"], "is not a URL"),
        (&["--only", "worker"], "no services to use"),
        (&["login", "x"], "the relay must be running"),
        (&["provision"], "no services to use"),
        (&["--deployed"], "cannot be used with"),
        (&["--wechat", "nonsense", "--port", "0"], "is not a URL"),
        (&["--pace=-1", "--port", "0"], "--pace"),
    ] {
        let output = run(folder.path(), arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(message), "{arguments:?}: {error}");
    }
}
