//! The relay's types and rules: what an app, a session, a contact, a message and a job *are*, and what may happen to
//! them. No runtime, no AWS and no HTTP: everything here can be read, and tested, without any of them.
//!
//! | module | holds |
//! |---|---|
//! | [`app`] | the app an administrator makes, and the account bound to it |
//! | [`contact`] | friends, groups, members and official accounts as WeChat tells them, and as we keep them |
//! | [`puid`] | the stable name of a contact across logins: minting and matching |
//! | [`message`] | a row of the message log and the content of every kind |
//! | [`session`] | the states of a login and of a session |
//! | [`job`] | what the worker is asked to do, and how far it got |
//! | [`delivery`] | where a message stands on its way to the callback, and the retry schedule |
//! | [`signature`] | the request signature of the API and the webhook signature of callbacks |
//! | [`secret`] | secrets: made, hashed, compared, sealed |
//! | [`page`] | page numbers, and what a page of a dense log spans |
//! | [`time`] | the clock and the ids as parameters; naive local times |

pub mod app;
pub mod contact;
pub mod delivery;
#[cfg(any(test, feature = "doubles"))]
pub mod doubles;
pub mod job;
pub mod message;
pub mod page;
pub mod puid;
pub mod secret;
pub mod session;
pub mod signature;
pub mod time;
