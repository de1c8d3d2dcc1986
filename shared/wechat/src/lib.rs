//! The Web WeChat protocol client: [`WebWeChat`], and the [`Channel`] trait that the worker sees of it.
//!
//! | module | holds |
//! |---|---|
//! | `channel` | the trait and its types |
//! | `error` | failures, by what to do about them |
//! | `client` | what all sessions share: connections, hosts, clock |
//! | `hosts` | where WeChat's servers are |
//! | `session` | a login's keys, and the place in its stream |
//! | `cookies` | cookies by name, value and scope |
//! | `call` | a request and its answer |
//! | `login` | the QR code, the question on the phone, the wait |
//! | `open` | from a confirmed login to a session |
//! | `contacts` | the contact list, groups with members |
//! | `sync` | waiting for messages and fetching them |
//! | `send` | text out, logging out |
//! | `download`, `upload` | media in and out |
//! | `incoming` | a message from the wire, made readable |
//! | `text`, `emoji` | text from the wire, made readable |
//! | `wire` | the JSON, XML and scripts of the protocol |

mod call;
mod channel;
mod client;
mod contacts;
mod cookies;
mod download;
mod emoji;
mod error;
mod extspam;
mod hosts;
mod incoming;
mod login;
mod open;
mod send;
mod session;
mod sync;
mod text;
mod upload;
mod web;
mod wire;

pub use channel::*;
pub use client::WebWeChat;
pub use download::{Download, Media};
pub use error::Error;
pub use hosts::Hosts;
pub use session::{Cursor, Session};
pub use upload::{File, FileKind};
