//! The Lambda functions, in two wings: [`api`] serves HTTP requests, [`delivery`] delivers messages to callbacks. Neither
//! imports the other; the modules beside them serve both. [`runtime`] runs a wing on Lambda, and `bin/` has one binary per
//! function.

pub mod api;
pub mod delivery;
pub mod links;
pub mod message_row;
pub mod outgoing;
pub mod runtime;
pub mod times;

#[cfg(test)]
mod readme;
#[cfg(test)]
mod support;
