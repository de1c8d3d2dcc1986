//! DynamoDB: dynoxide over SQLite.
//!
//! One connection under one lock serves every request, reads too, and each
//! write is a transaction that is committed on its own. So one thread is
//! enough, and with [`Flush::EveryWrite`] the disk's flush bounds all writers
//! together; the rows of one `TransactWriteItems` share a commit.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use dynoxide::Database;

use crate::options::Flush;
use crate::thread::Stop;

/// How often expired items are removed. AWS promises "within a few days".
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Opens the database in `file`, or in memory, and serves it on `listener`.
pub(crate) fn open(
    listener: TcpListener,
    file: Option<PathBuf>,
    flush: Flush,
    stop: Stop,
) -> anyhow::Result<impl Future<Output = ()>> {
    // In memory it serves tests, whose clocks may stand in the past: nothing
    // may vanish there by the machine's clock.
    let expires = file.is_some();
    let database = match file {
        Some(file) => {
            let path = file.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?;
            let database = Database::new(path).with_context(|| format!("cannot open {path}"))?;
            match flush {
                // SQLite's default, which the engine leaves alone.
                Flush::EveryWrite => {}
                // The engine's one way to `PRAGMA synchronous = NORMAL`; the
                // other settings it restores are at their defaults already.
                Flush::NowAndThen => database.disable_bulk_loading()?,
            }
            database
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
            () = sweep(database, SWEEP_EVERY), if expires => {}
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
    async fn expired_items_go_with_the_next_sweep() {
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
        let mut sweep = pin!(sweep(database.clone(), SWEEP_EVERY));
        let mut run_for = async |seconds| {
            let run = timeout(Duration::from_secs(seconds), &mut sweep);
            run.await.expect_err("it never ends");
        };

        run_for(30).await;
        for (pk, ttl) in [("expired", "1700000000"), ("for ever", "99999999999")] {
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
