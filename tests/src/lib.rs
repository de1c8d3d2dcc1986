//! The whole relay as its users meet it, on one machine: the simulator in the place of WeChat, the real services'
//! wire protocol, a real callback, HTTP from outside. The tests are in `tests/`; here is what they share.

mod stage;

pub use stage::{Program, Stage};
