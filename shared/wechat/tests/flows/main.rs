//! The client against the simulated WeChat, which keeps account of everything a client does wrong.

mod contacts;
mod login;
mod media;
mod messages;
mod support;
mod trouble;
mod wire;
