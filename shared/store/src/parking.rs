//! Parked chats: a delivery failed, so the chat's messages wait for the sweep. A parked chat has a row in the index `due`,
//! and each message of its backlog has a row. Transactions change both, so that no message stays in the backlog of a
//! chat that is no longer parked.

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

/// Counts the messages added to a parked chat, so that [`Store::unpark`] notices one that is added meanwhile.
const ADDED: &str = "added";
/// Concurrent updates of [`Store::wake_parked`].
const CONCURRENT_WAKES: usize = 8;

impl Store {
    /// Parks a chat with the message whose delivery failed. If the chat is parked already, adds the message to its
    /// backlog. Does nothing if the app does not exist.
    pub async fn park(&self, app: &AppId, shard: u16, parked: &Parked) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let mut item = to_item(&pk, &keys::park(&parked.chat), parked)?;
        item.insert(keys::DUE_KEY.into(), string(keys::due_parked(shard)));
        item.insert(keys::DUE_AT.into(), number(millis(parked.due)));
        item.insert(ADDED.into(), number(1));
        let head = Put::builder().table_name(&self.table).set_item(Some(item));
        let head = head.condition_expression("attribute_not_exists(pk)").build().expect("table and item are given");
        let head = TransactWriteItem::builder().put(head).build();
        // The app's flag is set outside the transaction: when a callback fails, all chats of the app set it at once, and
        // transactions on the same row would cancel each other.
        if !self.set_parked_flag(&pk, "SET parked = :true").await? {
            return Ok(());
        }
        loop {
            let waiting = self.backlog_write(&pk, &parked.chat, parked.last_seq);
            match self.transact(vec![head.clone(), waiting]).await {
                // The chat was unparked between the two writes, so it can be parked again.
                Err(StoreError::Conflict) if !self.park_behind(app, &parked.chat, parked.last_seq).await? => {}
                Err(StoreError::Conflict) => return Ok(()),
                other => return other,
            }
        }
    }

    /// Adds a message to the backlog of a parked chat. `false` if the chat is not parked.
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
        applied(self.transact(vec![head, self.backlog_write(&pk, chat, seq)]).await)
    }

    /// Sets or removes [`domain::app::App::parked`]. `false` if the app does not exist.
    async fn set_parked_flag(&self, pk: &str, change: &str) -> Result<bool, StoreError> {
        let update = self.client.update_item().table_name(&self.table).set_key(Some(keys::key(pk, keys::APP)));
        let mut update = update.condition_expression("attribute_exists(pk)").update_expression(change);
        if change.contains(":true") {
            update = update.expression_attribute_values(":true", AttributeValue::Bool(true));
        }
        applied(update.send().await.map(drop).map_err(StoreError::from_sdk))
    }

    fn backlog_write(&self, pk: &str, chat: &Puid, seq: Seq) -> TransactWriteItem {
        let mut item = keys::key(pk, &keys::parked(chat, seq));
        item.insert("seq".into(), number(seq.get()));
        let put = Put::builder().table_name(&self.table).set_item(Some(item)).build();
        TransactWriteItem::builder().put(put.expect("table and item are given")).build()
    }

    /// Parked chats of a shard that are due, the earliest first. At most `limit`.
    pub async fn due_chats(&self, shard: u16, now: Timestamp, limit: i32) -> Result<Vec<Due<Puid>>, StoreError> {
        self.due(keys::due_parked(shard), keys::PARK, |chat| Puid::new(chat), now, Some(limit)).await
    }

    /// Claims a due chat for a sweep until `until`. `None` if another sweep has claimed it, or it is no longer parked.
    pub async fn claim_chat(&self, due: &Due<Puid>, until: Timestamp) -> Result<Option<Parked>, StoreError> {
        let (pk, sk) = (keys::app(&due.app), keys::park(&due.id));
        if !self.move_due(&pk, &sk, due.at, until).await? {
            return Ok(None);
        }
        self.get(&pk, &sk).await?.map(from_item).transpose()
    }

    /// The backlog of a parked chat, oldest first. At most `limit` messages.
    pub async fn waiting_in(&self, app: &AppId, chat: &Puid, limit: i32) -> Result<Vec<Seq>, StoreError> {
        let rows = self.first(self.query_prefix(&keys::app(app), &keys::parked_of(chat)), limit).await?;
        Ok(rows.iter().filter_map(|row| number_of(row, "seq")).map(Seq::new).collect())
    }

    /// Removes a delivered message from the backlog of its chat.
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

    /// Unparks a chat. `false` if its backlog is not empty, perhaps because a message was added meanwhile. `true` if it
    /// was not parked.
    pub async fn unpark(&self, app: &AppId, parked: &Parked) -> Result<bool, StoreError> {
        let (pk, sk) = (keys::app(app), keys::park(&parked.chat));
        let Some(head) = self.get(&pk, &sk).await? else { return Ok(true) };
        if !self.waiting_in(app, &parked.chat, 1).await?.is_empty() {
            return Ok(false);
        }
        // A message that is added after this read changes the count. A transaction, although it is one write: DynamoDB
        // recognises its repetition, which would otherwise find no row.
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(keys::key(&pk, &sk)))
            .condition_expression("added = :added AND last_seq = :seq")
            .expression_attribute_values(":added", number(number_of(&head, ADDED).unwrap_or(0)))
            .expression_attribute_values(":seq", number(number_of(&head, "last_seq").unwrap_or(0)));
        let delete = delete.build().expect("table and key are given");
        applied(self.transact(vec![TransactWriteItem::builder().delete(delete).build()]).await)
    }

    /// Writes the number of attempts, the time of the next one and the last error of a parked chat.
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

    /// Makes all parked chats of an app due at `now`, because its callback works again. Skips chats that are due or that a
    /// sweep has claimed. Removes the app's flag if no chat is parked; a chat that is parked at the same moment comes
    /// due by its own schedule.
    pub async fn wake_parked(&self, app: &AppId, now: Timestamp) -> Result<(), StoreError> {
        use futures_util::{StreamExt, TryStreamExt, stream};

        let pk = keys::app(app);
        let rows = self.collect(self.query_prefix(&pk, keys::PARK)).await?;
        if rows.is_empty() {
            return self.set_parked_flag(&pk, "REMOVE parked").await.map(drop);
        }
        let mut sleeping = Vec::new();
        for row in rows {
            let due_at = due_at(&row);
            let chat: Parked = from_item(row)?;
            // A claim changes `due_at` in the index and not `due`, so they differ for a claimed chat.
            if due_at == Some(millis(chat.due)) && chat.due > now {
                sleeping.push((keys::park(&chat.chat), millis(chat.due)));
            }
        }
        let wake = |(sk, scheduled): (String, i64)| {
            let pk = &pk;
            async move { self.move_due(pk, &sk, scheduled, now).await.map(drop) }
        };
        stream::iter(sleeping).map(Ok).try_for_each_concurrent(CONCURRENT_WAKES, wake).await
    }
}
