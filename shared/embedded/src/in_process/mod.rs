//! DynamoDB and SQS without sockets: an HTTP client for the AWS SDK that answers each request itself.
//!
//! The SDK builds, signs and reads requests as always; only the connection is missing. DynamoDB answers on the caller's
//! thread before the request's future is first polled. SQS answers from tasks on the caller's runtime. So no request
//! waits for a timer or for another thread, and tokio's paused clock stands still while one runs. A long poll is the
//! exception: it waits on the caller's clock, as a test with paused time wants it.

mod dynamodb;
mod sqs;

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use bytes::Bytes;

use self::{dynamodb::DynamoDb, sqs::Sqs};

/// Prefix of the header `x-amz-target` in a request to DynamoDB.
const DYNAMODB: &str = "DynamoDB_20120810.";
/// The same for SQS.
const SQS: &str = "AmazonSQS.";

/// An empty DynamoDB and an empty SQS in memory. A clone reaches the same ones.
#[derive(Debug, Clone)]
pub struct InProcess {
    dynamodb: DynamoDb,
    sqs: Sqs,
}

impl InProcess {
    /// Opens the services. The queues end with the runtime that they are created on.
    pub fn open() -> anyhow::Result<Self> {
        Ok(Self { dynamodb: DynamoDb::open()?, sqs: Sqs::open() })
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
        let unknown = format!("neither DynamoDB nor SQS: {:?}", call.target);
        HttpConnectorFuture::ready(Err(ConnectorError::user(unknown.into())))
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
