//! Chats whose delivery has failed. A chat has one row, `PARK#<chat>`, which is in the `due` index, and one row for
//! each message that waits in it. Both are changed in one transaction, so that a message is never left behind in a chat
//! that is no longer parked.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use domain::{
    delivery::Parked,
    id::{AppId, Seq},
    puid::Puid,
};
use jiff::Timestamp;

use crate::{
    Store, StoreError,
    due::{Due, due_at, millis},
    error::applied,
    item::{from_item, number, number_of, string, to_item},
    keys,
};

/// Counts the messages ever added to a parked chat, so that removing its place notices one that came meanwhile.
const ADDED: &str = "added";
/// Chats that are woken side by side.
const WAKES_AT_ONCE: usize = 8;

impl Store {
    /// Parks a chat with the message that failed. Where the chat is parked already, the message is added to it.
    /// Nothing happens where the app is gone.
    pub async fn park(&self, app: &AppId, shard: u16, parked: &Parked) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let mut item = to_item(&pk, &keys::park(&parked.chat), parked)?;
        item.insert(keys::DUE_KEY.into(), string(keys::due_parked(shard)));
        item.insert(keys::DUE_AT.into(), number(millis(parked.due)));
        item.insert(ADDED.into(), number(1));
        let head = Put::builder().table_name(&self.table).set_item(Some(item));
        let head = head.condition_expression("attribute_not_exists(pk)").build().expect("table and item are given");
        let head = TransactWriteItem::builder().put(head).build();
        // The hint goes first and by itself: when a callback dies, every chat of the app sets it at once, and
        // transactions that meet on a row cancel each other.
        if !self.hint(&pk, "SET parked = :true").await? {
            return Ok(());
        }
        loop {
            let waiting = self.waiting(&pk, &parked.chat, parked.last_seq);
            match self.transact(vec![head.clone(), waiting]).await {
                // Unparked between the two: then it can be parked anew.
                Err(StoreError::Conflict) if !self.park_behind(app, &parked.chat, parked.last_seq).await? => {}
                Err(StoreError::Conflict) => return Ok(()),
                other => return other,
            }
        }
    }

    /// Adds a message to a parked chat: `false` when the chat is not parked (any more).
    pub async fn park_behind(&self, app: &AppId, chat: &Puid, seq: Seq) -> Result<bool, StoreError> {
        let pk = keys::app(app);
        let head = Update::builder()
            .table_name(&self.table)
            .set_key(Some(keys::key(&pk, &keys::park(chat))))
            .condition_expression("attribute_exists(pk)")
            .update_expression("SET last_seq = :seq ADD added :one")
            .expression_attribute_values(":seq", number(seq.get()))
            .expression_attribute_values(":one", number(1));
        let head = head.build().expect("table, key and update are given");
        let head = TransactWriteItem::builder().update(head).build();
        applied(self.transact(vec![head, self.waiting(&pk, chat, seq)]).await)
    }

    /// Sets or removes the app's mark that some chat is parked: `false` when the app is gone.
    async fn hint(&self, pk: &str, change: &str) -> Result<bool, StoreError> {
        let update = self.client.update_item().table_name(&self.table).set_key(Some(keys::key(pk, keys::APP)));
        let mut update = update.condition_expression("attribute_exists(pk)").update_expression(change);
        if change.contains(":true") {
            update = update.expression_attribute_values(":true", AttributeValue::Bool(true));
        }
        applied(update.send().await.map(drop).map_err(StoreError::from_sdk))
    }

    fn waiting(&self, pk: &str, chat: &Puid, seq: Seq) -> TransactWriteItem {
        let mut item = keys::key(pk, &keys::parked(chat, seq));
        item.insert("seq".into(), number(seq.get()));
        let put = Put::builder().table_name(&self.table).set_item(Some(item)).build();
        TransactWriteItem::builder().put(put.expect("table and item are given")).build()
    }

    /// Parked chats of a shard that are due, the longest first. At most `limit`.
    pub async fn due_chats(&self, shard: u16, now: Timestamp, limit: i32) -> Result<Vec<Due<Puid>>, StoreError> {
        self.due(keys::due_parked(shard), keys::PARK, |chat| Puid::new(chat), now, Some(limit)).await
    }

    /// Takes a due chat for one sweep, until `until`: `None` when another sweep has it, or it is no longer parked.
    pub async fn claim_chat(&self, due: &Due<Puid>, until: Timestamp) -> Result<Option<Parked>, StoreError> {
        let (pk, sk) = (keys::app(&due.app), keys::park(&due.id));
        if !self.move_due(&pk, &sk, due.at, until).await? {
            return Ok(None);
        }
        self.get(&pk, &sk).await?.map(from_item).transpose()
    }

    /// What waits in a parked chat, oldest first. At most `limit` numbers.
    pub async fn waiting_in(&self, app: &AppId, chat: &Puid, limit: i32) -> Result<Vec<Seq>, StoreError> {
        let rows = self.first(self.query_prefix(&keys::app(app), &keys::parked_of(chat)), limit).await?;
        Ok(rows.iter().filter_map(|row| number_of(row, "seq")).map(Seq::new).collect())
    }

    /// Takes a message off its parked chat, after it was delivered.
    pub async fn remove_waiting(&self, app: &AppId, chat: &Puid, seq: Seq) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(app), &keys::parked(chat, seq))))
            .send()
            .await
            .map_err(StoreError::from_sdk)?;
        Ok(())
    }

    /// Ends a chat's parking: `false` when a message waits in it, perhaps one added since `parked` was read. `true`
    /// too when it was not parked any more.
    pub async fn unpark(&self, app: &AppId, parked: &Parked) -> Result<bool, StoreError> {
        let (pk, sk) = (keys::app(app), keys::park(&parked.chat));
        let Some(head) = self.get(&pk, &sk).await? else { return Ok(true) };
        if !self.waiting_in(app, &parked.chat, 1).await?.is_empty() {
            return Ok(false);
        }
        // What is added after the head was read changes the count. A transaction, though of one write, because it may
        // be repeated without meeting its own traces.
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(keys::key(&pk, &sk)))
            .condition_expression("added = :added AND last_seq = :seq")
            .expression_attribute_values(":added", number(number_of(&head, ADDED).unwrap_or(0)))
            .expression_attribute_values(":seq", number(number_of(&head, "last_seq").unwrap_or(0)));
        let delete = delete.build().expect("table and key are given");
        applied(self.transact(vec![TransactWriteItem::builder().delete(delete).build()]).await)
    }

    /// Sets the time of a parked chat's next attempt after another failure, and counts it.
    pub async fn postpone_chat(&self, app: &AppId, parked: &Parked) -> Result<(), StoreError> {
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
    pub async fn parked_chats(&self, app: &AppId) -> Result<Vec<Parked>, StoreError> {
        let rows = self.collect(self.query_prefix(&keys::app(app), keys::PARK)).await?;
        rows.into_iter().map(from_item).collect()
    }

    /// Makes every parked chat of an app due at `now`: its callback has just answered. The hint on the app stays until
    /// nothing is parked any more; should a chat be parked in the instant it is taken away, that chat comes due by its
    /// own schedule. A chat that a sweep has claimed is left alone, as is one that is due anyway.
    pub async fn wake_parked(&self, app: &AppId, now: Timestamp) -> Result<(), StoreError> {
        use futures_util::{StreamExt, TryStreamExt, stream};

        let pk = keys::app(app);
        let rows = self.collect(self.query_prefix(&pk, keys::PARK)).await?;
        if rows.is_empty() {
            return self.hint(&pk, "REMOVE parked").await.map(drop);
        }
        let mut sleeping = Vec::new();
        for row in rows {
            let due_at = due_at(&row);
            let chat: Parked = from_item(row)?;
            // A sweep that claims a chat moves its place in the index, and not the time that is written beside it.
            if due_at == Some(millis(chat.due)) && chat.due > now {
                sleeping.push((keys::park(&chat.chat), millis(chat.due)));
            }
        }
        let wake = |(sk, scheduled): (String, i64)| {
            let pk = &pk;
            async move { self.move_due(pk, &sk, scheduled, now).await.map(drop) }
        };
        stream::iter(sleeping).map(Ok).try_for_each_concurrent(WAKES_AT_ONCE, wake).await
    }
}
