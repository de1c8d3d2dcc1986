//! Compares `template.yaml` with the code, in both directions: each difference fails here and not in a deployment. The
//! linters do not see these differences.

mod endpoints;
mod references;
mod resources;
mod roles;
mod source;
mod stack;

use template::{
    Document,
    document::{Yaml, at, entries, text},
};

fn document() -> &'static Document {
    Document::read().expect("the template")
}

fn string(node: &Yaml<'_>, path: &[&str]) -> String {
    at(node, path).and_then(text).expect("a scalar")
}

fn number(node: &Yaml<'_>, path: &[&str]) -> u64 {
    string(node, path).parse().expect("a number")
}

/// Calls `visit` for every node of a tree, with the key that the node is the value of.
fn walk<'a>(node: &'a Yaml<'static>, visit: &mut impl FnMut(&str, &'a Yaml<'static>)) {
    fn below<'a>(key: &str, node: &'a Yaml<'static>, visit: &mut impl FnMut(&str, &'a Yaml<'static>)) {
        visit(key, node);
        match node {
            Yaml::Mapping(_) => entries(node).for_each(|(key, node)| below(key, node, visit)),
            Yaml::Sequence(items) => items.iter().for_each(|node| below("", node, visit)),
            Yaml::Tagged(_, node) => below("", node, visit),
            _ => {}
        }
    }
    below("", node, visit);
}
