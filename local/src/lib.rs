//! The whole relay in one process: `cargo run`.
//!
//! | module | what |
//! |---|---|
//! | [`cli`] | what can be said on the command line |
//! | [`home`] | the data folder: embedded services, or those of a process that has them already, and the sealing key |
//! | [`run`] | starts the chosen parts, tells what is where, stops them in order |
//! | [`bridge`] | what a Lambda event source mapping and a schedule do on AWS: queue → dispatcher, sweep |
//! | [`apps`] | `app create`, `list`, `show`, … |
//! | [`login`] | `login APP_ID`: the QR code in the terminal |
//! | [`provision`] | `provision`: the environment of functions and workers elsewhere |
//! | [`simulation`] | `--simulate`: a WeChat, a phone, friends and a callback, so that the whole way can be seen |

pub mod apps;
pub mod bridge;
pub mod cli;
pub mod home;
pub mod login;
pub mod provision;
pub mod run;
pub mod simulation;
mod terminal;
