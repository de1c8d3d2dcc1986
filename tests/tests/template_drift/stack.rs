//! The template's functions and roles.

use std::collections::{BTreeMap, BTreeSet};

use template::document::{Document, Yaml, at, entries, function, items, text};

/// The resources of a type, by their names in the template.
pub(crate) fn resources<'a>(document: &'a Document, kind: &str) -> BTreeMap<&'a str, &'a Yaml<'static>> {
    let of_kind = |resource: &Yaml<'_>| at(resource, &["Type"]).and_then(text).is_ok_and(|is| is == kind);
    document.section("Resources").filter(|(_, resource)| of_kind(resource)).collect()
}

/// A function of the template.
pub(crate) struct Function<'a> {
    pub(crate) binary: String,
    pub(crate) properties: &'a Yaml<'static>,
    /// Whether its environment has the variables of `Globals`.
    pub(crate) shares_environment: bool,
}

impl<'a> Function<'a> {
    pub(crate) fn all(document: &'a Document) -> Vec<Self> {
        let functions = resources(document, "AWS::Serverless::Function").into_values();
        functions.map(Self::of).collect()
    }

    fn of(resource: &'a Yaml<'static>) -> Self {
        let method = at(resource, &["Metadata", "BuildMethod"]).and_then(text).expect("a build method");
        assert_eq!(method, "rust-cargolambda");
        Self {
            binary: at(resource, &["Metadata", "BuildProperties", "Binary"]).and_then(text).expect("a binary"),
            properties: at(resource, &["Properties"]).expect("properties"),
            shares_environment: at(resource, &["IgnoreGlobals"]).is_err(),
        }
    }

    pub(crate) fn named(document: &'a Document, binary: &str) -> Self {
        Self::all(document).into_iter().find(|function| function.binary == binary).expect("a function of this name")
    }

    /// The properties of its events of a type.
    pub(crate) fn events(&self, kind: &str) -> Vec<&'a Yaml<'static>> {
        let events = at(self.properties, &["Events"]).expect("events");
        let of_kind = entries(events).filter(|(_, event)| at(event, &["Type"]).and_then(text).expect("a type") == kind);
        of_kind.map(|(_, event)| at(event, &["Properties"]).expect("properties")).collect()
    }

    /// The paths that the API routes to it, each with every method; `$default` for the paths without a route.
    pub(crate) fn paths(&self) -> Vec<String> {
        let path = |event| match at(event, &["Path"]).and_then(text) {
            Ok(path) => {
                assert_eq!(at(event, &["Method"]).and_then(text).expect("a method"), "ANY", "{path}");
                path
            }
            Err(_) => "$default".to_owned(),
        };
        self.events("HttpApi").into_iter().map(path).collect()
    }

    /// The names of the variables that only it has.
    pub(crate) fn own_variables(&self) -> BTreeSet<String> {
        let variables = at(self.properties, &["Environment", "Variables"]).ok();
        variables.into_iter().flat_map(entries).map(|(name, _)| name.to_owned()).collect()
    }

    /// What its role allows.
    pub(crate) fn grants(&self, document: &Document) -> BTreeSet<String> {
        let (_, role) = function(at(self.properties, &["Role"]).expect("a role")).expect("!GetAtt");
        let role = text(role).expect("a name");
        grants(document, role.strip_suffix(".Arn").expect("its ARN"))
    }
}

/// What a role allows, by its own and its managed policies, as `action on resource`.
pub(crate) fn grants(document: &Document, role: &str) -> BTreeSet<String> {
    let role = at(document.entry("Resources", role).expect("the role"), &["Properties"]).expect("properties");
    let list = |name| at(role, &[name]).map(|list| items(list).expect("a list")).unwrap_or_default();
    let own = list("Policies").iter().map(|policy| at(policy, &["PolicyDocument"]).expect("a document"));
    let shared = list("ManagedPolicyArns").iter().map(|policy| {
        let name = text(function(policy).expect("!Ref").1).expect("a name");
        at(document.entry("Resources", &name).expect("the policy"), &["Properties", "PolicyDocument"])
            .expect("document")
    });
    own.chain(shared).flat_map(statements).collect()
}

fn statements(policy: &Yaml<'_>) -> Vec<String> {
    let mut grants = Vec::new();
    for statement in items(at(policy, &["Statement"]).expect("statements")).expect("a list") {
        let resource = at(statement, &["Resource"]).expect("a resource");
        let named = items(resource).unwrap_or(std::slice::from_ref(resource));
        let targets = targets(named.iter().map(name).collect());
        for action in items(at(statement, &["Action"]).expect("actions")).expect("a list") {
            let action = text(action).expect("an action");
            grants.extend(targets.iter().map(|target| format!("{action} on {target}")));
        }
    }
    grants
}

/// The resource that a policy names, without the condition around it.
fn name(resource: &Yaml<'_>) -> String {
    match function(resource) {
        Some(("If", given)) => name(&items(given).expect("a list")[1]),
        Some((_, given)) => text(given).expect("a name"),
        None => text(resource).expect("a name"),
    }
}

/// Names of resources as [`boot::Grant`] prints them; the command queues count only together.
fn targets(mut names: Vec<String>) -> Vec<String> {
    let commands = ["Commands0.Arn", "Commands1.Arn", "Commands2.Arn", "Commands3.Arn"];
    if names.ends_with(&commands.map(str::to_owned)) {
        names.truncate(names.len() - commands.len());
        names.push("commands".to_owned());
    }
    let word = |name: String| match &*name {
        "Table.Arn" => "table".to_owned(),
        "${Table.Arn}/index/due" => "index".to_owned(),
        "Inbound.Arn" => "inbound".to_owned(),
        // The bucket, its objects, and those that callers upload.
        "Media.Arn" | "${Media.Arn}/*" | "${Media.Arn}/*/upload/*" => "media".to_owned(),
        _ => name,
    };
    names.into_iter().map(word).collect()
}
