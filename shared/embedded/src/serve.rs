//! Listeners, and the accept loop of hyper services.

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::thread::Stop;

/// Limit of connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listens on `address`. The listener can be moved to another thread's runtime.
///
/// Must be called within a runtime.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart gets the same port while old connections linger.
        socket.set_reuseaddr(true)?;
        // Accepted connections inherit it. Without it, the end of a long response waits for the client's delayed
        // acknowledgement.
        socket.set_nodelay(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?.into_std()
    };
    listen().with_context(|| format!("cannot listen on {address}"))
}

/// The listener's URL.
pub(crate) fn url(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// Serves connections until the stop is requested; then accepts no more, and ends when the running requests have finished.
pub(crate) async fn serve<S, B>(listener: tokio::net::TcpListener, service: S, stop: Stop)
where
    S: Service<http::Request<Incoming>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut connections = JoinSet::new();
    let mut stopped = pin!(stop.requested());
    loop {
        tokio::select! {
            () = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (service, stopped) = (service.clone(), stop.requested());
                    connections.spawn(async move {
                        let connection =
                            http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                        let mut connection = pin!(connection);
                        let served = tokio::select! {
                            served = &mut connection => served,
                            () = stopped => {
                                connection.as_mut().graceful_shutdown();
                                connection.await
                            }
                        };
                        if let Err(error) = served {
                            tracing::debug!(%error, "connection failed");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Probably out of file descriptors: wait until some are free.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
