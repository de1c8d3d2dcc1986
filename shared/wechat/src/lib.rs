//! The Web WeChat protocol client.

mod channel;
mod error;

pub use channel::*;
pub use error::Error;
