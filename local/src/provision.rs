//! `provision`: the environment with which parts of a relay in other processes use the same services. The output is a file
//! for `cargo lambda watch --env-file` and `docker run --env-file`: a variable a line, nothing quoted.

use std::io::Write;

use crate::{bridge, home::Home};

/// Variables that name the services and the credentials, where the environment has them.
const SERVICES: [&str; 8] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// Prints the environment to `out`, with its secrets.
pub fn print(home: &Home, out: &mut impl Write) -> anyhow::Result<()> {
    for (name, value) in environment(home) {
        writeln!(out, "{name}={value}")?;
    }
    Ok(())
}

/// The variables, with the secrets.
pub fn environment(home: &Home) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&str, String)> = match &home.endpoints {
        Some(services) => vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", services.dynamodb.clone()),
            ("AWS_ENDPOINT_URL_SQS", services.sqs.clone()),
            ("AWS_ENDPOINT_URL_S3", services.s3.clone()),
            ("AWS_REGION", embedded::REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", embedded::ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", embedded::SECRET_KEY.to_owned()),
        ],
        None => SERVICES.into_iter().filter_map(|name| Some((name, boot::optional(name)?))).collect(),
    };
    all.extend(home.settings.variables());
    all.push(("CALLBACK_ALLOW", bridge::callbacks_allowed()));
    all
}
