//! DynamoDB: dynoxide over SQLite.
//!
//! One connection under one lock serves every request, and each write is a transaction with its own commit. So one thread
//! is enough, and with [`Flush::EveryWrite`] the disk's flush limits all writers together. The rows of one
//! `TransactWriteItems` share a commit.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use dynoxide::Database;

use crate::options::Flush;
use crate::thread::Stop;

/// Time between removals of expired items. AWS documents "within a few days".
const REMOVE_EVERY: Duration = Duration::from_mins(1);

/// Opens the database in `file`, or in memory, and serves it on `listener`.
pub(crate) fn open(
    listener: TcpListener,
    file: Option<PathBuf>,
    flush: Flush,
    stop: Stop,
) -> anyhow::Result<impl Future<Output = ()>> {
    // In memory it serves tests, whose clocks may be in the past: items must not expire by the machine's clock.
    let expires = file.is_some();
    let database = match file {
        Some(file) => {
            let path = file.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?;
            let database = Database::new(path).with_context(|| format!("cannot open {path}"))?;
            match flush {
                // SQLite's default, which the engine does not change.
                Flush::EveryWrite => {}
                // The engine's only way to `PRAGMA synchronous = NORMAL`. The other settings that it restores have their
                // defaults already.
                Flush::Periodic => database.disable_bulk_loading()?,
            }
            database
        }
        None => Database::memory()?,
    };
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(async move {
        let serve = dynoxide::server::serve_with_shutdown(listener, database.clone(), stop.requested());
        let serve = stop.within_grace(async {
            if let Err(error) = serve.await {
                tracing::error!(%error, "DynamoDB server failed");
            }
        });
        tokio::select! {
            () = serve => {}
            () = remove_expired(database, REMOVE_EVERY), if expires => {}
        }
    })
}

/// Removes expired items now, and then every `period`.
async fn remove_expired(database: Database, period: Duration) {
    let mut timer = tokio::time::interval(period);
    loop {
        timer.tick().await;
        let database = database.clone();
        // The removal holds the database's lock for a page at a time and waits between pages, so it must not run on the
        // thread that serves requests.
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(items)) => tracing::debug!(items, "expired items removed"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot remove expired items"),
            Err(error) => tracing::error!(%error, "removal of expired items panicked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use dynoxide::actions::scan::ScanRequest;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};
    use tokio::time::{Duration, timeout};

    use super::*;

    fn request<T: DeserializeOwned>(body: Value) -> T {
        serde_json::from_value(body).expect("request")
    }

    fn items(database: &Database) -> usize {
        let all: ScanRequest = request(json!({ "TableName": "rows" }));
        database.scan(all).expect("scan").count
    }

    #[tokio::test(start_paused = true)]
    async fn expired_items_are_removed_within_a_minute() {
        let database = Database::memory().expect("database");
        let table = json!({
            "TableName": "rows", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        });
        database.create_table(request(table)).expect("table");
        let ttl = json!({
            "TableName": "rows",
            "TimeToLiveSpecification": { "AttributeName": "ttl", "Enabled": true },
        });
        database.update_time_to_live(request(ttl)).expect("time to live");
        let mut removal = pin!(remove_expired(database.clone(), REMOVE_EVERY));
        let mut run_for = async |seconds| {
            let run = timeout(Duration::from_secs(seconds), &mut removal);
            run.await.expect_err("it does not end");
        };

        run_for(30).await;
        for (pk, ttl) in [("expired", "1700000000"), ("never", "99999999999")] {
            let item = json!({ "pk": { "S": pk }, "ttl": { "N": ttl } });
            let put = json!({ "TableName": "rows", "Item": item });
            database.put_item(request(put)).expect("put");
        }
        run_for(29).await;
        assert_eq!(items(&database), 2);
        run_for(2).await;
        assert_eq!(items(&database), 1);
    }
}
