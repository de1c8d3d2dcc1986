//! Shared parts of the end-to-end tests in `tests/`. They run the whole relay on one machine: a simulator instead of
//! WeChat, the services' real wire protocol, a real callback, and HTTP requests from outside.

mod stage;

pub use stage::{Program, Stage};
