//! A Web WeChat server for demos, tests and users' own CI.
//!
//! One origin serves every host of Web WeChat: login, the account's own host, `webpush.` and `file.`. Phones
//! and friends are controlled through [`World`] in the same process, or through the JSON control API under
//! `/_sim/`.
//!
//! The simulator is strict. It records a [`Violation`] for every request that WeChat would refuse. It also
//! records what WeChat accepts although its own page never sends it, and marks that as tolerated.

mod account;
mod book;
mod call;
mod clock;
mod config;
mod contact_ref;
mod control;
mod endpoints;
mod fault;
mod faulty_body;
mod inbox;
mod login;
mod names;
mod person;
mod push;
mod record;
mod server;
mod session;
mod simulator;
mod spec;
mod state;
mod upload;
mod validator;
mod wire;
mod world;

pub use config::{Config, Settings};
pub use contact_ref::ContactRef;
pub use fault::Fault;
pub use person::{Group, Member, Person};
pub use push::{Article, From, Kind, Push};
pub use record::{Pushed, Sent, SentKind, Violation};
pub use simulator::Simulator;
pub use spec::{AccountSpec, Uin};
pub use upload::Upload;
pub use world::{AccountState, ControlError, World};
