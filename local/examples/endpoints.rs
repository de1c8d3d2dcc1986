//! Prints the endpoints as JSON, for the walk of `tests/watch`.

use functions::api::{
    endpoint::{SampleAuth, SampleValues},
    endpoints::ALL,
};
use serde_json::json;

fn main() {
    let endpoints = ALL.iter().map(|endpoint| {
        let (method, path, query) = endpoint.sample_request(SampleValues {
            friend: "{friend}",
            group: "{group}",
            job: "{job}",
            ticket: "{ticket}",
        });
        let auth = match endpoint.sample.auth {
            SampleAuth::None => "none",
            SampleAuth::AppSecret => "secret",
            SampleAuth::Signature => "signed",
        };
        json!({
            "binary": endpoint.binary,
            "paths": endpoint.routes.iter().map(|route| route.path).collect::<Vec<_>>(),
            "sample": {
                "method": method.as_str(),
                "path": path,
                "query": query,
                "auth": auth,
                "online": endpoint.sample.online,
                "fields": endpoint.sample.fields,
            },
        })
    });
    println!("{:#}", endpoints.collect::<serde_json::Value>());
}
