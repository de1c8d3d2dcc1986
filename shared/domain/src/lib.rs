//! The relay's types and rules: apps, sessions, contacts, messages and jobs, and what may happen to them. This crate
//! contains no runtime, no AWS and no HTTP, so that its rules can be read and tested without them.

pub mod app;
pub mod channel;
pub mod contact;
pub mod delivery;
pub mod departed;
#[cfg(any(test, feature = "doubles"))]
pub mod doubles;
pub mod error;
pub mod id;
pub mod job;
pub mod matching;
pub mod media;
pub mod message;
pub mod page;
pub mod puid;
pub mod secret;
pub mod session;
pub mod signature;
pub mod time;
