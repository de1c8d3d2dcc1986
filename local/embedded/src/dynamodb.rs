//! DynamoDB: dynoxide over SQLite.
//!
//! One connection under one lock serves every request, reads too, and each
//! write is a transaction that is flushed on its own. So one thread is enough,
//! and the disk's flush is what bounds writes; several rows in one
//! `TransactWriteItems` share a flush.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use dynoxide::Database;

use crate::thread::Stop;

/// How often expired items are removed. AWS promises "within a few days".
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Opens the database in `file`, or in memory, and serves it on `listener`.
pub(crate) fn open(
    listener: TcpListener,
    file: Option<PathBuf>,
    stop: Stop,
) -> anyhow::Result<impl Future<Output = ()>> {
    let database = match file {
        Some(file) => {
            let path = file.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?;
            Database::new(path).with_context(|| format!("cannot open {path}"))?
        }
        None => Database::memory()?,
    };
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(async move {
        let serve = dynoxide::server::serve_with_shutdown(listener, database.clone(), stop.told());
        let serve = stop.within_grace(async {
            if let Err(error) = serve.await {
                tracing::error!(%error, "DynamoDB ended");
            }
        });
        tokio::select! {
            () = serve => {}
            () = sweep(database, SWEEP_EVERY) => {}
        }
    })
}

/// Removes the items whose time to live is over, now and then every `period`.
async fn sweep(database: Database, period: Duration) {
    let mut timer = tokio::time::interval(period);
    loop {
        timer.tick().await;
        let database = database.clone();
        // It holds the database's lock for a page at a time and waits between
        // pages, so it must not run on the thread that serves requests.
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(items)) => tracing::debug!(items, "expired items removed"),
            Ok(Err(error)) => tracing::warn!(%error, "expired items stay for now"),
            Err(error) => tracing::error!(%error, "the sweep of expired items panicked"),
        }
    }
}
