//! Web WeChat is known to `shared/wechat` alone: no other production code contains its terms.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What may know Web WeChat's terms: the protocol's crate. The simulator is WeChat itself; `bench` and `tests` drive it.
const CHECKED: [&str; 10] = [
    "shared/domain",
    "shared/store",
    "shared/queue",
    "shared/channel",
    "shared/boot",
    "shared/embedded",
    "shared/template",
    "functions",
    "worker",
    "local",
];

/// A term, and what it is.
const TERMS: [(&str, &str); 7] = [
    ("\"@@", "a group's user name"),
    ("'@'", "a user name's prefix"),
    ("1203", "the code of a refused login"),
    ("desktop", "desktop mode"),
    ("ClientMsgId", "the id of a send attempt"),
    ("uin: u64", "a Uin as a number"),
    ("webwx", "a call of the protocol"),
];

/// Where a term stands for another thing, with the reason.
const EXCEPTIONS: [(&str, &str); 1] = [
    // A puid is minted from a user name's hex digits, and is stable: the prefix is cut off whatever channel it is from.
    ("shared/domain/src/matching.rs", "'@'"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name");
        if path.is_dir() && !["tests", "support", "readme", "target"].contains(&name) {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Every line of production code with a term of Web WeChat.
fn violations(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for folder in CHECKED {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 100, "{} files: the sources moved", files.len());
    let mut violations = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a readable file");
        let name = file.strip_prefix(root).expect("a file of the workspace").display().to_string();
        // Unit tests stand at the end of a file.
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in production.lines().enumerate() {
            for (term, meaning) in TERMS {
                if line.contains(term) && !EXCEPTIONS.contains(&(name.as_str(), term)) {
                    violations.push(format!("{name}:{}: {term} ({meaning}): {}", number + 1, line.trim()));
                }
            }
        }
    }
    violations
}

#[test]
fn only_the_web_wechat_crate_knows_web_wechat() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned();
    let violations = violations(&root);
    assert!(violations.is_empty(), "these belong into shared/wechat:\n{}", violations.join("\n"));
}
