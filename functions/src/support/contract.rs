//! The contract that every response in a test must keep: its status, its content type and its JSON are described.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::Answer;
use crate::api::openapi::document;

/// The document, with objects that have no fields but those described.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = document("");
    close(&mut document);
    document
});

/// Validators by the response's place in the document.
static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

/// The keywords whose schemas describe parts of the same value.
const JOINED: [&str; 3] = ["allOf", "anyOf", "oneOf"];

fn close(schema: &mut Value) {
    close_parts(schema);
    if let Value::Object(members) = schema {
        if JOINED.iter().any(|keyword| members.contains_key(*keyword)) {
            members.insert("unevaluatedProperties".to_owned(), false.into());
        } else if members.get("type") == Some(&json!("object")) && members.contains_key("properties") {
            members.insert("additionalProperties".to_owned(), false.into());
        }
    }
}

/// Closes what is inside.
fn close_parts(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (keyword, inner) in members {
                match inner {
                    Value::Array(parts) if JOINED.contains(&keyword.as_str()) => parts.iter_mut().for_each(close_parts),
                    inner => close(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Fails the test if the response to `method` on `route` is not described.
pub(crate) fn check(method: &str, route: &str, answer: &Answer) {
    let path = match route.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.replace("{*", "{"),
    };
    // A method that a path does not have, and the body that HEAD does not have, are in no description.
    if answer.status == 405 || method == "HEAD" {
        return;
    }
    let (method, status) = (method.to_ascii_lowercase(), answer.status.as_u16().to_string());
    let name = format!("{method} {path} {status}");
    let described = &DOCUMENT["paths"][&path][&method]["responses"][&status];
    assert!(described.is_object(), "{name} is not described: {answer}");
    let described = match described["$ref"].as_str() {
        Some(shared) => DOCUMENT.pointer(&shared[1..]).expect("a response that is there"),
        None => described,
    };
    let content_type = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
    let Some(content) = described["content"].as_object() else {
        assert!(answer.body.is_empty(), "{name} has a body that is not described");
        return;
    };
    assert!(content.contains_key(content_type), "{name} is not described as {content_type:?}");
    let Some(schema) = content[content_type].get("schema") else { return };
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = *validators.entry(name.clone()).or_insert_with(|| {
        let schema = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
        Box::leak(Box::new(jsonschema::validator_for(&schema).expect("a schema")))
    });
    let faults: Vec<_> = validator.iter_errors(&answer.json).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{name} is not as described: {faults:#?}\n{answer}");
}
