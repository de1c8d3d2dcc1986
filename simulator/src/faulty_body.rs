//! Bodies of responses that break off, stall or come slowly.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;

use crate::fault::Fault;
use crate::world::World;

/// A slow body comes in this many parts a second.
const PARTS_PER_S: u32 = 10;

/// The response as the fault lets it through. Its `Content-Length` stays that of the whole body.
pub(crate) async fn apply(fault: &Fault, world: World, response: Response) -> Response {
    if fault.cut_after.is_none() && fault.stall_after.is_none() && fault.bytes_per_s.is_none() {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // The simulator's bodies are in memory.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let end = fault.cut_after.into_iter().chain(fault.stall_after).min().unwrap_or(bytes.len()).min(bytes.len());
    let sending = Sending {
        rest: bytes.slice(..end),
        part: fault.bytes_per_s.map(|rate| usize::try_from(rate / PARTS_PER_S).unwrap_or(usize::MAX).max(1)),
        ending: match fault {
            Fault { cut_after: Some(_), .. } => Ending::Cut,
            Fault { stall_after: Some(_), .. } => Ending::Stall,
            _ => Ending::Complete,
        },
        world,
    };
    let parts = stream::unfold(sending, |mut sending| async move { Some((sending.next().await?, sending)) });
    Response::from_parts(head, Body::from_stream(parts))
}

/// What follows the bytes.
enum Ending {
    Complete,
    Cut,
    Stall,
}

struct Sending {
    rest: Bytes,
    /// The size of a part that comes after a pause; `None` sends everything at once.
    part: Option<usize>,
    ending: Ending,
    world: World,
}

impl Sending {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if !self.rest.is_empty() {
            if self.part.is_some() {
                tokio::time::sleep(Duration::from_secs(1) / PARTS_PER_S).await;
            }
            let part = self.part.unwrap_or(usize::MAX).min(self.rest.len());
            return Some(Ok(self.rest.split_to(part)));
        }
        match self.ending {
            Ending::Complete => return None,
            // The server sends what it has before it looks for more.
            Ending::Cut => tokio::task::yield_now().await,
            Ending::Stall => self.world.wait_until(|state| state.closed.then_some(())).await,
        }
        Some(Err(io::ErrorKind::ConnectionReset.into()))
    }
}
