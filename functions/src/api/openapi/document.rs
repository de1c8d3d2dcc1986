//! The document as JSON.

use std::collections::BTreeMap;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Auth, Failure, Operation, Parameter, Reply};
use crate::api::{
    endpoints::{ListedRoute, OPERATIONS, ROUTES},
    error,
};

const ABOUT: &str = "Relays messages between WeChat accounts and programs that speak HTTP.\n\n\
    在微信账号与 HTTP 程序之间传递消息。\n\n\
    - Every path may end in a slash. `HEAD` is `GET` without the body.\n\
    - An empty parameter counts as absent; one that is given twice is refused. Parameters that are not described are \
    ignored. For `POST` they may be in the query or in the body.\n\
    - Times are local times of the service's zone.";

/// The whole document. `base` is the URL of the API without a slash at its end, empty for the root of this host.
pub(crate) fn document(base: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let (mut paths, mut tags, mut failures) = (Map::new(), Vec::new(), Map::new());
    for route in ROUTES {
        let Some(operation) = of(route) else { continue };
        let path = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = described(route, operation, &mut schemas, &mut failures);
        let tag = json!({ "name": tag(route) });
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    schemas.subschema_for::<error::Body<'static>>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "wechat-relay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": if base.is_empty() { "/" } else { base } }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "responses": failures,
            "securitySchemes": schemes(),
        },
    })
}

/// The operation that describes a route.
fn of(route: &ListedRoute) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .copied()
        .flatten()
        .find(|operation| operation.method == route.method && operation.paths.contains(&route.path))
}

fn tag(route: &ListedRoute) -> String {
    format!("{} {}", route.title.zh, route.title.en)
}

/// `failures` are the responses that operations share, by name.
fn described(
    route: &ListedRoute,
    operation: &Operation,
    schemas: &mut SchemaGenerator,
    failures: &mut Map<String, Value>,
) -> Value {
    let parameters: Vec<Value> = operation.parameters.iter().copied().flatten().map(Parameter::object).collect();
    let mut described = json!({
        "operationId": id(route),
        "tags": [tag(route)],
        "summary": operation.summary,
        "security": security(operation.auth),
        "parameters": parameters,
        "responses": responses(operation, route.needs.is_some(), schemas, failures),
    });
    if route.path != operation.paths[0] {
        described["description"] = format!("The same as `{}`.", operation.paths[0]).into();
    }
    if let Some(body) = body(operation) {
        described["requestBody"] = body;
    }
    described
}

/// Method and path as one word.
fn id(route: &ListedRoute) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<_> = words.collect();
    let path = if words.is_empty() { "root".to_owned() } else { words.join("_") };
    // Two spellings of a path must not become one.
    let alias = if route.path.contains('_') { "_alias" } else { "" };
    format!("{}_{path}{alias}", route.method.as_str().to_ascii_lowercase())
}

fn body(operation: &Operation) -> Option<Value> {
    if operation.body.is_empty() {
        return None;
    }
    let object = |file: Option<&str>| {
        let mut properties: Map<_, _> =
            operation.body.iter().map(|field| (field.name.to_owned(), field.property())).collect();
        if let Some(file) = file {
            properties
                .insert(file.to_owned(), json!({ "type": "string", "contentMediaType": "application/octet-stream" }));
        }
        let required: Vec<_> = operation.body.iter().filter(|field| field.required).map(|field| field.name).collect();
        json!({ "schema": { "type": "object", "properties": properties, "required": required } })
    };
    let mut content = json!({
        "application/json": object(None),
        "application/x-www-form-urlencoded": object(None),
    });
    if let Some(file) = operation.file {
        content["multipart/form-data"] = object(Some(file));
    }
    let required = operation.body.iter().any(|field| field.required);
    Some(json!({ "required": required, "content": content }))
}

fn responses(
    operation: &Operation,
    needs: bool,
    schemas: &mut SchemaGenerator,
    shared: &mut Map<String, Value>,
) -> Value {
    let mut responses: Map<_, _> =
        operation.replies.iter().map(|reply| (reply.status.to_string(), replied(reply, schemas))).collect();
    let mut failures: BTreeMap<u16, Vec<Failure>> = BTreeMap::new();
    for failure in Failure::of(operation, needs) {
        failures.entry(failure.status).or_default().push(failure);
    }
    for (status, failures) in failures {
        let name = failures.iter().map(|failure| failure.code).collect::<Vec<_>>().join(".");
        responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
        shared.entry(name).or_insert_with(|| failed(&failures));
    }
    responses.into()
}

fn replied(reply: &Reply, schemas: &mut SchemaGenerator) -> Value {
    let mut content = Map::new();
    if let Some(schema) = reply.json {
        content.insert("application/json".to_owned(), json!({ "schema": schema(schemas) }));
    }
    content.extend(reply.others.iter().map(|other| ((*other).to_owned(), json!({}))));
    let mut reply = json!({ "description": reply.about });
    if !content.is_empty() {
        reply["content"] = content.into();
    }
    reply
}

