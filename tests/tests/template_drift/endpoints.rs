//! The functions: their endpoints, binaries and variables.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use functions::api::{
    endpoint::{Endpoint, SampleValues, spellings},
    endpoints::ALL,
};
use serde_json::Value;
use template::{
    Document,
    document::{Yaml, at, entries, items, text},
};

use crate::{document, source, stack::Function, string};

/// The functions that are no endpoint, with their entry points in `runtime`.
const OTHERS: [(&str, &str); 3] = [("dispatcher", "dispatch"), ("fallback", "fallback"), ("sweep", "sweep")];
/// Variables that the code reads and the template does not set, and why.
const NOT_SET: [(&str, &str); 8] = [
    ("AWS_CA_BUNDLE", "for a proxy or for services that are not Amazon's"),
    ("AWS_ENDPOINT_URL", "for services that are not Amazon's"),
    ("AWS_LAMBDA_FUNCTION_NAME", "Lambda sets it"),
    ("AWS_REGION", "Lambda and Fargate set it"),
    ("HEALTH_PORT", "the health check asks the worker's default port"),
    ("RUST_LOG", "production logs `info`, the default"),
    ("SHARDS", "a worker leases every free shard by default"),
    ("WECHAT_ORIGIN", "the default is WeChat's own hosts; the simulator is for tests"),
];

fn module(endpoint: &Endpoint) -> String {
    endpoint.binary.replace('-', "_")
}

/// Every path that the code serves, with its function.
fn served() -> BTreeMap<String, String> {
    let paths = ALL.iter().flat_map(|endpoint| {
        let paths = endpoint.routes.iter().flat_map(|route| spellings(route.path));
        paths.map(|path| (path, endpoint.binary.to_owned()))
    });
    paths.collect()
}

/// One message for each entry that only one of two tables has.
fn differences(
    wanted: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
    lacks: impl Fn(&str, &str) -> String,
    extra: impl Fn(&str, &str) -> String,
) -> Vec<String> {
    let only =
        |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>, message: &dyn Fn(&str, &str) -> String| {
            let entries = one.iter().filter(|(path, binary)| other.get(*path) != Some(binary));
            entries.map(|(path, binary)| message(path, binary)).collect::<Vec<_>>()
        };
    [only(wanted, found, &lacks), only(found, wanted, &extra)].concat()
}

/// What is wrong in `functions/src`.
fn in_sources() -> Vec<String> {
    let mut wrong = Vec::new();
    let listed: BTreeSet<String> = ALL.iter().map(module).collect();
    for module in source::file_names("functions/src/api/endpoints").difference(&listed) {
        wrong.push(format!("functions/src/api/endpoints/mod.rs: ALL lacks {module}::ENDPOINT"));
    }
    let endpoints = ALL.iter().map(|endpoint| {
        (
            endpoint.binary.to_owned(),
            format!("runtime::serve(&functions::api::endpoints::{}::ENDPOINT)", module(endpoint)),
        )
    });
    let others = OTHERS.map(|(binary, entry)| (binary.to_owned(), format!("runtime::{entry}()")));
    let mains: BTreeMap<String, String> = endpoints.chain(others).collect();
    let binaries = source::file_names("functions/src/bin");
    for (binary, call) in &mains {
        if !binaries.contains(binary) {
            wrong.push(format!("functions/src/bin/{binary}.rs is missing"));
        } else if !source::text(&format!("functions/src/bin/{binary}.rs")).contains(call) {
            wrong.push(format!("functions/src/bin/{binary}.rs does not call {call}"));
        }
    }
    let extra = binaries.iter().filter(|binary| !mains.contains_key(*binary));
    wrong.extend(extra.map(|binary| format!("functions/src/bin/{binary}.rs serves no endpoint")));
    wrong
}

/// What is wrong in `template.yaml`.
fn in_template() -> Vec<String> {
    let functions = Function::all(document());
    let mut wrong = Vec::new();
    let declared: BTreeSet<&str> = functions.iter().map(|function| &*function.binary).collect();
    let wanted: BTreeSet<&str> =
        ALL.iter().map(|endpoint| endpoint.binary).chain(OTHERS.map(|(binary, _)| binary)).collect();
    wrong.extend(
        wanted.difference(&declared).map(|binary| format!("template.yaml: no function for the binary {binary}")),
    );
    wrong.extend(
        declared.difference(&wanted).map(|binary| format!("template.yaml: a function for {binary}, no binary")),
    );
    if functions.len() != declared.len() {
        wrong.push("template.yaml: two functions have the same binary".to_owned());
    }
    let mut routes = BTreeMap::new();
    for function in &functions {
        for path in function.paths() {
            if let Some(other) = routes.insert(path.clone(), function.binary.clone()) {
                wrong.push(format!("template.yaml: {other} and {} both have the path {path}", function.binary));
            }
        }
    }
    // API Gateway has no route that ends in a slash; the fallback redirects those. A parameter that takes several segments
    // is `{name+}` there.
    let served = served().into_iter().filter(|(path, _)| path == "/" || !path.ends_with('/'));
    let mut served: BTreeMap<_, _> = served
        .map(|(path, binary)| match path.split_once("{*") {
            Some((start, name)) => (format!("{start}{{{}", name.replace('}', "+}")), binary),
            None => (path, binary),
        })
        .collect();
    served.insert("$default".to_owned(), "fallback".to_owned());
    wrong.extend(differences(
        &served,
        &routes,
        |path, binary| format!("template.yaml: the function {binary} lacks the path {path}"),
        |path, binary| format!("template.yaml: the function {binary} has the path {path}, which it does not serve"),
    ));
    wrong
}

