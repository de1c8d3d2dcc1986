//! The HTTP server: one router on one port. A middleware adds latency and injects faults before WeChat's
//! endpoints. Every connection can be broken.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::call;
use crate::fault::Fault;
use crate::wire::response;
use crate::world::World;
use crate::{control, endpoints, faulty_body};

/// Serves until the world is closed.
pub(crate) async fn serve(listener: BreakableListener, world: World) {
    let closing = world.clone();
    let app = router(world).into_make_service_with_connect_info::<ConnectionBreaker>();
    let closed = async move { closing.wait_until(|state| state.closed.then_some(())).await };
    // axum's accept loop never returns an error.
    let _ = axum::serve(listener, app).with_graceful_shutdown(closed).await;
}

fn router(world: World) -> Router {
    endpoints::routes()
        .layer(middleware::from_fn_with_state(world.clone(), inject_faults))
        .merge(control::routes())
        .layer(DefaultBodyLimit::disable())
        .with_state(world)
}

/// Waits for the configured latency, then applies the first fault that matches the request.
async fn inject_faults(
    State(world): State<World>,
    ConnectInfo(breaker): ConnectInfo<ConnectionBreaker>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let endpoint = path.rsplit('/').next().unwrap_or(path).to_owned();
    let uin = call::parse_cookies(request.headers()).get("wxuin").and_then(|uin| uin.parse().ok());
    let (latency, fault) = {
        let mut state = world.lock();
        let hit = state.faults.iter_mut().position(|fault| fault.matches(&endpoint, uin));
        let fault = hit.map(|at| state.faults[at].fault.clone());
        state.faults.retain(|fault| !fault.is_exhausted());
        (state.config.latency, fault)
    };
    let fault = fault.unwrap_or_default();
    let wait = latency + Duration::from_millis(fault.delay_ms);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let response = match fault_response(&fault, &endpoint) {
        Some(response) => response,
        None => next.run(request).await,
    };
    let response = faulty_body::apply(&fault, world.clone(), response).await;
    if fault.drop || fault.drop_answer || world.lock().closed {
        breaker.break_connection();
    }
    response
}

/// The response that a fault returns instead of the endpoint's response.
fn fault_response(fault: &Fault, endpoint: &str) -> Option<Response> {
    if fault.drop {
        return Some(response::text(""));
    }
    if let Some(code) = fault.ret {
        return Some(if endpoint == "synccheck" { response::synccheck(code, 0) } else { response::ret(code) });
    }
    if fault.status.is_none() && fault.body.is_none() {
        return None;
    }
    let status = fault.status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::OK);
    Some(response::with_status(status, fault.body.clone().unwrap_or_default()))
}

/// Breaks one connection at its next write.
#[derive(Debug, Clone, Default)]
struct ConnectionBreaker(Arc<AtomicBool>);

impl ConnectionBreaker {
    fn break_connection(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_broken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A TCP listener with connections that can be broken.
pub(crate) struct BreakableListener {
    listener: TcpListener,
}

impl BreakableListener {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self { listener }
    }
}

impl Listener for BreakableListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        // Otherwise small responses wait for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
        (Connection { stream, breaker: ConnectionBreaker::default() }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, BreakableListener>> for ConnectionBreaker {
    fn connect_info(stream: IncomingStream<'_, BreakableListener>) -> Self {
        stream.io().breaker.clone()
    }
}

/// A TCP connection that can be broken.
pub(crate) struct Connection {
    stream: TcpStream,
    breaker: ConnectionBreaker,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.breaker.is_broken() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
