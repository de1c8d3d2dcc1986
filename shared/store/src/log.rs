//! The message log: dense, appended by one writer, in order.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::{
    app::App,
    channel::Cursor,
    delivery::{Delivery, Parked},
    id::{AppId, Seq},
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

/// A place in WeChat's stream of messages. It rides on the last row of its batch: a row with a cursor says that
/// everything up to it is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which login it belongs to; one of an earlier login is worthless.
    pub login_number: u64,
    #[serde(rename = "place")]
    pub cursor: Cursor,
}

/// A row with the cursor that rides on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub message: Message,
    pub checkpoint: Option<Checkpoint>,
}

/// What the dispatcher must know of a message, read in one round trip.
#[derive(Debug, Clone)]
pub struct PendingDelivery {
    pub app: App,
    pub message: Message,
    /// Set while the message's chat is parked.
    pub parked: Option<Parked>,
}

impl Store {
    /// Appends one row; [`StoreError::Conflict`] when there is another row with this number: another writer is at work.
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
                // A put whose answer was lost is sent again, and then finds itself there.
                let there = self.get(&pk, &sk).await?.map(entry).transpose()?;
                let ours = there.is_some_and(|row| row.message == *message && row.checkpoint.as_ref() == checkpoint);
                if ours { Ok(()) } else { Err(StoreError::Conflict) }
            }
            Err(error) => Err(error),
        }
    }

    /// Appends rows with successive numbers, in few steps; the cursor rides on the last. A step is done whole or not at
    /// all. [`StoreError::Conflict`] when a number is taken, perhaps by these very rows: those before it are in the log
    /// then. A row costs two write units in place of one, and all of a step together the time of one.
    pub async fn append_all(
        &self,
        app: &AppId,
        rows: &[Message],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), StoreError> {
        let mut rest = rows;
        while !rest.is_empty() {
            let (step, behind) = rest.split_at(step(rest));
            let checkpoint = checkpoint.filter(|_| behind.is_empty());
            match step {
                [row] => self.append(app, row, checkpoint).await?,
                _ => self.append_step(app, step, checkpoint).await?,
            }
            rest = behind;
        }
        Ok(())
    }

    async fn append_step(
        &self,
        app: &AppId,
        rows: &[Message],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), StoreError> {
        let pk = keys::app(app);
        let put = |(number, message): (usize, &Message)| {
            let checkpoint = checkpoint.filter(|_| number + 1 == rows.len());
            let item = row(&pk, &keys::log(message.seq), message, checkpoint)?;
            let put = Put::builder().table_name(&self.table).set_item(Some(item));
            let put = put.condition_expression("attribute_not_exists(pk)").build().expect("table and item are given");
            Ok(TransactWriteItem::builder().put(put).build())
        };
        self.transact(rows.iter().enumerate().map(put).collect::<Result<_, StoreError>>()?).await
    }

    /// Appends what was sent for a job, and ends the job as sent: both or neither. [`StoreError::Conflict`] when there
    /// is a row with this number, or the job has ended.
    pub async fn append_sent(
        &self,
        message: &Message,
        checkpoint: &Checkpoint,
        job: &Job,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let item = row(&keys::app(&job.app), &keys::log(message.seq), message, Some(checkpoint))?;
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(pk)").build().expect("table and item are given");
        let ending = self.ending(job, JobState::Sent { message_id: Some(message.id) }, at)?;
        self.transact(vec![TransactWriteItem::builder().put(put).build(), ending]).await
    }

    /// The newest rows, newest first.
    pub async fn tail(&self, app: &AppId, count: i32) -> Result<Vec<Entry>, StoreError> {
        let query = self.query_prefix(&keys::app(app), keys::LOG).scan_index_forward(false);
        self.first(query, count).await?.into_iter().map(entry).collect()
    }

    /// The number of the newest row; 0 for an empty log.
    pub async fn head(&self, app: &AppId) -> Result<Seq, StoreError> {
        let query = self.query_prefix(&keys::app(app), keys::LOG).scan_index_forward(false);
        let newest = self.first(query.projection_expression("seq"), 1).await?;
        Ok(newest.first().and_then(|item| number_of(item, "seq")).map_or(Seq::START, Seq::new))
    }

    pub async fn message(&self, app: &AppId, seq: Seq) -> Result<Option<Message>, StoreError> {
        self.get(&keys::app(app), &keys::log(seq)).await?.map(message_of).transpose()
    }

    /// The rows of a range, oldest first.
    pub async fn messages(&self, app: &AppId, range: RangeInclusive<Seq>) -> Result<Vec<Message>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let items = self.collect(self.query_log(app, range)).await?;
        items.into_iter().map(message_of).collect()
    }

    /// A query over the rows of a range, which must not be empty.
    pub(crate) fn query_log(
        &self,
        app: &AppId,
        range: RangeInclusive<Seq>,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", string(keys::app(app)))
            .expression_attribute_values(":from", string(keys::log(*range.start())))
            .expression_attribute_values(":to", string(keys::log(*range.end())))
            .consistent_read(true)
    }

    /// A message with its app and its chat's place among the parked; `None` when the app or the row is gone.
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

    /// Notes that the callback took a message: `false` when it was noted before.
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

    /// The rows after `seq` that wait for their delivery, oldest first, as number and chat. What is parked is
    /// among them.
    pub async fn undelivered(&self, app: &AppId, after: Seq) -> Result<Vec<(Seq, Puid)>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            seq: Seq,
            chat: Puid,
        }
        let query = self
            .query_log(app, after.next()..=Seq::MAX)
            .filter_expression("delivery = :pending")
            .expression_attribute_values(":pending", delivery(Delivery::Pending))
            .projection_expression("pk, sk, seq, chat");
        let rows = self.collect(query).await?;
        rows.into_iter().map(|item| from_item::<Row>(item).map(|row| (row.seq, row.chat))).collect()
    }

    /// Up to which row everything is delivered; 0 where nothing is known.
    pub async fn watermark(&self, app: &AppId) -> Result<Seq, StoreError> {
        let row = self.get(&keys::app(app), keys::MARK).await?;
        Ok(row.as_ref().and_then(|row| number_of(row, "seq")).map_or(Seq::START, Seq::new))
    }

    /// Moves the mark.
    pub async fn advance_watermark(&self, app: &AppId, seq: Seq) -> Result<(), StoreError> {
        let mut item = keys::key(&keys::app(app), keys::MARK);
        item.insert("seq".into(), number(seq.get()));
        self.put_all(vec![item]).await
    }
}

