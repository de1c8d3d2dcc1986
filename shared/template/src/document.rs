//! The template's text, its sections and its tags.

use std::sync::OnceLock;

use anyhow::{Context, bail};
pub use saphyr::Yaml;
use saphyr::{LoadableYamlNode, Scalar};

const TEXT: &str = include_str!("../../../template.yaml");

/// The template.
#[derive(Debug, Clone)]
pub struct Document {
    root: Yaml<'static>,
}

impl Document {
    /// The template in this program, parsed once in a process.
    pub fn read() -> anyhow::Result<&'static Self> {
        static READ: OnceLock<Document> = OnceLock::new();
        if let Some(read) = READ.get() {
            return Ok(read);
        }
        let read = Self::parse()?;
        Ok(READ.get_or_init(|| read))
    }

    fn parse() -> anyhow::Result<Self> {
        let mut documents = Yaml::load_from_str(TEXT).context("template.yaml")?;
        match documents.pop() {
            Some(root) if documents.is_empty() => Ok(Self { root }),
            _ => bail!("template.yaml: must have one document"),
        }
    }

    pub fn root(&self) -> &Yaml<'static> {
        &self.root
    }

    /// The entries of a section such as `Resources`, in order.
    pub fn section(&self, name: &str) -> impl Iterator<Item = (&str, &Yaml<'static>)> {
        self.root.as_mapping_get(name).into_iter().flat_map(entries)
    }

    /// An entry of a section.
    pub fn entry(&self, section: &str, name: &str) -> anyhow::Result<&Yaml<'static>> {
        let found = self.root.as_mapping_get(section).and_then(|section| section.as_mapping_get(name));
        found.with_context(|| format!("template.yaml: no {name} in {section}"))
    }
}

/// The entries of a mapping that have string keys; nothing for another node.
pub fn entries<'a, 'input>(node: &'a Yaml<'input>) -> impl Iterator<Item = (&'a str, &'a Yaml<'input>)> {
    node.as_mapping().into_iter().flatten().filter_map(|(key, value)| Some((key.as_str()?, value)))
}

/// The node at a path of keys.
pub fn at<'a, 'input>(node: &'a Yaml<'input>, path: &[&str]) -> anyhow::Result<&'a Yaml<'input>> {
    let found = path.iter().try_fold(node, |node, key| node.as_mapping_get(key));
    found.with_context(|| format!("template.yaml: no {}", path.join(".")))
}

/// A tagged node as its function's name (`Ref`) and argument.
pub fn function<'a, 'input>(node: &'a Yaml<'input>) -> Option<(&'a str, &'a Yaml<'input>)> {
    match node {
        Yaml::Tagged(tag, argument) => Some((tag.suffix.as_str(), argument)),
        _ => None,
    }
}

/// A scalar as text.
pub fn text(node: &Yaml<'_>) -> anyhow::Result<String> {
    match node {
        Yaml::Value(Scalar::String(text)) => Ok(text.to_string()),
        Yaml::Value(Scalar::Integer(number)) => Ok(number.to_string()),
        Yaml::Value(Scalar::Boolean(truth)) => Ok(truth.to_string()),
        other => bail!("template.yaml: must be a scalar, not {other:?}"),
    }
}

/// The items of a list.
pub fn items<'a, 'input>(node: &'a Yaml<'input>) -> anyhow::Result<&'a [Yaml<'input>]> {
    match node {
        Yaml::Sequence(items) => Ok(items),
        other => bail!("template.yaml: must be a list, not {other:?}"),
    }
}

/// The names in the `${…}` of a `!Sub`'s text, in order. `${!…}` is a literal and has no name.
pub fn substituted(text: &str) -> Vec<&str> {
    let ends = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    ends.map(|(name, _)| name).filter(|name| !name.starts_with('!')).collect()
}
