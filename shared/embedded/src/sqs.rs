//! SQS: rustack, in memory.

use std::net::TcpListener;
use std::sync::Arc;

use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};

use crate::thread::Stop;

/// Serves empty queues on `listener`.
pub(crate) fn open(listener: TcpListener, stop: Stop) -> anyhow::Result<impl Future<Output = ()>> {
    let address = listener.local_addr()?;
    let queues = Arc::new(RustackSqs::new(SqsConfig {
        default_region: crate::REGION.to_owned(),
        // Queue URLs in responses have this host and port.
        host: address.ip().to_string(),
        port: address.port(),
        ..SqsConfig::default()
    }));
    let service = SqsHttpService::new(
        Arc::new(RustackSqsHandler::new(Arc::clone(&queues))),
        SqsHttpConfig { region: crate::REGION.to_owned(), ..SqsHttpConfig::default() },
    );
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(async move {
        let serve = crate::serve::serve(listener, service, stop.clone());
        let end_polls = async {
            stop.requested().await;
            // Ends the long polls, which could last 20 s more.
            queues.shutdown_all().await;
        };
        stop.within_grace(async {
            tokio::join!(serve, end_polls);
        })
        .await;
    })
}
