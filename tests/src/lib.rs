//! The whole relay as its users meet it, on one machine: the simulator in the place of WeChat, the real services'
//! wire protocol, a real callback, HTTP from outside. The tests are in `tests/`; here is what they share.

mod callback;
mod stage;

pub use callback::{Callback, Delivered};
pub use stage::{Program, Stage};
