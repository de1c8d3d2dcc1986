//! The roles: what each allows is what its code declares as grants. The functions' and the worker's own tests check that
//! the code calls nothing else.

use std::collections::{BTreeMap, BTreeSet};

use boot::Grant;
use functions::{
    api::{endpoints::ALL, fallback},
    delivery::{dispatch, sweep},
};

use crate::{
    document,
    stack::{Function, grants, resources},
};

/// What every function needs to write its log.
const LOGS: [&str; 2] = ["logs:CreateLogStream on FunctionLog.Arn", "logs:PutLogEvents on FunctionLog.Arn"];

/// One message for each grant that only the role or only the code has.
fn differences(role: &str, allowed: &BTreeSet<String>, declared: &BTreeSet<String>) -> Vec<String> {
    let missing = declared.difference(allowed).map(|grant| format!("template.yaml: {role} lacks {grant}"));
    let extra =
        allowed.difference(declared).map(|grant| format!("template.yaml: {role} may {grant}, not in its GRANTS"));
    missing.chain(extra).collect()
}

fn names<'a>(grants: impl IntoIterator<Item = &'a Grant>) -> BTreeSet<String> {
    grants.into_iter().map(Grant::to_string).collect()
}

#[test]
fn a_role_allows_what_its_code_declares_and_no_more() {
    let document = document();
    let endpoints = ALL.iter().map(|endpoint| (endpoint.binary, names(endpoint.grants)));
    let mut declared: BTreeMap<&str, BTreeSet<String>> = endpoints.collect();
    declared.insert("fallback", names(fallback::GRANTS));
    declared.insert("dispatcher", names(dispatch::GRANTS.iter().chain(dispatch::EVENT_SOURCE_GRANTS)));
    declared.insert("sweep", names(sweep::GRANTS));
    let logs: BTreeSet<String> = LOGS.map(str::to_owned).into();
    let mut wrong = differences("WorkerRole", &grants(document, "WorkerRole"), &names(worker::GRANTS));
    for function in Function::all(document) {
        // A function without grants of its own is reported as one without a binary elsewhere.
        let declared = declared.get(&*function.binary).map(|grants| grants | &logs).unwrap_or_default();
        wrong.extend(differences(&function.binary, &function.grants(document), &declared));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_policy_names_its_resources() {
    let document = document();
    let roles = resources(document, "AWS::IAM::Role");
    let everything = roles.keys().flat_map(|role| grants(document, role)).filter(|grant| grant.contains('*'));
    // This action supports no narrower resource.
    assert_eq!(everything.collect::<Vec<_>>(), ["ecr:GetAuthorizationToken on *"]);
}
