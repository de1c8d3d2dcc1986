//! The message log. One writer appends messages in order, with sequence numbers without gaps.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::{
    app::App,
    channel::Cursor,
    delivery::{Delivery, Parked},
    id::{AppId, JobId, Seq},
    job::{Job, JobState},
    message::Message,
    puid::Puid,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    error::applied,
    item::{Item, from_item, number, number_of, string, string_of, to_item, to_value},
    keys,
};

/// A cursor with the login that it belongs to, stored on the last row of a batch. All messages up to the cursor are then
/// in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The login of the cursor. A cursor of an earlier login is not valid.
    pub login_number: u64,
    #[serde(rename = "place")]
    pub cursor: Cursor,
}

/// A message with the checkpoint on its row.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub message: Message,
    pub checkpoint: Option<Checkpoint>,
    /// The job that sent it.
    pub sent_by: Option<JobId>,
}

/// The data for delivering a message. One request reads it.
#[derive(Debug, Clone)]
pub struct PendingDelivery {
    pub app: App,
    pub message: Message,
    /// Set while the message's chat is parked.
    pub parked: Option<Parked>,
}

impl Store {
    /// Appends a message. [`StoreError::Conflict`] if the sequence number belongs to another message: there is another
    /// writer.
    pub async fn append(
        &self,
        app: &AppId,
        message: &Message,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), StoreError> {
        let (pk, sk) = (keys::app(app), keys::log(message.seq));
        let item = row(&pk, &sk, message, checkpoint)?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        match put.send().await.map_err(StoreError::from_sdk) {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict) => {
                // The SDK repeats a put whose response was lost, and the second one finds the first.
                let stored = self.get(&pk, &sk).await?.map(entry).transpose()?;
                let same = stored.is_some_and(|row| row.message == *message && row.checkpoint.as_ref() == checkpoint);
                if same { Ok(()) } else { Err(StoreError::Conflict) }
            }
            Err(error) => Err(error),
        }
    }

    /// Appends messages with successive sequence numbers in as few transactions as possible. The last row gets the
    /// checkpoint. [`StoreError::Conflict`] if a number is in use, perhaps by the same message; earlier transactions
    /// have been applied then. A row in a transaction costs two write units instead of one, and a transaction takes the
    /// time of one write.
    pub async fn append_all(
        &self,
        app: &AppId,
        messages: &[Message],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), StoreError> {
        let mut rest = messages;
        while !rest.is_empty() {
            let (first, others) = rest.split_at(transaction_length(rest));
            let checkpoint = checkpoint.filter(|_| others.is_empty());
            match first {
                [message] => self.append(app, message, checkpoint).await?,
                _ => self.append_transaction(app, first, checkpoint).await?,
            }
            rest = others;
        }
        Ok(())
    }

    async fn append_transaction(
        &self,
        app: &AppId,
        messages: &[Message],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let put = |(number, message): (usize, &Message)| {
            let checkpoint = checkpoint.filter(|_| number + 1 == messages.len());
            let item = row(&pk, &keys::log(message.seq), message, checkpoint)?;
            let put = Put::builder().table_name(&self.table).set_item(Some(item));
            let put = put.condition_expression("attribute_not_exists(pk)").build().expect("table and item are given");
            Ok(TransactWriteItem::builder().put(put).build())
        };
        self.transact(messages.iter().enumerate().map(put).collect::<Result<_, StoreError>>()?).await
    }

    /// Appends the message that a job sent and ends the job as sent, in one transaction. [`StoreError::Conflict`] if the
    /// sequence number is in use, or if the job has ended.
    pub async fn append_sent(
        &self,
        message: &Message,
        checkpoint: &Checkpoint,
        job: &Job,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = row(&keys::app(&job.app), &keys::log(message.seq), message, Some(checkpoint))?;
        item.insert(SENT_BY.into(), string(job.id.as_str()));
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(pk)").build().expect("table and item are given");
        let finish = self.finish_write(job, JobState::Sent { message_id: Some(message.id) }, at)?;
        self.transact(vec![TransactWriteItem::builder().put(put).build(), finish]).await
    }

    /// The newest messages, newest first. At most `count`.
    pub async fn tail(&self, app: &AppId, count: i32) -> Result<Vec<Entry>, StoreError> {
        let query = self.query_prefix(&keys::app(app), keys::LOG).scan_index_forward(false);
        self.first(query, count).await?.into_iter().map(entry).collect()
    }

    /// The newest message that `wanted` selects among the last `rows`, read from the newest on.
    pub async fn newest(
        &self,
        app: &AppId,
        rows: u64,
        wanted: impl Fn(&Message) -> bool,
    ) -> Result<Option<Entry>, StoreError> {
        let head = self.head(app).await?;
        let oldest = head.get().saturating_sub(rows) + 1;
        let mut to = head.get();
        while to >= oldest {
            let from = to.saturating_sub(SEARCH_PAGE - 1).max(oldest);
            let query = self.query_log(app, Seq::new(from)..=Seq::new(to)).scan_index_forward(false);
            for item in self.collect(query).await? {
                let entry = entry(item)?;
                if wanted(&entry.message) {
                    return Ok(Some(entry));
                }
            }
            to = from - 1;
        }
        Ok(None)
    }

    /// The newest sequence number; [`Seq::START`] for an empty log.
    pub async fn head(&self, app: &AppId) -> Result<Seq, StoreError> {
        let query = self.query_prefix(&keys::app(app), keys::LOG).scan_index_forward(false);
        let newest = self.first(query.projection_expression("seq"), 1).await?;
        Ok(newest.first().and_then(|item| number_of(item, "seq")).map_or(Seq::START, Seq::new))
    }

    pub async fn message(&self, app: &AppId, seq: Seq) -> Result<Option<Message>, StoreError> {
        self.get(&keys::app(app), &keys::log(seq)).await?.map(message_of).transpose()
    }

    /// The messages of a range, oldest first.
    pub async fn messages(&self, app: &AppId, range: RangeInclusive<Seq>) -> Result<Vec<Message>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let items = self.collect(self.query_log(app, range)).await?;
        items.into_iter().map(message_of).collect()
    }

    /// A query for the messages of a range. DynamoDB refuses an empty range.
    pub(crate) fn query_log(
        &self,
        app: &AppId,
        range: RangeInclusive<Seq>,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.query_keys(app, &keys::log(*range.start()), &keys::log(*range.end()))
    }

    /// A message with its app, and the state of its chat if that is parked. `None` if the app or the message does not
    /// exist.
    pub async fn pending_delivery(
        &self,
        app: &AppId,
        seq: Seq,
        chat: &Puid,
    ) -> Result<Option<PendingDelivery>, StoreError> {
        let (log, park) = (keys::log(seq), keys::park(chat));
        let mut rows = self.get_many(&keys::app(app), &[keys::APP, &log, &park]).await?;
        let (Some(app), Some(message)) = (rows.remove(keys::APP), rows.remove(&log)) else { return Ok(None) };
        Ok(Some(PendingDelivery {
            app: from_item(app)?,
            message: message_of(message)?,
            parked: rows.remove(&park).map(from_item).transpose()?,
        }))
    }

    /// Marks a pending message as delivered. `false` if it was not pending.
    pub async fn mark_delivered(&self, app: &AppId, seq: Seq, at: Timestamp) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(app), &keys::log(seq))))
            .condition_expression("delivery = :pending")
            .update_expression("SET delivery = :delivered, update_time = :at")
            .expression_attribute_values(":pending", delivery(Delivery::Pending))
            .expression_attribute_values(":delivered", delivery(Delivery::Delivered))
            .expression_attribute_values(":at", string(at.to_string()));
        applied(update.send().await.map(drop).map_err(StoreError::from_sdk))
    }

    /// Every message up to the watermark has been delivered and has its media. [`Seq::START`] before the first one.
    pub async fn watermark(&self, app: &AppId) -> Result<Seq, StoreError> {
        let row = self.get(&keys::app(app), keys::MARK).await?;
        Ok(row.as_ref().and_then(|row| number_of(row, "seq")).map_or(Seq::START, Seq::new))
    }

    /// Sets the watermark. The caller is the only writer and never moves it back.
    pub async fn advance_watermark(&self, app: &AppId, seq: Seq) -> Result<(), StoreError> {
        let mut item = keys::key(&keys::app(app), keys::MARK);
        item.insert("seq".into(), number(seq.get()));
        self.put_all(vec![item]).await
    }
}

