//! AWS clients.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::{Credentials, Intercept, SharedCredentialsProvider, SharedHttpClient};
use queue::{Queue, Queues, Sqs};
use store::Store;

use crate::{SettingError, trust};

/// How long a try of a DynamoDB request may take, and how long all tries of it: the SDK itself would wait for an answer
/// for ever.
const DYNAMODB_TIMES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(20)];
/// The same for SQS, whose long polls last 20 s.
const SQS_TIMES: [Duration; 2] = [Duration::from_secs(30), Duration::from_mins(1)];
/// Pause before the second try of a DynamoDB request, doubled with each try and jittered. The SDK's own second would
/// hold up a session for a passing conflict.
const DYNAMODB_BACKOFF: Duration = Duration::from_millis(50);
/// Tries of a DynamoDB request.
const DYNAMODB_TRIES: u32 = 5;

/// Where the services are, when they are not Amazon's: `http` addresses on this machine.
#[derive(Debug, Clone)]
pub struct AwsEndpoints {
    pub dynamodb: String,
    pub sqs: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
}

/// The clients that the relay uses, made once; cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsClients {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: Sqs,
}

impl AwsClients {
    /// As the environment says: region, credentials, `AWS_ENDPOINT_URL…`, and whom to trust (see the module `trust`).
    pub async fn from_env() -> Result<Self, SettingError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(client) = trust::http_client()? {
            loader = loader.http_client(client);
        }
        let shared = loader.load().await;
        let limits = |[one, all]: [Duration; 2]| {
            TimeoutConfig::builder().operation_attempt_timeout(one).operation_timeout(all).build()
        };
        let dynamodb = dynamodb(&shared).timeout_config(limits(DYNAMODB_TIMES));
        let sqs = aws_sdk_sqs::config::Builder::from(&shared).timeout_config(limits(SQS_TIMES));
        Ok(Self::of(dynamodb, sqs))
    }

    /// Services at given addresses, with given credentials. Nothing is read from the environment, not even a proxy, and
    /// nothing is timed: a service on this machine answers or refuses, and a test's paused clock would run into any
    /// limit.
    pub fn at(endpoints: &AwsEndpoints) -> Self {
        Self::through(aws_smithy_http_client::Builder::new().build_http(), endpoints)
    }

    /// The same, with requests that go through `http_client`.
    pub fn through(http_client: SharedHttpClient, endpoints: &AwsEndpoints) -> Self {
        let credentials = Credentials::new(&endpoints.access_key, &endpoints.secret_key, None, None, "given");
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(endpoints.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client)
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        let sqs = aws_sdk_sqs::config::Builder::from(&shared).endpoint_url(&endpoints.sqs);
        Self::of(dynamodb(&shared).endpoint_url(&endpoints.dynamodb), sqs)
    }

    /// Clients of the same services whose requests `interceptor` sees.
    #[must_use]
    pub fn intercepted(&self, interceptor: impl Intercept + Clone + 'static) -> Self {
        let dynamodb = self.dynamodb.config().to_builder().interceptor(interceptor.clone());
        Self::of(dynamodb, self.sqs.client().config().to_builder().interceptor(interceptor))
    }

    fn of(dynamodb: aws_sdk_dynamodb::config::Builder, sqs: aws_sdk_sqs::config::Builder) -> Self {
        Self { dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()), sqs: Sqs::new(sqs) }
    }

    /// The ledger in `table`.
    pub fn store(&self, table: &str) -> Store {
        Store::new(&self.dynamodb, table)
    }

    /// The queues at these URLs, `commands` one a shard, in order.
    pub fn queues(&self, inbound: &str, commands: &[String]) -> Queues {
        Queues {
            inbound: Queue::new(self.sqs.clone(), inbound),
            commands: commands.iter().map(|url| Queue::new(self.sqs.clone(), url)).collect(),
        }
    }

    /// The client that looks at a table's rows past the ledger, in tests.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamodb.clone()
    }

    /// The client that makes queues on a machine without CloudFormation.
    pub fn sqs(&self) -> Sqs {
        self.sqs.clone()
    }
}

fn dynamodb(shared: &SdkConfig) -> aws_sdk_dynamodb::config::Builder {
    let retry = RetryConfig::standard().with_max_attempts(DYNAMODB_TRIES).with_initial_backoff(DYNAMODB_BACKOFF);
    aws_sdk_dynamodb::config::Builder::from(shared).retry_config(retry)
}

#[cfg(test)]
mod tests {
    use domain::id::AppId;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Answers one request on a connection of its own, after reading its head and body.
    async fn answer(listener: &TcpListener, status: &str, body: &str) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 65_536];
        let mut read = 0;
        while !request[..read].ends_with(b"}") {
            read += stream.read(&mut request[read..]).await.unwrap();
        }
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn a_service_on_this_machine_that_stumbles_is_asked_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let clients = AwsClients::at(&AwsEndpoints {
            dynamodb: url.clone(),
            sqs: url,
            region: "us-east-1".into(),
            access_key: "a".into(),
            secret_key: "s".into(),
        });
        let store = clients.store("table");
        let service = async {
            answer(&listener, "500 Internal Server Error", "{}").await;
            answer(&listener, "503 Service Unavailable", "{}").await;
            answer(&listener, "200 OK", "{}").await;
        };
        let id = AppId::trusted("id");
        let (app, ()) = tokio::join!(store.app(&id), service);
        assert_eq!(app.unwrap(), None);
    }
}
