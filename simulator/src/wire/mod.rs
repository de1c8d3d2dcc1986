//! The formats on the wire: text, contacts, messages and responses.

pub(crate) mod contact;
pub(crate) mod image;
pub(crate) mod media;
pub(crate) mod message;
pub(crate) mod multipart;
pub(crate) mod response;
pub(crate) mod text;