/// Rows in a transaction of [`Store::append_all`]; DynamoDB's limit is 100.
const TRANSACTION_ROWS: usize = 50;
/// Bytes of rows, as JSON, in such a transaction; DynamoDB's limit is 4 MB.
const TRANSACTION_BYTES: usize = 1_000_000;

/// How many of the messages fit into one transaction; at least one.
fn transaction_length(messages: &[Message]) -> usize {
    let sizes = messages.iter().take(TRANSACTION_ROWS).scan(0, |total, message| {
        *total += serde_json::to_string(message).map_or(TRANSACTION_BYTES, |row| row.len());
        Some(*total)
    });
    sizes.take_while(|total| *total <= TRANSACTION_BYTES).count().max(1)
}

/// When the row was last changed. Left out while it equals `receive_time`, so that rows stay small.
const UPDATE_TIME: &str = "update_time";

/// The attribute of a row that holds its checkpoint.
const CHECKPOINT: &str = "cursor";
/// The attribute of a row that names the job that sent it.
const SENT_BY: &str = "sent_by";
/// Rows that [`Store::newest`] reads at once.
const SEARCH_PAGE: u64 = 100;

fn row(pk: &str, sk: &str, message: &Message, checkpoint: Option<&Checkpoint>) -> Result<Item, StoreError> {
    let mut item = to_item(pk, sk, message)?;
    if message.update_time == message.receive_time {
        item.remove(UPDATE_TIME);
    }
    if let Some(checkpoint) = checkpoint {
        item.insert(CHECKPOINT.into(), to_value(sk, checkpoint)?);
    }
    Ok(item)
}

/// The message of a row.
pub(crate) fn message_of(mut item: Item) -> Result<Message, StoreError> {
    if !item.contains_key(UPDATE_TIME)
        && let Some(received) = item.get("receive_time").cloned()
    {
        item.insert(UPDATE_TIME.into(), received);
    }
    from_item(item)
}

/// The message and the checkpoint of a row.
fn entry(mut item: Item) -> Result<Entry, StoreError> {
    let checkpoint = item.remove(CHECKPOINT).map(serde_dynamo::from_attribute_value).transpose();
    let checkpoint = checkpoint.map_err(|error: serde_dynamo::Error| {
        StoreError::corrupt(string_of(&item, keys::SK).unwrap_or_default(), error)
    })?;
    let sent_by = string_of(&item, SENT_BY).map(JobId::trusted);
    Ok(Entry { message: message_of(item)?, checkpoint, sent_by })
}

pub(crate) fn delivery(state: Delivery) -> AttributeValue {
    string(match state {
        Delivery::Unwanted => "unwanted",
        Delivery::Pending => "pending",
        Delivery::Delivered => "delivered",
    })
}
