//! The formats of Web WeChat's requests and answers, reduced to the fields that the relay reads.

pub(crate) mod contact;
pub(crate) mod envelope;
pub(crate) mod lenient;
pub(crate) mod message;
pub(crate) mod repair;
pub(crate) mod script;
pub(crate) mod sync;
pub(crate) mod xml;
