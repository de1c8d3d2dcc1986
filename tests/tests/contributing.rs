//! CONTRIBUTING.md names files and tests that exist.

use std::{fs, path::Path};

/// All Rust sources of the workspace as one text.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a readable file"));
        }
    }
}

#[test]
fn the_checklists_name_files_and_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let page = fs::read_to_string(root.join("CONTRIBUTING.md")).expect("CONTRIBUTING.md");
    let mut code = String::new();
    for folder in ["functions", "local", "shared", "simulator", "tests", "worker"] {
        sources(&root.join(folder), &mut code);
    }
    let mut missing = Vec::new();
    let (mut files, mut tests) = (0, 0);
    for name in page.split('`').skip(1).step_by(2) {
        let is_test = name.matches('_').count() > 2 && name.chars().all(|c| c == '_' || c.is_ascii_lowercase());
        let is_file = !name.contains(char::is_whitespace)
            && name.contains('/')
            && Path::new(name).extension().is_some()
            && !name.contains("NAME");
        if is_test {
            tests += 1;
            if !code.contains(&format!("fn {name}(")) {
                missing.push(name);
            }
        } else if is_file && !name.contains("MODULE") {
            files += 1;
            if !root.join(name).exists() {
                missing.push(name);
            }
        }
    }
    assert!(files > 20 && tests > 10, "{files} files and {tests} tests: the page changed its form");
    assert!(missing.is_empty(), "CONTRIBUTING.md names what does not exist: {missing:?}");
}
