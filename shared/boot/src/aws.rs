//! AWS clients.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use queue::{Queue, Queues};
use store::Store;

/// Where the services are, when they are not Amazon's.
#[derive(Debug, Clone)]
pub struct AwsEndpoints {
    pub dynamodb: String,
    pub sqs: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
}

/// The clients that the relay uses, made once.
#[derive(Debug, Clone)]
pub struct AwsClients {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
}

impl AwsClients {
    /// As the environment says: region, credentials, `AWS_ENDPOINT_URL…`.
    pub async fn from_env() -> Self {
        Self::of(&aws_config::load_defaults(BehaviorVersion::latest()).await)
    }

    /// Services at given addresses, with given credentials; nothing is read from the environment.
    pub fn at(endpoints: &AwsEndpoints) -> Self {
        let credentials = Credentials::new(&endpoints.access_key, &endpoints.secret_key, None, None, "local");
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(endpoints.region.clone()))
            .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(credentials))
            .build();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared).endpoint_url(&endpoints.dynamodb).build();
        let sqs = aws_sdk_sqs::config::Builder::from(&shared).endpoint_url(&endpoints.sqs).build();
        Self { dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb), sqs: aws_sdk_sqs::Client::from_conf(sqs) }
    }

    fn of(shared: &SdkConfig) -> Self {
        Self { dynamodb: aws_sdk_dynamodb::Client::new(shared), sqs: aws_sdk_sqs::Client::new(shared) }
    }

    pub fn store(&self, table: &str) -> Store {
        Store::new(&self.dynamodb, table)
    }

    pub fn queues(&self, inbound: &str, commands: &[String]) -> Queues {
        Queues {
            inbound: Queue::new(self.sqs.clone(), inbound),
            commands: commands.iter().map(|url| Queue::new(self.sqs.clone(), url)).collect(),
        }
    }

    /// The client that makes queues on a machine without a template.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        self.sqs.clone()
    }
}
