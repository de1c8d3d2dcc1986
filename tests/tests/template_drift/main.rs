//! `template.yaml` and the code are held to each other, in both directions: what one says and the other does not is a
//! failure here, before it is one in somebody's account. The linters do not see this.
//!
//! | module | holds |
//! |---|---|
//! | `code` | what the code asks of AWS and of its environment |
//! | `written` | what the template grants and sets |

mod code;
mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use boot::metrics;
use code::{Code, Grant};
use functions::api::endpoints;
use queue::QueueSpec;
use serde_json::Value;
use template::{
    Deployment, Document,
    document::{Yaml, at, entries, function, items, substituted, text},
};
use written::{Function, grants, resources};

/// Read by the code and not set by the template, and why.
const LEFT_ALONE: [(&str, &str); 7] = [
    ("AWS_CA_BUNDLE", "for whoever has a proxy or services of their own"),
    ("AWS_LAMBDA_FUNCTION_NAME", "Lambda sets it"),
    ("AWS_REGION", "Lambda and Fargate set it"),
    ("HEALTH_PORT", "the health check asks the port that is the worker's own default"),
    ("RUST_LOG", "`info` is what production logs"),
    ("SHARDS", "a worker leases whatever is free"),
    ("WECHAT_ORIGIN", "WeChat's own hosts; the simulator is for tests"),
];
/// What a service does in a function's name: its code does not.
const MAPPING: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
/// What must be so for logs to be written.
const LOGS: [(&str, &str); 2] = [("logs:CreateLogStream", "FunctionLog.Arn"), ("logs:PutLogEvents", "FunctionLog.Arn")];

fn document() -> &'static Document {
    Document::read().expect("the template")
}

fn string(node: &Yaml<'_>, path: &[&str]) -> String {
    at(node, path).and_then(text).expect("a scalar")
}

fn number(node: &Yaml<'_>, path: &[&str]) -> u64 {
    string(node, path).parse().expect("a number")
}

/// Every path that the code serves, with its function.
fn served() -> BTreeMap<String, String> {
    let paths = endpoints::ALL.iter().flat_map(|endpoint| {
        let both = endpoint.paths.iter().flat_map(|path| [(*path).to_owned(), format!("{path}/")]);
        both.map(|path| (path, endpoint.binary.to_owned()))
    });
    paths.collect()
}

#[test]
fn the_api_has_every_path_and_no_other() {
    let document = document();
    let mut routes = BTreeMap::new();
    for function in Function::all(document) {
        for path in function.paths() {
            assert_eq!(routes.insert(path.clone(), function.binary.clone()), None, "{path} twice");
        }
    }
    // API Gateway has no route that ends in a slash; the fallback sends those on.
    let mut wanted: BTreeMap<_, _> = served().into_iter().filter(|(path, _)| !path.ends_with('/')).collect();
    wanted.insert("$default".to_owned(), "fallback".to_owned());
    assert_eq!(routes, wanted);
}

