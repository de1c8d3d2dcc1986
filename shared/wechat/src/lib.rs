//! Web WeChat as a channel: [`WebWeChat`] implements [`channel::Channel`], and its connections implement
//! [`channel::Connection`].
//!
//! No other crate knows the protocol: user names that begin with `@@`, desktop mode, return codes, `ClientMsgId` and
//! the Uin as a number stay in here.

mod call;
mod client;
mod connection;
mod contacts;
mod cookies;
mod download;
mod emoji;
mod error;
mod extspam;
mod form;
mod friends;
mod hosts;
mod incoming;
mod login;
mod open;
mod peer;
mod send;
mod session;
mod sync;
mod text;
mod upload;
mod wire;

pub use client::WebWeChat;
use connection::WebConnection;
pub use hosts::Hosts;
