//! The Lambda functions, in two wings: [`api`] answers HTTP requests, [`delivery`] brings messages to callbacks. Neither
//! knows the other; what both need lies beside them. [`runtime`] puts either on Lambda, and `bin/` has a binary for each
//! function.

pub mod api;
pub mod delivery;
pub mod message_row;
pub mod outgoing;
pub mod runtime;
pub mod times;

#[cfg(test)]
mod support;
