//! The relay's types and rules: what an app, a session, a contact, a message and a job *are*, and what may happen to
//! them. No runtime, no AWS and no HTTP: everything here can be read, and tested, without any of them.

pub mod app;
pub mod channel;
pub mod contact;
pub mod delivery;
#[cfg(any(test, feature = "doubles"))]
pub mod doubles;
pub mod error;
pub mod id;
pub mod job;
pub mod matching;
pub mod message;
pub mod page;
pub mod puid;
pub mod secret;
pub mod session;
pub mod signature;
pub mod time;
