//! The HTTP API.

mod accept;
pub mod auth;
#[cfg(test)]
mod bad_input;
pub mod book;
mod contact_list;
pub mod endpoint;
pub mod endpoints;
pub mod error;
pub mod fallback;
mod html;
mod jobs;
mod login_page;
mod message_filter;
mod multipart;
pub(crate) mod openapi;
pub mod page;
pub mod params;
mod path_segment;
mod polling;
mod qr;
pub mod request_id;
mod request_url;
pub mod response;
pub mod router;
mod row_filter;
pub mod state;
pub mod view;
