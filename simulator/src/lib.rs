//! A Web WeChat server for demos, tests and users' own CI.
//!
//! One origin serves every host of Web WeChat: login, the account's own host, `webpush.` and
//! `file.`. The other side of the wire, phones and friends, is played through [`World`] in the
//! same process or through the JSON control API under `/_sim/`.
//!
//! The simulator is strict: whatever a client sends that WeChat would refuse, or that only happens
//! to work, is kept as a [`Violation`].
//!
//! | module | what |
//! |---|---|
//! | `simulator` | the listening server, its life |
//! | `world` | accounts, phones, friends: what a test does and waits for |
//! | `account`, `book`, `person` | an account and the people it knows |
//! | `login`, `session`, `inbox` | QR codes, web logins, the log that webwxsync reads |
//! | `rules` | what a client must send |
//! | `wire` | JSON and text as they go over the wire |
//! | `endpoints` | WeChat's paths, one group a file |
//! | `control` | the paths under `/_sim/` |

mod account;
mod book;
mod call;
mod clock;
mod config;
mod contact_ref;
mod control;
mod endpoints;
mod fault;
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
pub use push::{From, Kind, Push};
pub use record::{Pushed, Sent, SentKind, Violation};
pub use simulator::Simulator;
pub use spec::{AccountSpec, Uin};
pub use upload::Upload;
pub use world::{AccountState, ControlError, World};