#[test]
fn cargo_lambda_watch_has_every_path_and_no_other() {
    // As cargo-lambda itself reads it.
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(code::root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("what cargo metadata prints");
    let router = metadata["metadata"]["lambda"]["watch"]["router"].as_object().expect("a router");
    let name = |function: &Value| match function {
        Value::String(name) => BTreeSet::from([name.clone()]),
        methods => {
            let methods = methods.as_array().expect("a name, or one for each method");
            methods.iter().map(|method| method["function"].as_str().expect("a name").to_owned()).collect()
        }
    };
    let handed: BTreeMap<_, _> = router.iter().map(|(path, function)| (path.clone(), name(function))).collect();
    let wanted: BTreeMap<_, _> = served().into_iter().map(|(path, name)| (path, BTreeSet::from([name]))).collect();
    assert_eq!(handed, wanted);
}

#[test]
fn every_binary_is_a_function_and_serves_what_it_is_named_after() {
    let document = document();
    let functions = Function::all(document);
    let built: BTreeSet<String> = functions.iter().map(|function| function.binary.clone()).collect();
    assert_eq!(functions.len(), built.len());
    assert_eq!(built, code::binaries());
    for function in &functions {
        let (_, name) = template::document::function(at(function.properties, &["FunctionName"]).unwrap()).unwrap();
        assert_eq!(text(name).unwrap(), format!("${{AWS::StackName}}-{}", function.binary));
    }
    for endpoint in endpoints::ALL {
        let module = endpoint.binary.replace('-', "_");
        let main = code::main_of(endpoint.binary);
        assert!(main.contains(&format!("api::endpoints::{module}::route()")), "{main}");
    }
    for (binary, entry) in [("dispatcher", "dispatch"), ("sweep", "sweep"), ("fallback", "fallback")] {
        assert!(code::main_of(binary).contains(&format!("runtime::{entry}()")), "{binary}");
    }
}

#[test]
fn variables_are_set_where_they_are_read() {
    let document = document();
    let globals = at(document.entry("Globals", "Function").unwrap(), &["Environment", "Variables"]).unwrap();
    let shared: BTreeSet<String> = entries(globals).map(|(name, _)| name.to_owned()).collect();
    let mut set = shared.clone();
    for function in Function::all(document) {
        let delivers = ["dispatcher", "sweep"].contains(&&*function.binary);
        let own: &[&str] = if delivers { &["CALLBACK_ALLOW"] } else { &[] };
        assert_eq!(
            function.own_variables(),
            own.iter().map(|name| (*name).to_owned()).collect(),
            "{}",
            function.binary
        );
        assert_eq!(function.shares_environment, function.binary != "fallback");
        set.extend(function.own_variables());
    }
    let excepted = |mut read: BTreeSet<String>| {
        for (name, _) in LEFT_ALONE {
            read.remove(name);
        }
        read
    };
    let (boot, functions) = (code::variables("shared/boot/src"), code::variables("functions/src"));
    assert_eq!(set, excepted(&boot | &functions), "functions");

    let container = worker(document);
    let list = |name| items(at(container, &[name]).unwrap()).unwrap();
    let variable = |entry| (string(entry, &["Name"]), entry);
    let plain: BTreeMap<_, _> = list("Environment").iter().map(variable).collect();
    let secret: BTreeMap<_, _> = list("Secrets").iter().map(variable).collect();
    assert_eq!(secret.keys().collect::<Vec<_>>(), ["SEALING_KEY"]);
    let worker = code::variables("worker/src");
    let set: BTreeSet<_> = plain.keys().chain(secret.keys()).cloned().collect();
    assert_eq!(set, excepted(&boot | &worker), "worker");
    for (name, entry) in plain {
        assert_eq!(Some(at(entry, &["Value"]).unwrap()), globals.as_mapping_get(&name), "{name}");
    }
    for (name, why) in LEFT_ALONE {
        assert!((&boot | &worker).contains(name), "{name} is excepted ({why}), and not read");
    }
}

fn worker(document: &Document) -> &Yaml<'static> {
    let task = document.entry("Resources", "WorkerTask").unwrap();
    &items(at(task, &["Properties", "ContainerDefinitions"]).unwrap()).unwrap()[0]
}

#[test]
fn the_table_is_the_one_that_the_ledger_speaks_to() {
    let table = Deployment::of("relay", 1).unwrap().table;
    assert_eq!((table.key.hash, table.key.range), (code::key("PK"), code::key("SK")));
    assert_eq!(table.expires, code::key("EXPIRES"));
    let [due] = &table.indexes[..] else { panic!("one index") };
    assert_eq!(due.name, code::key("DUE"));
    assert_eq!((&due.key.hash, &due.key.range), (&code::key("DUE_KEY"), &code::key("DUE_AT")));
    // A sweep reads the row's own key from it, and nothing else.
    assert_eq!(due.projection, "KEYS_ONLY");
}

