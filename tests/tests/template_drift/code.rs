//! What the code asks of AWS and of its environment, read from its text: which function of ours calls which, down to the
//! SDK's operations. Calls are followed by name. A name that several files define is looked for in the caller's own file
//! first, and never in another endpoint's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex_lite::Regex;

/// An IAM action, and what it is done to: `table`, `index`, `inbound` or `commands`.
pub type Grant = (String, String);

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a good pattern")
}

/// A file's code: without its tests and comments, every chain of calls on one line.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let text = regex(r"(?m)//.*$").replace_all(text, "");
    regex(r"\s*\n\s*\.").replace_all(&text, ".").replace("client().", "client.")
}

/// The files under a folder by their path in it; without those that are there for tests.
fn files(folder: &str) -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let for_tests = name == "support" || name.ends_with("tests");
            match path.is_dir() {
                _ if for_tests => {}
                true => walk(&path, found),
                false if path.extension().is_some_and(|is| is == "rs") => found.push(path),
                false => {}
            }
        }
    }
    let folder = root().join(folder);
    let mut found = Vec::new();
    walk(&folder, &mut found);
    let name = |path: &Path| path.strip_prefix(&folder).expect("it lies there").to_string_lossy().into_owned();
    found.iter().map(|path| (name(path), code(path))).collect()
}

/// The functions of some files, by file and name, with their bodies. Functions of one name in one file count as one.
struct Functions(BTreeMap<(String, String), String>);

impl Functions {
    fn of(files: &BTreeMap<String, String>) -> Self {
        let head = regex(r"\bfn (\w+)");
        let mut all: BTreeMap<_, String> = BTreeMap::new();
        for (file, code) in files {
            for found in head.captures_iter(code) {
                let after = &code[found.get(0).expect("the whole").end()..];
                *all.entry((file.clone(), found[1].to_owned())).or_default() += body(after);
            }
        }
        Self(all)
    }

    fn files_with(&self, name: &str) -> impl Iterator<Item = &String> {
        self.0.keys().filter(move |(_, is)| is == name).map(|(file, _)| file)
    }

    /// Every function that is reached from `start`, by the calls that `calls` finds in a body.
    fn reached(&self, start: Vec<(String, String)>, calls: &Regex) -> BTreeSet<(String, String)> {
        let (mut reached, mut next) = (BTreeSet::new(), start);
        while let Some(function) = next.pop() {
            let Some(body) = self.0.get(&function) else { continue };
            if !reached.insert(function.clone()) {
                continue;
            }
            for call in calls.captures_iter(body) {
                let (on, name) = (call.get(1).map_or("", |on| on.as_str()), call[2].to_owned());
                // A call on the ledger or on a queue leaves the crate.
                if ["store.", "queues."].contains(&on) {
                    continue;
                }
                let there = |file: String| Some((file, name.clone())).filter(|there| self.0.contains_key(there));
                let module = on.strip_suffix("::").filter(|module| module.starts_with(char::is_lowercase));
                if let Some(module) = module.filter(|module| !["crate", "self", "super"].contains(module)) {
                    // One that is not there is of another crate.
                    next.extend(there(format!("{module}.rs")).or_else(|| there(format!("{module}/mod.rs"))));
                } else if let Some(own) = there(function.0.clone()) {
                    next.push(own);
                } else {
                    let elsewhere = self.files_with(&name).filter(|file| !file.starts_with("endpoints/"));
                    next.extend(elsewhere.map(|file| (file.clone(), name.clone())));
                }
            }
        }
        reached
    }

