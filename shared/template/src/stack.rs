//! Values of the template for a stack's name and parameters. Knows the functions in names, queues and conditions; any
//! other is an error.

use anyhow::{Context, bail};

use crate::document::{Document, Yaml, at, function, items, substituted, text};

/// A template with a stack's name and parameters.
#[derive(Debug, Clone)]
pub struct Stack<'a> {
    document: &'a Document,
    name: &'a str,
    parameters: Vec<(&'a str, String)>,
}

impl<'a> Stack<'a> {
    /// Parameters that are not in `parameters` have their defaults.
    pub fn new(document: &'a Document, name: &'a str, parameters: Vec<(&'a str, String)>) -> anyhow::Result<Self> {
        for (parameter, value) in &parameters {
            if let Ok(allowed) = at(document.entry("Parameters", parameter)?, &["AllowedValues"]) {
                let allowed: Vec<String> = items(allowed)?.iter().map(text).collect::<Result<_, _>>()?;
                if !allowed.contains(value) {
                    bail!("{parameter} may be {}, not {value}", allowed.join(" or "));
                }
            }
        }
        Ok(Self { document, name, parameters })
    }

    /// A resource's properties.
    pub fn properties(&self, resource: &str) -> anyhow::Result<&'a Yaml<'static>> {
        at(self.document.entry("Resources", resource)?, &["Properties"])
    }

    /// A node's value. A reference to a resource has the resource's name in the template as its value.
    pub fn text(&self, node: &Yaml<'_>) -> anyhow::Result<String> {
        match function(node) {
            None => text(node),
            Some(("Ref", name)) => self.reference(&text(name)?),
            Some(("Sub", argument)) => {
                let mut result = text(argument)?;
                for name in substituted(&text(argument)?) {
                    result = result.replace(&format!("${{{name}}}"), &self.reference(name)?);
                }
                Ok(result)
            }
            Some(("If", argument)) => match items(argument)? {
                [condition, yes, no] => self.text(if self.holds(&text(condition)?)? { yes } else { no }),
                _ => bail!("template.yaml: !If must have three items"),
            },
            Some((other, _)) => bail!("template.yaml: !{other} is not supported here"),
        }
    }

    fn reference(&self, name: &str) -> anyhow::Result<String> {
        if name == "AWS::StackName" {
            return Ok(self.name.to_owned());
        }
        if let Some((_, value)) = self.parameters.iter().find(|(parameter, _)| *parameter == name) {
            return Ok(value.clone());
        }
        if let Ok(parameter) = self.document.entry("Parameters", name) {
            return text(at(parameter, &["Default"])?);
        }
        self.document.entry("Resources", name).map(|_| name.to_owned())
    }

    fn holds(&self, condition: &str) -> anyhow::Result<bool> {
        self.truth(self.document.entry("Conditions", condition)?).context(condition.to_owned())
    }

    fn truth(&self, node: &Yaml<'_>) -> anyhow::Result<bool> {
        let (name, argument) = function(node).context("template.yaml: a condition is a function")?;
        match (name, items(argument)?) {
            ("Equals", [one, other]) => Ok(self.text(one)? == self.text(other)?),
            ("Not", [other]) => self.truth(other).map(|truth| !truth),
            _ => bail!("template.yaml: !{name} is not supported in a condition"),
        }
    }
}
