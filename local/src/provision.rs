//! `provision`: the environment in which the parts of a relay work elsewhere on the services that are used here, as a
//! file that `cargo lambda watch --env-file` and `docker run --env-file` take: a variable a line, nothing quoted.

use std::io::Write;

use crate::{bridge, home::Home};

/// Where the services are and as whom they are asked, when the environment says it.
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

/// Prints the environment to `out`, secrets too.
pub fn tell(home: &Home, out: &mut impl Write) -> anyhow::Result<()> {
    for (name, value) in environment(home) {
        writeln!(out, "{name}={value}")?;
    }
    Ok(())
}

fn environment(home: &Home) -> Vec<(&'static str, String)> {
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
