//! What the sources say.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file's text.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names, without `.rs`, of the source files in a folder; `mod.rs` is left out.
pub(crate) fn file_names(folder: &str) -> BTreeSet<String> {
    let files = fs::read_dir(root().join(folder)).expect("a folder of sources");
    let paths = files.map(|entry| entry.expect("an entry").path());
    let sources = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let names = sources.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned());
    names.filter(|name| name != "mod").collect()
}

/// The environment variables that the code of a folder reads, its tests excepted. A name is a literal, or a constant of
/// the same file.
pub(crate) fn variables(folder: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for code in sources(&root().join(folder)) {
        let literal = |text: &str| text.strip_prefix('"').and_then(|text| text.split('"').next()).map(str::to_owned);
        let constant = |text: &str| {
            let name = text.split(')').next().filter(|name| is_variable(name))?;
            let (_, value) = code.split_once(&format!("const {name}: &str = "))?;
            literal(value)
        };
        for call in ["optional(", "required(", "variable("] {
            let arguments = code.split(call).skip(1);
            let read = arguments.filter_map(|argument| literal(argument).or_else(|| constant(argument)));
            names.extend(read.filter(|name| is_variable(name)));
        }
    }
    names
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The code of the files under a folder, without tests.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "support" || name.ends_with("tests") {
            continue;
        }
        if path.is_dir() {
            found.append(&mut sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            found.push(text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
        }
    }
    found
}

/// The string that a constant of the ledger's keys holds.
pub(crate) fn key(name: &str) -> String {
    let keys = text("shared/store/src/keys.rs");
    let (_, value) = keys.split_once(&format!("const {name}: &str = \"")).unwrap_or_else(|| panic!("no key {name}"));
    value.split('"').next().unwrap_or_default().to_owned()
}
