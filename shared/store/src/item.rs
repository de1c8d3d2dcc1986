//! Conversion between rows and DynamoDB items, and the requests that several modules use.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{
        AttributeValue, ConsumedCapacity, DeleteRequest, KeysAndAttributes, PutRequest, ReturnConsumedCapacity,
        WriteRequest,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Store, StoreError,
    keys::{PK, SK, key},
};

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// `row` as an item with its key. `None` values are left out, so that rows stay small.
pub(crate) fn to_item(pk: &str, sk: &str, row: &impl Serialize) -> Result<Item, StoreError> {
    let mut item: Item =
        serde_dynamo::to_item(row).map_err(|error| StoreError::corrupt(format!("{pk}/{sk}"), error))?;
    item.retain(|_, value| !matches!(value, AttributeValue::Null(_)));
    item.extend(key(pk, sk));
    Ok(item)
}

/// A part of a row as an attribute. `key` names the row in errors.
pub(crate) fn to_value(key: &str, part: &impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(part).map_err(|error: serde_dynamo::Error| StoreError::corrupt(key, error))
}

pub(crate) fn from_item<Row: DeserializeOwned>(item: Item) -> Result<Row, StoreError> {
    let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    let key = format!("{}/{}", part(PK), part(SK));
    serde_dynamo::from_item(item).map_err(|error| StoreError::corrupt(key, error))
}

/// A number attribute of an item.
pub(crate) fn number_of(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// A string attribute of an item.
pub(crate) fn string_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// A binary attribute of an item.
pub(crate) fn bytes_of<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    item.get(name)?.as_b().ok().map(AsRef::as_ref)
}

/// Rows in a batch read: DynamoDB's limit.
const BATCH_GET: usize = 100;
/// Rows in a batch write: DynamoDB's limit.
const BATCH_WRITE: usize = 25;
/// Concurrent batches.
const BATCHES_AT_ONCE: usize = 4;