#[test]
fn every_queue_is_told_to_someone_and_has_dead_letters() {
    let document = document();
    let deployment = Deployment::of("relay", 4).unwrap();
    let mut told = BTreeSet::new();
    for queue in deployment.commands.iter().chain([&deployment.inbound]) {
        let dead = queue.dead_letters.as_ref().expect("dead letters");
        told.extend([queue.name.clone(), dead.queue.name.clone()]);
        assert_eq!(dead.queue.name, queue.name.replace(".fifo", "-dead.fifo"));
        for queue in [queue, &*dead.queue] {
            for (attribute, value) in [
                ("FifoQueue", "true"),
                ("DeduplicationScope", "messageGroup"),
                ("FifoThroughputLimit", "perMessageGroupId"),
            ] {
                assert_eq!(self::attribute(queue, attribute), value, "{}", queue.name);
            }
        }
    }
    let written = resources(document, "AWS::SQS::Queue").into_values().map(|queue| {
        let name = at(queue, &["Properties", "QueueName"]).unwrap();
        text(function(name).unwrap().1).unwrap().replace("${AWS::StackName}", "relay")
    });
    assert_eq!(written.collect::<BTreeSet<_>>(), told);
}

fn attribute<'a>(queue: &'a QueueSpec, name: &str) -> &'a str {
    queue.attributes.iter().find(|(is, _)| is == name).map_or("", |(_, value)| value)
}

#[test]
fn the_dispatcher_names_what_failed_before_it_is_seen_again() {
    let document = document();
    let dispatcher = Function::named(document, "dispatcher");
    let [event] = dispatcher.events("SQS")[..] else { panic!("one queue") };
    let types = items(at(event, &["FunctionResponseTypes"]).unwrap()).unwrap();
    assert_eq!(types.iter().map(|kind| text(kind).unwrap()).collect::<Vec<_>>(), ["ReportBatchItemFailures"]);
    assert_eq!(string(function(at(event, &["Queue"]).unwrap()).unwrap().1, &[]), "Inbound.Arn");
    assert!(at(event, &["ScalingConfig", "MaximumConcurrency"]).is_ok());
    let inbound = Deployment::of("relay", 1).unwrap().inbound;
    let hidden: u64 = attribute(&inbound, "VisibilityTimeout").parse().unwrap();
    assert!(number(dispatcher.properties, &["Timeout"]) < hidden);
    let sweep = Function::named(document, "sweep");
    let [schedule] = sweep.events("ScheduleV2")[..] else { panic!("one schedule") };
    // SAM would name it alike in every stack of an account.
    assert_eq!(string(function(at(schedule, &["Name"]).unwrap()).unwrap().1, &[]), "${AWS::StackName}-sweep");
}

/// What a role may without need, and may not in spite of it.
fn differences(role: &str, granted: &BTreeSet<Grant>, needed: &BTreeSet<Grant>) -> Vec<String> {
    let tell = |what: &str, (action, target): &Grant| format!("{role}: {action} on {target} is {what}");
    let missing = needed.difference(granted).map(|grant| tell("needed and not granted", grant));
    missing.chain(granted.difference(needed).map(|grant| tell("granted and not needed", grant))).collect()
}