    fn bodies(&self, functions: &BTreeSet<(String, String)>) -> String {
        functions.iter().map(|function| self.0[function].as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// From a function's head to the brace that ends it.
fn body(text: &str) -> &str {
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return &text[..at],
            '}' => depth -= 1,
            ';' if depth == 0 => return "",
            _ => {}
        }
    }
    text
}

/// What the methods of a service's crate ask of it: per method, IAM's names of the operations.
fn operations(folder: &str, provisioning: &str, patterns: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<String>> {
    let mut files = files(folder);
    files.remove(provisioning).expect("what makes a table or a queue is in a file of its own");
    // As one file, so that a name stands for every function that bears it.
    let whole = files.into_values().collect::<Vec<_>>().join("\n");
    let functions = Functions::of(&BTreeMap::from([(folder.to_owned(), whole)]));
    let (calls, client) = (regex(r"\b(self\.|queue\.)(\w+)\("), regex(r"\bclient\.(\w+)\("));
    let mut all = BTreeMap::new();
    for start in functions.0.keys() {
        let bodies = functions.bodies(&functions.reached(vec![start.clone()], &calls));
        for operation in client.captures_iter(&bodies).map(|found| found[1].to_owned()) {
            let known = patterns.iter().any(|(pattern, _)| *pattern == format!("client.{operation}("));
            assert!(known || ["clone", "config"].contains(&&*operation), "{folder}: what does {operation} need?");
        }
        let found = patterns.iter().filter(|(pattern, _)| bodies.contains(pattern)).map(|(_, action)| *action);
        let found: BTreeSet<String> = found.filter(|action| !action.is_empty()).map(str::to_owned).collect();
        all.entry(start.1.clone()).or_insert_with(BTreeSet::new).extend(found);
    }
    all
}

/// What the code needs.
pub struct Code {
    store: BTreeMap<String, BTreeSet<String>>,
    queue: BTreeMap<String, BTreeSet<String>>,
    functions: Functions,
    worker: Functions,
}

impl Code {
    pub fn read() -> Self {
        let store = operations(
            "shared/store/src",
            "table.rs",
            &[
                ("client.get_item(", "GetItem"),
                ("client.batch_get_item(", "BatchGetItem"),
                ("client.query(", "Query"),
                (".index_name(", "index"),
                ("client.put_item(", "PutItem"),
                ("client.update_item(", "UpdateItem"),
                ("client.delete_item(", "DeleteItem"),
                ("client.batch_write_item(", "BatchWriteItem"),
                // A transaction needs what its writes need.
                ("client.transact_write_items(", ""),
                (" Put::builder(", "PutItem"),
                (" Update::builder(", "UpdateItem"),
                (" Delete::builder(", "DeleteItem"),
            ],
        );
        let queue = operations(
            "shared/queue/src",
            "create.rs",
            &[
                ("client.send_message(", "SendMessage"),
                ("client.send_message_batch(", "SendMessage"),
                ("client.receive_message(", "ReceiveMessage"),
                ("client.delete_message(", "DeleteMessage"),
                ("client.delete_message_batch(", "DeleteMessage"),
                ("client.change_message_visibility(", "ChangeMessageVisibility"),
                ("client.get_queue_attributes(", "GetQueueAttributes"),
            ],
        );
        let functions = Functions::of(&files("functions/src"));
        let worker = Functions::of(&files("worker/src"));
        Self { store, queue, functions, worker }
    }

    /// What the function of an endpoint needs.
    pub fn endpoint(&self, module: &str) -> BTreeSet<Grant> {
        let file = format!("endpoints/{module}.rs");
        let own: Vec<_> = self.functions.0.keys().filter(|(is, _)| *is == file).cloned().collect();
        assert!(!own.is_empty(), "no {file}");
        // Whoever takes one of these as a parameter has its caller let in.
        let code = &files("functions/src")[&file];
        assert!(regex(r": (Caller|Holder)\b").is_match(code), "{file} lets nobody in");
        let admitting = self.functions.files_with("admit").map(|file| (file.clone(), "admit".to_owned()));
        self.function(own.iter().cloned().chain(admitting).collect())
    }

    /// What a function needs that begins at `name` in the runtime.
    pub fn consumer(&self, name: &str) -> BTreeSet<Grant> {
        let start = ("runtime.rs".to_owned(), name.to_owned());
        assert!(self.functions.0.contains_key(&start), "no {name} in the runtime");
        self.function(vec![start])
    }

    fn function(&self, start: Vec<(String, String)>) -> BTreeSet<Grant> {
        let calls = regex(r"\b(store\.|queues\.|\w+\.|\w+::)?(\w+)\(");
        self.needs(&self.functions.bodies(&self.functions.reached(start, &calls)))
    }

    pub fn worker(&self) -> BTreeSet<Grant> {
        let all = self.worker.0.keys().cloned().collect();
        self.needs(&self.worker.bodies(&all))
    }

    /// What is asked of the ledger and the queues in some code.
    fn needs(&self, code: &str) -> BTreeSet<Grant> {
        let mut needs = BTreeSet::new();
        for call in regex(r"\bstore\.(\w+)\(").captures_iter(code) {
            let actions = self.store.get(&call[1]).unwrap_or_else(|| panic!("the store has no {}", &call[1]));
            let on = |action: &str| match action {
                "index" => ("dynamodb:Query".to_owned(), "index".to_owned()),
                action => (format!("dynamodb:{action}"), "table".to_owned()),
            };
            needs.extend(actions.iter().map(|action| on(action)));
        }
        let queue = regex(r"\b(inbound|commands|queue|queues)(?:\[[^\]]*\])?\.(\w+)\(");
        for call in queue.captures_iter(code) {
            let Some(actions) = self.queue.get(&call[2]) else { continue };
            let target = if &call[1] == "inbound" { "inbound" } else { "commands" };
            needs.extend(actions.iter().map(|action| (format!("sqs:{action}"), target.to_owned())));
        }
        needs
    }
}

/// The environment variables that the code of a folder reads.
pub fn variables(folder: &str) -> BTreeSet<String> {
    let read = regex(r#"\b(?:optional|required|variable)\("([A-Z_]+)"\)"#);
    let files = files(folder);
    files
        .values()
        .flat_map(|code| read.captures_iter(code).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect()
}

/// The binaries of the functions.
pub fn binaries() -> BTreeSet<String> {
    files("functions/src/bin").keys().map(|file| file.trim_end_matches(".rs").to_owned()).collect()
}

/// What a function's binary begins with.
pub fn main_of(binary: &str) -> String {
    files("functions/src/bin")[&format!("{binary}.rs")].clone()
}

/// A string that is a constant of the ledger's keys.
pub fn key(name: &str) -> String {
    let keys = &files("shared/store/src")["keys.rs"];
    let found = regex(&format!(r#"pub\(crate\) const {name}: &str = "(\w+)";"#));
    found.captures(keys).unwrap_or_else(|| panic!("the ledger's keys have no {name}"))[1].to_owned()
}
