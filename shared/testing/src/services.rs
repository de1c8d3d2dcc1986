//! The services under a test.

use std::thread;

use aws_sdk_dynamodb::config::SharedHttpClient;
use boot::{AwsClients, AwsEndpoints, OsIds};
use domain::time::Ids;
use embedded::{Embedded, InProcess, Options};

/// DynamoDB, SQS and S3 for one test.
pub struct Services {
    pub clients: AwsClients,
    /// The prefix of the names of the test's table, queues and bucket; no other test has the same.
    pub stack: String,
    /// Services that other tests use too: the test's table, queues and bucket are deleted from them with the value.
    shared: Option<AwsEndpoints>,
    /// The embedded services, where one is used.
    _embedded: Option<Embedded>,
}

impl Services {
    /// The services that `AWS_ENDPOINT_URL`, or a service's own `AWS_ENDPOINT_URL_…`, names; an embedded one in memory in
    /// the place of each that is not named.
    ///
    /// # Panics
    /// When the embedded services do not start.
    pub async fn start() -> Self {
        let [dynamodb, sqs, s3] = named();
        let shared = dynamodb.is_some() || sqs.is_some() || s3.is_some();
        let embedded = if dynamodb.is_some() && sqs.is_some() && s3.is_some() {
            None
        } else {
            Some(Embedded::start(Options::memory()).await.expect("embedded services start"))
        };
        let or_embedded = |url: Option<String>, own: fn(&Embedded) -> &str| {
            url.or_else(|| embedded.as_ref().map(|embedded| own(embedded).to_owned())).unwrap_or_default()
        };
        let variable = |name, default: &str| boot::optional(name).unwrap_or_else(|| default.to_owned());
        let endpoints = AwsEndpoints {
            dynamodb: or_embedded(dynamodb, Embedded::dynamodb_url),
            sqs: or_embedded(sqs, Embedded::sqs_url),
            s3: or_embedded(s3, Embedded::s3_url),
            region: variable("AWS_REGION", embedded::REGION),
            access_key: variable("AWS_ACCESS_KEY_ID", embedded::ACCESS_KEY),
            secret_key: variable("AWS_SECRET_ACCESS_KEY", embedded::SECRET_KEY),
        };
        let clients = AwsClients::at(&endpoints);
        Self { clients, stack: stack(), shared: shared.then_some(endpoints), _embedded: embedded }
    }

    /// Services that the SDK reaches without sockets, whatever the environment names. See [`InProcess`].
    ///
    /// # Panics
    /// When the services do not open.
    pub fn in_process() -> Self {
        let services = InProcess::open().expect("services in memory");
        // The SDK requires URLs, but sends no request to them.
        let endpoints = AwsEndpoints {
            dynamodb: "http://dynamodb.invalid".to_owned(),
            sqs: "http://sqs.invalid".to_owned(),
            s3: "http://s3.invalid".to_owned(),
            region: embedded::REGION.to_owned(),
            access_key: embedded::ACCESS_KEY.to_owned(),
            secret_key: embedded::SECRET_KEY.to_owned(),
        };
        let clients = AwsClients::through(SharedHttpClient::new(services), &endpoints);
        Self { clients, stack: stack(), shared: None, _embedded: None }
    }

    /// The services that the environment names, if it names all.
    pub async fn named() -> Option<Self> {
        match named() {
            [Some(_), Some(_), Some(_)] => Some(Self::start().await),
            _ => None,
        }
    }
}

fn stack() -> String {
    format!("test-{}", OsIds.hex())
}

/// The URLs of DynamoDB, SQS and S3 that the environment names.
fn named() -> [Option<String>; 3] {
    ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_S3"]
        .map(|name| boot::optional(name).or_else(|| boot::optional("AWS_ENDPOINT_URL")))
}

impl Drop for Services {
    fn drop(&mut self) {
        let Some(endpoints) = self.shared.take() else { return };
        let stack = self.stack.clone();
        // On a thread of its own: `drop` cannot wait for this thread's runtime, whose clock may be paused besides.
        let removal = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(remove(&AwsClients::at(&endpoints), &stack));
        });
        // What could not be deleted has a name that is not used again.
        drop(removal.join());
    }
}

async fn remove(clients: &AwsClients, stack: &str) {
    drop(clients.dynamodb().delete_table().table_name(stack).send().await);
    remove_bucket(&clients.s3(), &format!("{stack}-media")).await;
    let sqs = clients.sqs();
    let sqs = sqs.client();
    let Ok(queues) = sqs.list_queues().queue_name_prefix(stack).send().await else { return };
    for url in queues.queue_urls() {
        drop(sqs.delete_queue().queue_url(url).send().await);
    }
}

/// A bucket can be deleted only when it is empty.
async fn remove_bucket(s3: &aws_sdk_s3::Client, bucket: &str) {
    let mut pages = s3.list_objects_v2().bucket(bucket).into_paginator().send();
    while let Some(Ok(page)) = pages.next().await {
        for key in page.contents().iter().filter_map(|object| object.key()) {
            drop(s3.delete_object().bucket(bucket).key(key).send().await);
        }
    }
    drop(s3.delete_bucket().bucket(bucket).send().await);
}
