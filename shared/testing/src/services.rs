//! The services under a test.

use std::thread;

use boot::{AwsClients, AwsEndpoints, OsIds};
use domain::time::Ids;
use embedded::{Embedded, Options};

/// DynamoDB and SQS, each the one that `AWS_ENDPOINT_URL` or its own `AWS_ENDPOINT_URL_…` names, else an embedded one in
/// memory. What a test makes there under [`stack`](Self::stack) goes with the value.
pub struct Services {
    pub clients: AwsClients,
    /// What the names of the test's table and queues begin with; no other test has the same.
    pub stack: String,
    endpoints: AwsEndpoints,
    /// Whether others may use the services, which stay when the test has ended.
    shared: bool,
    /// The embedded services, where one is used.
    _embedded: Option<Embedded>,
}

impl Services {
    /// # Panics
    /// When the embedded services do not start.
    pub async fn start() -> Self {
        let [dynamodb, sqs] = named();
        let shared = dynamodb.is_some() || sqs.is_some();
        let embedded = if dynamodb.is_some() && sqs.is_some() {
            None
        } else {
            Some(Embedded::start(Options::memory()).await.expect("embedded services start"))
        };
        let or_embedded = |url: Option<String>, own: fn(&Embedded) -> &str| {
            url.or_else(|| embedded.as_ref().map(|embedded| own(embedded).to_owned())).unwrap_or_default()
        };
        let said = |name, otherwise: &str| boot::optional(name).unwrap_or_else(|| otherwise.to_owned());
        let endpoints = AwsEndpoints {
            dynamodb: or_embedded(dynamodb, Embedded::dynamodb_url),
            sqs: or_embedded(sqs, Embedded::sqs_url),
            region: said("AWS_REGION", embedded::REGION),
            access_key: said("AWS_ACCESS_KEY_ID", embedded::ACCESS_KEY),
            secret_key: said("AWS_SECRET_ACCESS_KEY", embedded::SECRET_KEY),
        };
        let clients = AwsClients::at(&endpoints);
        Self { clients, stack: format!("test-{}", OsIds.hex()), endpoints, shared, _embedded: embedded }
    }

    /// The services that the environment names, if it names both.
    pub async fn named() -> Option<Self> {
        match named() {
            [Some(_), Some(_)] => Some(Self::start().await),
            _ => None,
        }
    }
}

/// Where the environment says that DynamoDB and SQS are.
fn named() -> [Option<String>; 2] {
    ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"]
        .map(|name| boot::optional(name).or_else(|| boot::optional("AWS_ENDPOINT_URL")))
}

impl Drop for Services {
    fn drop(&mut self) {
        if !self.shared {
            return;
        }
        let (endpoints, stack) = (self.endpoints.clone(), self.stack.clone());
        // Elsewhere, since this thread's runtime cannot be waited for here, and may have a paused clock.
        let removal = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(remove(&AwsClients::at(&endpoints), &stack));
        });
        // What stays for a reason of the service's has a name that nobody uses again.
        drop(removal.join());
    }
}

async fn remove(clients: &AwsClients, stack: &str) {
    drop(clients.dynamodb().delete_table().table_name(stack).send().await);
    let sqs = clients.sqs();
    let sqs = sqs.client();
    let Ok(queues) = sqs.list_queues().queue_name_prefix(stack).send().await else { return };
    for url in queues.queue_urls() {
        drop(sqs.delete_queue().queue_url(url).send().await);
    }
}
