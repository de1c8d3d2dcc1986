//! The HTTP API: what answers requests.

pub mod auth;
pub mod book;
pub mod endpoints;
pub mod error;
mod jobs;
mod login_page;
mod message_filter;
pub mod page;
pub mod params;
mod qr;
pub mod request_id;
mod row_filter;
pub mod state;
pub mod success;
pub mod view;
mod wait;
