//! DynamoDB, SQS and S3 without sockets: an HTTP client for the AWS SDK that answers each request itself.
//!
//! The SDK builds, signs and reads requests as always; only the connection is missing. DynamoDB answers on the caller's
//! thread before the request's future is first polled. SQS answers from tasks on the caller's runtime, S3 from tokio's
//! threads for blocking work, which hold a paused clock. So no request
//! waits for a timer or for another thread, and tokio's paused clock stands still while one runs. A long poll is the
//! exception: it waits on the caller's clock, as a test with paused time wants it.

mod dynamodb;
mod s3;
mod sqs;

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use bytes::Bytes;

use self::{dynamodb::DynamoDb, s3::S3, sqs::Sqs};

/// Prefix of the header `x-amz-target` in a request to DynamoDB.
const DYNAMODB: &str = "DynamoDB_20120810.";
/// The same for SQS.
const SQS: &str = "AmazonSQS.";

/// An empty DynamoDB and an empty SQS in memory, and an empty S3 in a temporary folder. A clone reaches the same ones.
#[derive(Debug, Clone)]
pub struct InProcess {
    dynamodb: DynamoDb,
    sqs: Sqs,
    s3: S3,
}

impl InProcess {
    /// Opens the services. The queues end with the runtime that they are created on.
    pub fn open() -> anyhow::Result<Self> {
        Ok(Self { dynamodb: DynamoDb::open()?, sqs: Sqs::open(), s3: S3::open()? })
    }
}

/// A request's operation and JSON body.
struct Call {
    target: String,
    body: Vec<u8>,
}

impl Call {
    fn of(request: &HttpRequest) -> Self {
        Self {
            target: request.headers().get("x-amz-target").unwrap_or_default().to_owned(),
            body: request.body().bytes().unwrap_or_default().to_owned(),
        }
    }
}

/// A response in the SDK's own type.
fn response(answer: http::Response<Bytes>) -> Result<HttpResponse, ConnectorError> {
    HttpResponse::try_from(answer.map(Into::into)).map_err(|error| ConnectorError::other(Box::new(error), None))
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = Call::of(&request);
        if let Some(operation) = call.target.strip_prefix(DYNAMODB) {
            return HttpConnectorFuture::ready(self.dynamodb.answer(operation, &call.body).and_then(response));
        }
        if call.target.starts_with(SQS) {
            let answer = self.sqs.answer(call);
            return HttpConnectorFuture::new(async move { response(answer.await?) });
        }
        let answer = self.s3.answer(request);
        HttpConnectorFuture::new(async move { response(answer.await?) })
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
