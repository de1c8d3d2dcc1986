//! Chats whose delivery has failed. A chat has one row, `PARK#<chat>`, which is in the `due` index, and one row for
//! each message that waits in it. Both are changed in one transaction, so that a message is never left behind in a chat
//! that is no longer parked.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use domain::{delivery::Parked, puid::Puid};
use jiff::Timestamp;

use crate::{
    Store, StoreError,
    error::applied,
    item::{from_item, number, number_of, string, string_of, to_item},
    keys,
};

/// Something in the `due` index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub app: String,
    /// The puid of a parked chat, or the id of a job.
    pub name: String,
    /// When it was due, in milliseconds.
    pub at: i64,
}

/// Milliseconds since the epoch, as the index sorts by.
pub(crate) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

impl Store {
    /// Parks a chat with the message that failed. Where the chat is parked already, the message is added to it.
    pub async fn park(&self, app: &str, shard: u16, parked: &Parked) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let mut head = to_item(&pk, &keys::park(&parked.chat), parked)?;
        head.insert(keys::DUE_KEY.into(), string(keys::due_parked(shard)));
        head.insert(keys::DUE_AT.into(), number(millis(parked.due)));
        let head = Put::builder().table_name(&self.table).set_item(Some(head));
        let head = head.condition_expression("attribute_not_exists(pk)").build().expect("table and item are given");
        let hint = Update::builder()
            .table_name(&self.table)
            .set_key(Some(keys::key(&pk, keys::APP)))
            .condition_expression("attribute_exists(pk)")
            .update_expression("SET parked = :true")
            .expression_attribute_values(":true", aws_sdk_dynamodb::types::AttributeValue::Bool(true));
        let hint = hint.build().expect("table, key and update are given");
        let result = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(head).build())
            .transact_items(self.waiting(&pk, &parked.chat, parked.last_seq))
            .transact_items(TransactWriteItem::builder().update(hint).build())
            .send()
            .await;
        match result.map(drop).map_err(StoreError::from_sdk) {
            Err(StoreError::Conflict) => self.park_behind(app, &parked.chat, parked.last_seq).await.map(drop),
            other => other,
        }
    }

    /// Adds a message to a parked chat: `false` when the chat is not parked (any more).
    pub async fn park_behind(&self, app: &str, chat: &Puid, seq: u64) -> Result<bool, StoreError> {
        let pk = keys::app(app);
        let head = Update::builder()
            .table_name(&self.table)
            .set_key(Some(keys::key(&pk, &keys::park(chat))))
            .condition_expression("attribute_exists(pk)")
            .update_expression("SET last_seq = :seq")
            .expression_attribute_values(":seq", number(seq));
        let head = head.build().expect("table, key and update are given");
        let result = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(head).build())
            .transact_items(self.waiting(&pk, chat, seq))
            .send()
            .await;
        applied(result.map(drop).map_err(StoreError::from_sdk))
    }

    fn waiting(&self, pk: &str, chat: &Puid, seq: u64) -> TransactWriteItem {
        let mut item = keys::key(pk, &keys::parked(chat, seq));
        item.insert("seq".into(), number(seq));
        let put = Put::builder().table_name(&self.table).set_item(Some(item)).build();
        TransactWriteItem::builder().put(put.expect("table and item are given")).build()
    }

    /// Parked chats of a shard that are due, the longest first. At most `limit`.
    pub async fn due_chats(&self, shard: u16, now: Timestamp, limit: i32) -> Result<Vec<Due>, StoreError> {
        self.due(keys::due_parked(shard), "PARK#", now, limit).await
    }

    /// Takes a due chat for one sweep, until `until`: `None` when another sweep has it, or it is no longer parked.
    pub async fn claim_chat(&self, due: &Due, until: Timestamp) -> Result<Option<Parked>, StoreError> {
        let (pk, sk) = (keys::app(&due.app), keys::park(&Puid::new(due.name.as_str())));
        if !self.move_due(&pk, &sk, due.at, until).await? {
            return Ok(None);
        }
        self.get(&pk, &sk).await?.map(from_item).transpose()
    }

    /// What waits in a parked chat, oldest first. At most `limit` numbers.
    pub async fn waiting_in(&self, app: &str, chat: &Puid, limit: i32) -> Result<Vec<u64>, StoreError> {
        let query = self.query_prefix(&keys::app(app), &keys::parked_of(chat)).limit(limit);
        let answer = query.send().await.map_err(StoreError::from_sdk)?;
        Ok(answer.items.unwrap_or_default().iter().filter_map(|item| number_of(item, "seq")).collect())
    }

    /// Takes a message off its parked chat, after it was delivered.
    pub async fn no_longer_waiting(&self, app: &str, chat: &Puid, seq: u64) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(app), &keys::parked(chat, seq))))
            .send()
            .await
            .map_err(StoreError::from_sdk)?;
        Ok(())
    }

    /// Ends a chat's parking once nothing waits in it: `false` when a message was added since `parked` was read.
    pub async fn unpark(&self, app: &str, parked: &Parked) -> Result<bool, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(app), &keys::park(&parked.chat))))
            .condition_expression("last_seq = :seq")
            .expression_attribute_values(":seq", number(parked.last_seq));
        let delete = delete.build().expect("table and key are given");
        let request = self.client.transact_write_items();
        let request = request.transact_items(TransactWriteItem::builder().delete(delete).build());
        applied(request.send().await.map(drop).map_err(StoreError::from_sdk))
    }

    /// Sets the time of a parked chat's next attempt after another failure, and counts it.
    pub async fn postpone_chat(&self, app: &str, parked: &Parked) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(app), &keys::park(&parked.chat))))
            .condition_expression("attribute_exists(pk)")
            .update_expression("SET attempts = :attempts, due = :due, due_at = :at, last_error = :error")
            .expression_attribute_values(":attempts", number(parked.attempts))
            .expression_attribute_values(":due", string(parked.due.to_string()))
            .expression_attribute_values(":at", number(millis(parked.due)))
            .expression_attribute_values(":error", string(&parked.last_error));
        applied(update.send().await.map(drop).map_err(StoreError::from_sdk)).map(drop)
    }

    /// Every parked chat of an app.
    pub async fn parked_chats(&self, app: &str) -> Result<Vec<Parked>, StoreError> {
        let rows = self.collect(self.query_prefix(&keys::app(app), "PARK#")).await?;
        rows.into_iter().map(from_item).collect()
    }

    /// Makes every parked chat of an app due at `now`: its callback has just answered. The hint on the app stays until
    /// nothing is parked any more; should a chat be parked in the instant it is taken away, that chat comes due by its
    /// own schedule. A chat that a sweep has claimed is left alone.
    pub async fn wake(&self, app: &str, now: Timestamp) -> Result<(), StoreError> {
        let (pk, chats) = (keys::app(app), self.parked_chats(app).await?);
        for chat in &chats {
            let update = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(keys::key(&pk, &keys::park(&chat.chat))))
                .condition_expression("due_at = :scheduled AND due_at > :now")
                .update_expression("SET due_at = :now")
                .expression_attribute_values(":scheduled", number(millis(chat.due)))
                .expression_attribute_values(":now", number(millis(now)));
            applied(update.send().await.map(drop).map_err(StoreError::from_sdk))?;
        }
        if chats.is_empty() {
            let hint = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(keys::key(&pk, keys::APP)))
                .condition_expression("attribute_exists(pk)")
                .update_expression("REMOVE parked");
            applied(hint.send().await.map(drop).map_err(StoreError::from_sdk))?;
        }
        Ok(())
    }

    pub(crate) async fn due(
        &self,
        due_key: String,
        prefix: &str,
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<Due>, StoreError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::DUE)
            .key_condition_expression("due_key = :key AND due_at <= :now")
            .expression_attribute_values(":key", string(due_key))
            .expression_attribute_values(":now", number(millis(now)));
        let items = if limit == i32::MAX {
            self.collect(query).await?
        } else {
            query.limit(limit).send().await.map_err(StoreError::from_sdk)?.items.unwrap_or_default()
        };
        let app_prefix = keys::app("");
        let due = |item: &crate::item::Item| {
            Some(Due {
                app: string_of(item, keys::PK)?.strip_prefix(&app_prefix)?.to_owned(),
                name: string_of(item, keys::SK)?.strip_prefix(prefix)?.to_owned(),
                at: item.get(keys::DUE_AT)?.as_n().ok()?.parse().ok()?,
            })
        };
        Ok(items.iter().filter_map(due).collect())
    }

    /// Moves a row in the `due` index, if it still stands where it was read.
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
