//! WeChat's endpoints, independent of the host.

mod contacts;
mod groups;
mod init;
mod login;
mod login_page;
mod media;
mod oplog;
mod send;
mod sync;
mod upload;

use axum::Router;

use crate::world::World;

/// The path prefix of nearly all endpoints.
pub(crate) const BIN: &str = "/cgi-bin/mmwebwx-bin";

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .merge(login::routes())
        .merge(login_page::routes())
        .merge(init::routes())
        .merge(contacts::routes())
        .merge(sync::routes())
        .merge(send::routes())
        .merge(oplog::routes())
        .merge(groups::routes())
        .merge(media::routes())
        .merge(upload::routes())
}
