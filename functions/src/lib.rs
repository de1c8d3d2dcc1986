//! What answers HTTP requests, and what delivers messages to callbacks. One binary a function in `bin/`, three lines
//! each; all of them work on the same [`State`].
//!
//! | module | holds |
//! |---|---|
//! | [`endpoints`] | one file an endpoint, each with its `PATHS` and its `route()` |
//! | [`dispatch`] | inbound envelope → POST to the callback → replies |
//! | [`sweep`] | the later attempts: parked chats and overdue jobs |
//! | [`callback`] | the POST itself: its body, its signatures, where it may not go |
//! | [`auth`] | who calls: app secret, signature or access token |
//! | [`params`] | parameters from query, form and JSON |
//! | [`page`] | pages and their links |
//! | [`book`] | contact books, kept while they are current |
//! | [`view`] | rows as a client sees them |
//! | [`request_id`] | a request's id: in its log lines, its jobs and its answer |
//! | [`error`] | every failure, and the one place that words it |
//! | [`runtime`] | a router or a queue consumer on Lambda |
//!
//! **How to add an endpoint:** a file in `endpoints/` with `PATHS` and `route()`, a line in [`endpoints::ALL`], a binary
//! in `bin/`, a function with its role in `template.yaml`, tests beside the code through the router.

pub mod auth;
pub mod batch;
pub mod book;
pub mod callback;
pub mod dispatch;
pub mod endpoints;
pub mod error;
mod jobs;
pub mod outgoing;
pub mod page;
pub mod params;
mod qr;
pub mod reply;
pub mod request_id;
pub mod runtime;
pub mod state;
pub mod sweep;
pub mod view;
mod wait;

#[cfg(test)]
mod support;

pub use endpoints::router;
pub use error::ApiError;
pub use state::{Config, State};