/// The table of `cargo lambda watch`.
const TABLE: &str = "Cargo.toml: [workspace.metadata.lambda.watch.router]";

/// What is wrong in `Cargo.toml`, as cargo-lambda reads it.
fn in_watch_router() -> Vec<String> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(source::root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("the output of cargo metadata");
    let router = metadata["metadata"]["lambda"]["watch"]["router"].as_object().expect("a router");
    let found =
        router.iter().map(|(path, binary)| (path.clone(), binary.as_str().expect("a name").to_owned())).collect();
    differences(
        &served(),
        &found,
        |path, binary| format!("{TABLE} lacks \"{path}\" = \"{binary}\""),
        |path, binary| format!("{TABLE} has \"{path}\" = \"{binary}\", which {binary} does not serve"),
    )
}

#[test]
fn an_endpoint_is_in_every_file_that_needs_it() {
    let wrong = [in_sources(), in_template(), in_watch_router()].concat();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_function_is_named_after_the_stack_and_its_binary() {
    for function in &Function::all(document()) {
        let (_, name) = template::document::function(at(function.properties, &["FunctionName"]).unwrap()).unwrap();
        assert_eq!(text(name).unwrap(), format!("${{AWS::StackName}}-{}", function.binary));
    }
}

#[test]
fn a_sample_has_no_word_in_braces_that_has_no_value() {
    let values = SampleValues { friend: "friend", group: "group", job: "job", ticket: "ticket" };
    for endpoint in ALL {
        let (_, path, query) = endpoint.sample_request(values);
        assert!(!path.contains('{') && !query.contains('{'), "{}: {path}?{query}", endpoint.binary);
    }
}

#[test]
fn variables_are_set_where_they_are_read() {
    let document = document();
    let globals = at(document.entry("Globals", "Function").unwrap(), &["Environment", "Variables"]).unwrap();
    let shared: BTreeSet<String> = entries(globals).map(|(name, _)| name.to_owned()).collect();
    let mut set = shared.clone();
    for function in Function::all(document) {
        let own: &[&str] = match &*function.binary {
            // No request tells these what the API is called.
            "dispatcher" | "sweep" => &["CALLBACK_ALLOW", "PUBLIC_URL"],
            "send" => &["CALLBACK_ALLOW"],
            _ => &[],
        };
        assert_eq!(
            function.own_variables(),
            own.iter().map(|name| (*name).to_owned()).collect(),
            "{}",
            function.binary
        );
        assert_eq!(function.shares_environment, function.binary != "fallback");
        set.append(&mut function.own_variables());
    }
    let without_exceptions = |mut read: BTreeSet<String>| {
        for (name, _) in NOT_SET {
            read.remove(name);
        }
        read
    };
    let (boot, functions) = (source::variables("shared/boot/src"), source::variables("functions/src"));
    assert_eq!(set, without_exceptions(&boot | &functions), "functions");

    let container = worker(document);
    let list = |name| items(at(container, &[name]).unwrap()).unwrap();
    let variable = |entry| (string(entry, &["Name"]), entry);
    let plain: BTreeMap<_, _> = list("Environment").iter().map(variable).collect();
    let secret: BTreeMap<_, _> = list("Secrets").iter().map(variable).collect();
    assert_eq!(secret.keys().collect::<Vec<_>>(), ["SEALING_KEY"]);
    let worker = source::variables("worker/src");
    let set: BTreeSet<_> = plain.keys().chain(secret.keys()).cloned().collect();
    assert_eq!(set, without_exceptions(&boot | &worker), "worker");
    let dispatcher = document.entry("Resources", "Dispatcher").unwrap();
    let dispatcher = at(dispatcher, &["Properties", "Environment", "Variables"]).unwrap();
    for (name, entry) in plain {
        let of_functions = globals.as_mapping_get(&name).or_else(|| dispatcher.as_mapping_get(&name));
        assert_eq!(Some(at(entry, &["Value"]).unwrap()), of_functions, "{name}");
    }
    for (name, why) in NOT_SET {
        assert!((&boot | &worker).contains(name), "{name} is excepted ({why}), but nothing reads it");
    }
}

fn worker(document: &Document) -> &Yaml<'static> {
    let task = document.entry("Resources", "WorkerTask").unwrap();
    &items(at(task, &["Properties", "ContainerDefinitions"]).unwrap()).unwrap()[0]
}

#[test]
fn a_function_survives_a_panic() {
    // cargo-lambda builds with "abort" where the profile does not name a strategy.
    let manifest = source::text("Cargo.toml");
    let (_, release) = manifest.split_once("[profile.release]").unwrap();
    assert!(release.contains("\npanic = \"unwind\"\n"), "{release}");
}