/// Rows of a step of [`Store::append_all`], and bytes of what they hold: DynamoDB takes 100 and 4 MB.
const STEP: usize = 50;
const STEP_BYTES: usize = 1_000_000;

/// How many of the rows fit into a step; one at least.
fn step(rows: &[Message]) -> usize {
    let sizes = rows.iter().take(STEP).scan(0, |all, message| {
        *all += serde_json::to_string(&message.content).map_or(STEP_BYTES, |content| content.len());
        Some(*all)
    });
    sizes.take_while(|all| *all <= STEP_BYTES).count().max(1)
}

/// When a row was last changed; left out while that is the time it was received, which makes a row smaller.
const UPDATE_TIME: &str = "update_time";

/// The attribute of a row that holds its checkpoint.
const CHECKPOINT: &str = "cursor";

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

pub(crate) fn message_of(mut item: Item) -> Result<Message, StoreError> {
    if !item.contains_key(UPDATE_TIME)
        && let Some(received) = item.get("receive_time").cloned()
    {
        item.insert(UPDATE_TIME.into(), received);
    }
    from_item(item)
}

fn entry(mut item: Item) -> Result<Entry, StoreError> {
    let checkpoint = item.remove(CHECKPOINT).map(serde_dynamo::from_attribute_value).transpose();
    let checkpoint = checkpoint.map_err(|error: serde_dynamo::Error| {
        StoreError::corrupt(string_of(&item, keys::SK).unwrap_or_default(), error)
    })?;
    Ok(Entry { message: message_of(item)?, checkpoint })
}

fn delivery(state: Delivery) -> AttributeValue {
    string(match state {
        Delivery::Unwanted => "unwanted",
        Delivery::Pending => "pending",
        Delivery::Delivered => "delivered",
    })
}