#[test]
fn a_role_may_what_its_code_does_and_no_more() {
    let (document, code) = (document(), Code::read());
    let own = |actions: &[(&str, &str)]| -> BTreeSet<Grant> {
        actions.iter().chain(&LOGS).map(|(action, target)| ((*action).to_owned(), (*target).to_owned())).collect()
    };
    let mapping = MAPPING.map(|action| (action, "inbound"));
    let mut needed: BTreeMap<&str, BTreeSet<Grant>> = endpoints::ALL
        .iter()
        .map(|endpoint| (endpoint.binary, &code.endpoint(&endpoint.binary.replace('-', "_")) | &own(&[])))
        .collect();
    needed.insert("fallback", own(&[]));
    needed.insert("dispatcher", &code.consumer("dispatch") | &own(&mapping));
    needed.insert("sweep", &code.consumer("sweep") | &own(&[]));
    let functions = Function::all(document);
    let functions = functions
        .iter()
        .flat_map(|function| differences(&function.binary, &function.grants(document), &needed[&*function.binary]));
    let worker = differences("worker", &grants(document, "WorkerRole"), &code.worker());
    assert_eq!(functions.chain(worker).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_policy_names_what_it_allows() {
    let document = document();
    let roles = resources(document, "AWS::IAM::Role");
    let everything = roles.keys().flat_map(|role| grants(document, role)).filter(|(_, target)| target.contains('*'));
    // Has no narrower resource.
    assert_eq!(everything.collect::<Vec<_>>(), [("ecr:GetAuthorizationToken".to_owned(), "*".to_owned())]);
}

/// What `!GetAtt` may ask of a resource.
const ATTRIBUTES: [(&str, &[&str]); 8] = [
    ("AWS::DynamoDB::Table", &["Arn"]),
    ("AWS::ECR::Repository", &["Arn", "RepositoryUri"]),
    ("AWS::IAM::Role", &["Arn"]),
    ("AWS::Logs::LogGroup", &["Arn"]),
    ("AWS::S3::Bucket", &["Arn"]),
    ("AWS::SQS::Queue", &["Arn", "QueueName"]),
    ("AWS::Serverless::Function", &["Arn"]),
    ("AWS::SecretsManager::Secret", &["Id"]),
];
const PSEUDO_PARAMETERS: [&str; 6] =
    ["AWS::AccountId", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackName", "AWS::URLSuffix"];

#[test]
fn every_reference_has_its_target() {
    let document = document();
    let mut wrong = Vec::new();
    let referable = |name: &str| {
        PSEUDO_PARAMETERS.contains(&name)
            || document.entry("Parameters", name).is_ok()
            || document.entry("Resources", name).is_ok()
    };
    let attribute = |name: &str| {
        let Some((resource, attribute)) = name.split_once('.') else { return false };
        let Ok(resource) = document.entry("Resources", resource) else { return false };
        let kind = string(resource, &["Type"]);
        ATTRIBUTES.iter().any(|(is, has)| *is == kind && has.contains(&attribute))
    };
    let condition = |name: &str| document.entry("Conditions", name).is_ok();
    let mut seen = 0;
    walk(document.root(), &mut |key, node| {
        let found: Vec<(String, bool)> = match (key, function(node)) {
            (_, Some(("Ref", name))) => {
                vec![text(name).unwrap()].into_iter().map(|n| (n.clone(), referable(&n))).collect()
            }
            (_, Some(("GetAtt", name))) => {
                vec![text(name).unwrap()].into_iter().map(|n| (n.clone(), attribute(&n))).collect()
            }
            (_, Some(("Sub", given))) => {
                let given = text(given).unwrap();
                let names = substituted(&given).into_iter();
                names.map(|name| (name.to_owned(), referable(name) || attribute(name))).collect()
            }
            (_, Some(("If", given))) => {
                let name = text(&items(given).unwrap()[0]).unwrap();
                vec![(name.clone(), condition(&name))]
            }
            (_, Some(("Equals" | "Not" | "Select" | "Split" | "GetAZs", _))) => Vec::new(),
            (_, Some((other, _))) => vec![(format!("!{other}"), false)],
            ("Condition", None) if node.as_str().is_some() => {
                let name = text(node).unwrap();
                vec![(name.clone(), condition(&name))]
            }
            ("DependsOn", None) => {
                let name = text(node).unwrap();
                vec![(name.clone(), document.entry("Resources", &name).is_ok())]
            }
            _ => Vec::new(),
        };
        seen += found.len();
        wrong.extend(found.into_iter().filter(|(_, there)| !there).map(|(name, _)| name));
    });
    assert_eq!(wrong, Vec::<String>::new());
    assert!(seen > 200, "{seen}");
}

/// Shows every node of a tree, with the key that it stands under.
fn walk<'a>(node: &'a Yaml<'static>, show: &mut impl FnMut(&str, &'a Yaml<'static>)) {
    fn below<'a>(key: &str, node: &'a Yaml<'static>, show: &mut impl FnMut(&str, &'a Yaml<'static>)) {
        show(key, node);
        match node {
            Yaml::Mapping(_) => entries(node).for_each(|(key, node)| below(key, node, show)),
            Yaml::Sequence(items) => items.iter().for_each(|node| below("", node, show)),
            Yaml::Tagged(_, node) => below("", node, show),
            _ => {}
        }
    }
    below("", node, show);
}

#[test]
fn alarms_and_dashboard_look_at_metrics_that_there_are() {
    let document = document();
    let told = metrics::COUNTERS.iter().map(|counter| counter.name);
    let told = told.chain(metrics::GAUGES.iter().map(|gauge| gauge.name));
    let told: BTreeSet<&str> = told.chain(metrics::HISTOGRAMS.iter().map(|histogram| histogram.name)).collect();
    let mut seen = BTreeSet::new();
    for (_, alarm) in resources(document, "AWS::CloudWatch::Alarm") {
        if string(alarm, &["Properties", "Namespace"]) == metrics::NAMESPACE {
            seen.insert(string(alarm, &["Properties", "MetricName"]));
        }
    }
    assert!(seen.contains("sessions_online") && seen.contains("sessions_ended"), "{seen:?}");
    let dashboard = resources(document, "AWS::CloudWatch::Dashboard")["Dashboard"];
    let (_, body) = function(at(dashboard, &["Properties", "DashboardBody"]).unwrap()).unwrap();
    let body: Value = serde_json::from_str(&text(body).unwrap()).unwrap();
    let drawn = body["widgets"].as_array().unwrap().iter();
    for metric in drawn.flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap()) {
        if metric[0] == metrics::NAMESPACE {
            seen.insert(metric[1].as_str().unwrap().to_owned());
        }
    }
    let unknown: Vec<&String> = seen.iter().filter(|name| !told.contains(name.as_str())).collect();
    assert_eq!(unknown, Vec::<&String>::new());
}