fn failed(failures: &[Failure]) -> Value {
    let sentences: Vec<_> = failures.iter().map(|failure| format!("`{}`: {}.", failure.code, failure.when)).collect();
    let codes: Vec<_> = failures.iter().map(|failure| failure.code).collect();
    json!({
        "description": sentences.join("\n\n"),
        "content": { "application/json": { "schema": {
            "allOf": [{ "$ref": "#/components/schemas/Error" }, { "properties": { "code": { "enum": codes } } }],
        } } },
    })
}

fn security(auth: Auth) -> Value {
    let secret = [json!({ "app_id": [], "app_secret": [] }), json!({ "basic": [] })];
    let signature = [json!({ "app_id": [], "app_secret": [], "timestamp": [], "signature": [] })];
    let token = [json!({ "access_token": [] }), json!({ "bearer": [] })];
    let link = [json!({ "link_app": [], "link_expires": [], "link_signature": [] })];
    match auth {
        Auth::None => json!([]),
        Auth::OnlySecret => secret.into(),
        Auth::Secret => [secret.as_slice(), &token].concat().into(),
        Auth::Signature => [token.as_slice(), &signature].concat().into(),
        Auth::SignatureOrLink => [token.as_slice(), &signature, &link].concat().into(),
    }
}

/// The security schemes that [`security`] names.
fn schemes() -> Value {
    let query =
        |name: &str, about: &str| json!({ "type": "apiKey", "in": "query", "name": name, "description": about });
    json!({
        "app_id": query("app_id", "The app's id: 32 hexadecimal digits."),
        "app_secret": query("app_secret", "The app secret: 32 hexadecimal digits."),
        "timestamp": query("timestamp", "Unix seconds, within five minutes of the service's clock."),
        "signature": query("signature", "Lower-case hex SHA-1 of the app's token and `timestamp`, sorted and joined."),
        "access_token": query("access_token", "From `/access-token`."),
        "bearer": { "type": "http", "scheme": "bearer", "description": "The access token as a header." },
        "basic": { "type": "http", "scheme": "basic", "description": "App id and app secret as a header." },
        "link_app": query("app_id", "The app's id in a signed link."),
        "link_expires": query("expires", "When the signed link ends, in Unix seconds."),
        "link_signature": query("sig", "The signature of the signed link."),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::{endpoint::Method, openapi::parameter::Place};

    #[test]
    fn every_route_is_described_and_every_described_path_is_a_route() {
        let undescribed: Vec<_> = ROUTES.iter().filter(|route| of(route).is_none()).collect();
        assert!(undescribed.is_empty(), "no endpoint's OPERATIONS has {undescribed:?}");
        for operation in OPERATIONS.iter().copied().flatten() {
            for path in operation.paths {
                let described = |route: &&ListedRoute| (route.method, route.path) == (operation.method, *path);
                assert_eq!(ROUTES.iter().filter(described).count(), 1, "{} {path}", operation.method.as_str());
            }
        }
    }

    #[test]
    fn a_path_has_the_parameters_that_are_described_for_it() {
        for operation in OPERATIONS.iter().copied().flatten() {
            let described: Vec<_> = operation.parameters.iter().copied().flatten().collect();
            let in_path = described.iter().filter(|parameter| parameter.place == Place::Path);
            let in_path: Vec<_> = in_path.map(|parameter| format!("{{{}}}", parameter.name)).collect();
            for path in operation.paths {
                let path = path.replace("{*", "{");
                assert_eq!(path.matches('{').count(), in_path.len(), "{path}");
                assert!(in_path.iter().all(|parameter| path.contains(parameter)), "{path}");
            }
            assert!(operation.body.is_empty() || operation.method == Method::Post);
        }
    }

    #[test]
    fn operations_have_ids_of_their_own_and_name_schemes_that_exist() {
        let document = document("");
        let paths = document["paths"].as_object().unwrap();
        let operations: Vec<_> = paths.values().flat_map(|path| path.as_object().unwrap().values()).collect();
        let ids: BTreeSet<_> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!((ids.len(), operations.len()), (ROUTES.len(), ROUTES.len()));
        let schemes = document["components"]["securitySchemes"].as_object().unwrap();
        for operation in operations {
            for way in operation["security"].as_array().unwrap() {
                assert!(way.as_object().unwrap().keys().all(|name| schemes.contains_key(name)), "{way}");
            }
        }
    }

    #[test]
    fn the_document_changes_only_on_purpose() {
        let mut document = document("");
        document["info"]["version"].take();
        insta::assert_json_snapshot!("openapi", document);
    }
}
