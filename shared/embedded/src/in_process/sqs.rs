//! SQS's operations, called on the engine's handler.

use std::{future::Future, sync::Arc};

use aws_smithy_runtime_api::client::result::ConnectorError;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use rustack_sqs_core::{config::SqsConfig, handler::RustackSqsHandler, provider::RustackSqs};
use rustack_sqs_http::{dispatch::SqsHandler, response::error_to_response, router::resolve_operation};

use super::Call;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// Named in an error's response; there is no connection to tell requests apart by.
const REQUEST_ID: &str = "in-process";

/// The engine, in memory.
#[derive(Debug, Clone)]
pub(super) struct Sqs(Arc<RustackSqsHandler>);

impl Sqs {
    pub(super) fn open() -> Self {
        let config = SqsConfig { default_region: crate::REGION.to_owned(), ..SqsConfig::default() };
        Self(Arc::new(RustackSqsHandler::new(Arc::new(RustackSqs::new(config)))))
    }

    /// Answers as the engine's own server does.
    pub(super) fn answer(
        &self,
        call: Call,
    ) -> impl Future<Output = Result<http::Response<Bytes>, ConnectorError>> + Send + use<> {
        let handler = Arc::clone(&self.0);
        async move {
            let target = HeaderValue::try_from(call.target);
            let target = target.map_err(|error| ConnectorError::user(Box::new(error)))?;
            let outcome = match resolve_operation(&HeaderMap::from_iter([(TARGET, target)])) {
                Ok(operation) => handler.handle_operation(operation, call.body.into()).await,
                Err(error) => Err(error),
            };
            let response = outcome.unwrap_or_else(|error| error_to_response(&error, REQUEST_ID));
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| ConnectorError::io(Box::new(error)))?;
            Ok(http::Response::from_parts(head, body.to_bytes()))
        }
    }
}