impl Store {
    /// Reads a row consistently.
    pub(crate) async fn get(&self, pk: &str, sk: &str) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(pk, sk)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::from_sdk)?;
        Ok(answer.item)
    }

    /// The first `count` rows of a query, over several pages if necessary. Not for queries with a filter: DynamoDB counts
    /// rows before it filters.
    pub(crate) async fn first(&self, query: QueryFluentBuilder, count: i32) -> Result<Vec<Item>, StoreError> {
        let wanted = usize::try_from(count).unwrap_or(0);
        let mut found = Vec::new();
        let mut items = query.limit(count).into_paginator().items().send();
        while found.len() < wanted {
            let Some(item) = items.next().await else { break };
            found.push(item.map_err(StoreError::from_sdk)?);
        }
        Ok(found)
    }

    /// Reads several rows of a partition consistently in one request; by sort key. At most 100 different keys.
    pub(crate) async fn get_many(&self, pk: &str, sks: &[&str]) -> Result<HashMap<String, Item>, StoreError> {
        Ok(self.get_counted(pk, sks, true).await?.0)
    }

    /// [`Self::get_many`], consistently or not, with the read units that DynamoDB reports.
    pub(crate) async fn get_counted(
        &self,
        pk: &str,
        sks: &[&str],
        consistent: bool,
    ) -> Result<(HashMap<String, Item>, f64), StoreError> {
        let (mut found, mut units) = (HashMap::new(), 0.0);
        let mut keys: Vec<_> = sks.iter().map(|sk| key(pk, sk)).collect();
        let mut pause = Pause::default();
        loop {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(consistent).build();
            let wanted = wanted.map_err(|error| StoreError::Unavailable(error.into()))?;
            let request = self.client.batch_get_item().request_items(&self.table, wanted);
            let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
            let answer = answer.map_err(StoreError::from_sdk)?;
            units += answer.consumed_capacity().iter().filter_map(ConsumedCapacity::capacity_units).sum::<f64>();
            for item in answer.responses.into_iter().filter_map(|mut tables| tables.remove(&self.table)).flatten() {
                if let Some(sk) = string_of(&item, SK) {
                    found.insert(sk.to_owned(), item);
                }
            }
            keys = answer
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(&self.table))
                .map(|rest| rest.keys)
                .unwrap_or_default();
            if keys.is_empty() {
                return Ok((found, units));
            }
            pause.wait().await;
        }
    }

    /// [`Self::get_many`] for any number of different keys, in concurrent requests.
    pub(crate) async fn get_all(&self, pk: &str, sks: Vec<String>) -> Result<HashMap<String, Item>, StoreError> {
        use futures_util::{StreamExt, TryStreamExt, stream};

        let reads = sks.chunks(BATCH_GET).map(|sks| async move {
            let sks: Vec<&str> = sks.iter().map(String::as_str).collect();
            self.get_many(pk, &sks).await
        });
        let found: Vec<_> = stream::iter(reads.collect::<Vec<_>>()).buffered(BATCHES_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// A query for the rows of a partition whose sort key begins with `prefix`.
    pub(crate) fn query_prefix(&self, pk: &str, prefix: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", string(pk))
            .expression_attribute_values(":prefix", string(prefix))
            .consistent_read(true)
    }

    /// All rows of a query, over all pages.
    pub(crate) async fn collect(&self, query: QueryFluentBuilder) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut pages = query.into_paginator().items().send();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(StoreError::from_sdk)?);
        }
        Ok(items)
    }

    /// Writes rows without conditions in concurrent batches. Repeating it is harmless. Of several rows with one key it
    /// writes the last, because DynamoDB refuses a batch with duplicates.
    pub(crate) async fn put_all(&self, items: Vec<Item>) -> Result<(), StoreError> {
        let part = |item: &Item, name: &str| string_of(item, name).unwrap_or_default().to_owned();
        let rows: HashMap<(String, String), Item> =
            items.into_iter().map(|item| ((part(&item, PK), part(&item, SK)), item)).collect();
        let puts = rows
            .into_values()
            .map(|item| {
                let put = PutRequest::builder().set_item(Some(item)).build();
                put.map(|put| WriteRequest::builder().put_request(put).build())
                    .map_err(|error| StoreError::Unavailable(error.into()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        self.write_all(puts).await
    }

    /// Deletes rows without conditions in concurrent batches. Repeating it is harmless.
    pub(crate) async fn delete_all(&self, keys: Vec<Item>) -> Result<(), StoreError> {
        let delete = |key| {
            let delete = DeleteRequest::builder().set_key(Some(key)).build().expect("the key is given");
            WriteRequest::builder().delete_request(delete).build()
        };
        self.write_all(keys.into_iter().map(delete).collect()).await
    }

    /// Executes unconditional writes in concurrent batches until DynamoDB leaves none unprocessed.
    pub(crate) async fn write_all(&self, writes: Vec<WriteRequest>) -> Result<(), StoreError> {
        use futures_util::{StreamExt, TryStreamExt, stream};

        let chunks: Vec<Vec<_>> = writes.chunks(BATCH_WRITE).map(<[_]>::to_vec).collect();
        stream::iter(chunks).map(Ok).try_for_each_concurrent(BATCHES_AT_ONCE, |chunk| self.write_batch(chunk)).await?;
        Ok(())
    }

    async fn write_batch(&self, mut batch: Vec<WriteRequest>) -> Result<(), StoreError> {
        let mut pause = Pause::default();
        loop {
            let answer = self.client.batch_write_item().request_items(&self.table, batch).send().await;
            batch = answer
                .map_err(StoreError::from_sdk)?
                .unprocessed_items
                .and_then(|mut tables| tables.remove(&self.table))
                .unwrap_or_default();
            if batch.is_empty() {
                return Ok(());
            }
            pause.wait().await;
        }
    }
}

/// The growing pause before unprocessed parts of a batch are requested again.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(Duration::from_millis(20))
    }
}

impl Pause {
    async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Duration::from_secs(2));
    }
}
