//! The way of a message to its app's callback, and of the callback's replies back.

pub mod batch;
pub mod callback;
pub mod dispatch;
pub mod sweep;
