//! Delivery of messages to the apps' callbacks, and of the replies in the responses.

pub mod batch;
pub mod callback;
pub mod dispatch;
pub mod sweep;
