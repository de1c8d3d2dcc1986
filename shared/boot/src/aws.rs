//! AWS clients.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::{Credentials, Intercept, SharedCredentialsProvider, SharedHttpClient};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use media::MediaStore;
use queue::{Queue, Queues, Sqs};
use store::Store;

use crate::{SettingError, settings::optional, trust};

/// Time-outs of an attempt of a DynamoDB request, and of all its attempts. The SDK has none by default.
const DYNAMODB_TIMEOUTS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(20)];
/// The same for SQS, where a long poll takes 20 s.
const SQS_TIMEOUTS: [Duration; 2] = [Duration::from_secs(30), Duration::from_mins(1)];
/// The same for S3, where an attempt may send or read a part of 8 MiB.
const S3_TIMEOUTS: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(3)];
/// Pause before the second attempt of a DynamoDB request. It doubles with each attempt and has jitter. The SDK's default
/// of one second would delay sessions for a short conflict.
const DYNAMODB_BACKOFF: Duration = Duration::from_millis(50);
/// Attempts of a DynamoDB request.
const DYNAMODB_ATTEMPTS: u32 = 5;

/// Endpoints of local services (`http` URLs) and their credentials.
#[derive(Debug, Clone)]
pub struct AwsEndpoints {
    pub dynamodb: String,
    pub sqs: String,
    pub s3: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
}

/// The AWS clients; cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsClients {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: Sqs,
    s3: aws_sdk_s3::Client,
}

impl AwsClients {
    /// Reads region, credentials, `AWS_ENDPOINT_URL…` and the trusted authorities (see the module `trust`) from the
    /// environment.
    pub async fn from_env() -> Result<Self, SettingError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(client) = trust::http_client()? {
            loader = loader.http_client(client);
        }
        let shared = loader.load().await;
        let timeouts = |[attempt, total]: [Duration; 2]| {
            TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(total).build()
        };
        let dynamodb = dynamodb(&shared).timeout_config(timeouts(DYNAMODB_TIMEOUTS));
        let sqs = aws_sdk_sqs::config::Builder::from(&shared).timeout_config(timeouts(SQS_TIMEOUTS));
        // A bucket's name as a part of the host name works on AWS only.
        let s3 = aws_sdk_s3::config::Builder::from(&shared).timeout_config(timeouts(S3_TIMEOUTS));
        Ok(Self::of(dynamodb, sqs, s3.force_path_style(other_s3().is_some())))
    }

    /// Clients for local services. They read nothing from the environment, not even a proxy. They have no time-outs: a
    /// local service responds or refuses, and a test with a paused clock would reach any time-out at once.
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
        let s3 = aws_sdk_s3::config::Builder::from(&shared).endpoint_url(&endpoints.s3).force_path_style(true);
        Self::of(dynamodb(&shared).endpoint_url(&endpoints.dynamodb), sqs, s3)
    }

    /// Clients of the same services whose requests `interceptor` sees.
    #[must_use]
    pub fn intercepted(&self, interceptor: impl Intercept + Clone + 'static) -> Self {
        let dynamodb = self.dynamodb.config().to_builder().interceptor(interceptor.clone());
        let sqs = self.sqs.client().config().to_builder().interceptor(interceptor.clone());
        Self::of(dynamodb, sqs, self.s3.config().to_builder().interceptor(interceptor))
    }

    fn of(
        dynamodb: aws_sdk_dynamodb::config::Builder,
        sqs: aws_sdk_sqs::config::Builder,
        s3: aws_sdk_s3::config::Builder,
    ) -> Self {
        // Checksums beyond what S3 demands would double the work of each part, and make a presigned upload name one.
        let s3 = s3
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sqs: Sqs::new(sqs),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
        }
    }

    /// The ledger in `table`.
    pub fn store(&self, table: &str) -> Store {
        Store::new(&self.dynamodb, table)
    }

    /// The queues with these URLs. `commands` has the command queue of each shard, in order.
    pub fn queues(&self, inbound: &str, commands: &[String]) -> Queues {
        Queues {
            inbound: Queue::new(self.sqs.clone(), inbound),
            commands: commands.iter().map(|url| Queue::new(self.sqs.clone(), url)).collect(),
        }
    }

    /// The media in `bucket`.
    pub fn media(&self, bucket: &str) -> MediaStore {
        MediaStore::new(&self.s3, bucket)
    }

    /// For tests that read rows without the ledger.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamodb.clone()
    }

    /// For tests that remove buckets.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        self.s3.clone()
    }

    /// For creating queues where there is no CloudFormation.
    pub fn sqs(&self) -> Sqs {
        self.sqs.clone()
    }
}

/// The URL of an S3 that is not Amazon's.
fn other_s3() -> Option<String> {
    optional("AWS_ENDPOINT_URL_S3").or_else(|| optional("AWS_ENDPOINT_URL"))
}

fn dynamodb(shared: &SdkConfig) -> aws_sdk_dynamodb::config::Builder {
    let retry = RetryConfig::standard().with_max_attempts(DYNAMODB_ATTEMPTS).with_initial_backoff(DYNAMODB_BACKOFF);
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

    /// Accepts a connection, reads one request and responds.
    async fn respond(listener: &TcpListener, status: &str, body: &str) {
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
    async fn a_request_that_a_local_service_fails_is_retried() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let clients = AwsClients::at(&AwsEndpoints {
            dynamodb: url.clone(),
            sqs: url.clone(),
            s3: url,
            region: "us-east-1".into(),
            access_key: "a".into(),
            secret_key: "s".into(),
        });
        let store = clients.store("table");
        let service = async {
            respond(&listener, "500 Internal Server Error", "{}").await;
            respond(&listener, "503 Service Unavailable", "{}").await;
            respond(&listener, "200 OK", "{}").await;
        };
        let id = AppId::trusted("id");
        let (app, ()) = tokio::join!(store.app(&id), service);
        assert_eq!(app.unwrap(), None);
    }
}