#[test]
fn functions_outlive_a_panic() {
    // cargo-lambda sets "abort" where the profile says nothing.
    let manifest = std::fs::read_to_string(code::root().join("Cargo.toml")).unwrap();
    let (_, release) = manifest.split_once("[profile.release]").unwrap();
    assert!(release.contains("\npanic = \"unwind\"\n"), "{release}");
}

#[test]
fn what_is_written_as_json_is_json() {
    let document = document();
    let mut bodies = Vec::new();
    walk(document.root(), &mut |key, node| {
        if ["DashboardBody", "Format", "LifecyclePolicyText"].contains(&key) {
            let text = function(node).map_or_else(|| text(node), |(_, given)| text(given)).unwrap();
            bodies.push(serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{key}: {error}")));
        }
    });
    assert_eq!(bodies.len(), 3);
    let access_log = bodies.iter().find(|body| body["route"].is_string()).expect("what is logged of a request");
    // A query may hold an app's secret; only these parts of a request hold none.
    let logged: BTreeSet<&str> =
        access_log.as_object().unwrap().values().map(|value| value.as_str().unwrap()).collect();
    let harmless = [
        "$context.httpMethod",
        "$context.identity.sourceIp",
        "$context.integration.requestId",
        "$context.integrationErrorMessage",
        "$context.integrationLatency",
        "$context.path",
        "$context.requestId",
        "$context.requestTime",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.routeKey",
        "$context.status",
    ];
    assert_eq!(logged, BTreeSet::from(harmless));
}
