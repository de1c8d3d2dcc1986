//! The whole relay in one process: `cargo run`.

pub mod apps;
pub mod bridge;
pub mod cli;
pub mod home;
pub mod login;
pub mod provision;
pub mod run;
pub mod simulation;
mod terminal;
