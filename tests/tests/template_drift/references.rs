//! References and embedded JSON.

use std::collections::BTreeSet;

use serde_json::Value;
use template::document::{function, items, substituted, text};

use crate::{document, string, walk};

/// The attributes of a resource that `!GetAtt` may name.
const ATTRIBUTES: [(&str, &[&str]); 8] = [
    ("AWS::DynamoDB::Table", &["Arn"]),
    ("AWS::ECR::Repository", &["Arn", "RepositoryUri"]),
    ("AWS::IAM::Role", &["Arn"]),
    ("AWS::Logs::LogGroup", &["Arn"]),
    ("AWS::S3::Bucket", &["Arn"]),
    ("AWS::SQS::Queue", &["Arn", "QueueName"]),
    ("AWS::Serverless::Function", &["Arn"]),
    ("AWS::SecretsManager::Secret", &["Id"]),
];

const PSEUDO_PARAMETERS: [&str; 6] =
    ["AWS::AccountId", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackName", "AWS::URLSuffix"];

#[test]
fn every_reference_has_its_target() {
    let document = document();
    let mut wrong = Vec::new();
    let referable = |name: &str| {
        PSEUDO_PARAMETERS.contains(&name)
            || document.entry("Parameters", name).is_ok()
            || document.entry("Resources", name).is_ok()
    };
    let attribute = |name: &str| {
        let Some((resource, attribute)) = name.split_once('.') else { return false };
        let Ok(resource) = document.entry("Resources", resource) else { return false };
        let kind = string(resource, &["Type"]);
        ATTRIBUTES.iter().any(|(is, has)| *is == kind && has.contains(&attribute))
    };
    let condition = |name: &str| document.entry("Conditions", name).is_ok();
    let mut seen = 0;
    walk(document.root(), &mut |key, node| {
        let found: Vec<(String, bool)> = match (key, function(node)) {
            (_, Some(("Ref", name))) => {
                vec![text(name).unwrap()].into_iter().map(|n| (n.clone(), referable(&n))).collect()
            }
            (_, Some(("GetAtt", name))) => {
                vec![text(name).unwrap()].into_iter().map(|n| (n.clone(), attribute(&n))).collect()
            }
            (_, Some(("Sub", given))) => {
                let given = text(given).unwrap();
                let names = substituted(&given).into_iter();
                names.map(|name| (name.to_owned(), referable(name) || attribute(name))).collect()
            }
            (_, Some(("If", given))) => {
                let name = text(&items(given).unwrap()[0]).unwrap();
                vec![(name.clone(), condition(&name))]
            }
            (_, Some(("Equals" | "Not" | "Select" | "Split" | "GetAZs", _))) => Vec::new(),
            (_, Some((other, _))) => vec![(format!("!{other}"), false)],
            ("Condition", None) if node.as_str().is_some() => {
                let name = text(node).unwrap();
                vec![(name.clone(), condition(&name))]
            }
            ("DependsOn", None) => {
                let name = text(node).unwrap();
                vec![(name.clone(), document.entry("Resources", &name).is_ok())]
            }
            _ => Vec::new(),
        };
        seen += found.len();
        wrong.extend(found.into_iter().filter(|(_, there)| !there).map(|(name, _)| name));
    });
    assert_eq!(wrong, Vec::<String>::new());
    assert!(seen > 200, "{seen}");
}

#[test]
fn what_is_written_as_json_is_json() {
    let document = document();
    let mut bodies = Vec::new();
    walk(document.root(), &mut |key, node| {
        if ["DashboardBody", "Format", "LifecyclePolicyText"].contains(&key) {
            let text = function(node).map_or_else(|| text(node), |(_, given)| text(given)).unwrap();
            bodies.push(serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{key}: {error}")));
        }
    });
    assert_eq!(bodies.len(), 3);
    let access_log = bodies.iter().find(|body| body["route"].is_string()).expect("what is logged of a request");
    // A query may hold an app's secret; only these parts of a request hold none.
    let logged: BTreeSet<&str> =
        access_log.as_object().unwrap().values().map(|value| value.as_str().unwrap()).collect();
    let harmless = [
        "$context.httpMethod",
        "$context.identity.sourceIp",
        "$context.integration.requestId",
        "$context.integrationErrorMessage",
        "$context.integrationLatency",
        "$context.path",
        "$context.requestId",
        "$context.requestTime",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.routeKey",
        "$context.status",
    ];
    assert_eq!(logged, BTreeSet::from(harmless));
}
