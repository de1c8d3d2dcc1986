//! The `due` index: parked chats and jobs, by the time at which the sweep must look at them.

use domain::id::AppId;
use jiff::Timestamp;

use crate::{
    Store, StoreError,
    error::applied,
    item::{Item, number, string, string_of},
    keys,
};

/// A row whose time has come: a parked chat (`Due<Puid>`) or a job (`Due<JobId>`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due<Id> {
    pub app: AppId,
    pub id: Id,
    /// Position in the index: milliseconds since the epoch.
    pub at: i64,
}

/// A time as the index sorts it: milliseconds since the epoch.
pub(crate) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// An item's position in the index.
pub(crate) fn due_at(item: &Item) -> Option<i64> {
    item.get(keys::DUE_AT)?.as_n().ok()?.parse().ok()
}

impl Store {
    /// Rows of one part of the index that are due at `now`, the earliest first. `prefix` begins their sort keys, and
    /// `id` reads the rest of those.
    pub(crate) async fn due<Id>(
        &self,
        due_key: String,
        prefix: &str,
        id: fn(&str) -> Id,
        now: Timestamp,
        limit: Option<i32>,
    ) -> Result<Vec<Due<Id>>, StoreError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::DUE)
            .key_condition_expression("due_key = :key AND due_at <= :now")
            .expression_attribute_values(":key", string(due_key))
            .expression_attribute_values(":now", number(millis(now)));
        let items = match limit {
            Some(limit) => self.first(query, limit).await?,
            None => self.collect(query).await?,
        };
        let due = |item: &Item| {
            Some(Due {
                app: AppId::trusted(string_of(item, keys::PK)?.strip_prefix(keys::APP_PREFIX)?),
                id: id(string_of(item, keys::SK)?.strip_prefix(prefix)?),
                at: due_at(item)?,
            })
        };
        Ok(items.iter().filter_map(due).collect())
    }

    /// Moves a row within the index: `false` when it is no longer at position `from`.
    pub(crate) async fn move_due(&self, pk: &str, sk: &str, from: i64, to: Timestamp) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(pk, sk)))
            .condition_expression("due_at = :from")
            .update_expression("SET due_at = :to")
            .expression_attribute_values(":from", number(from))
            .expression_attribute_values(":to", number(millis(to)));
        applied(update.send().await.map(drop).map_err(StoreError::from_sdk))
    }
}
