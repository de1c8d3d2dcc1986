//! How many read and write units the code under test uses.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef},
    },
    error::BoxError,
    operation::{
        batch_get_item::{BatchGetItemInput, BatchGetItemOutput},
        batch_write_item::BatchWriteItemInput,
        get_item::GetItemOutput,
        put_item::PutItemInput,
        query::QueryOutput,
        update_item::UpdateItemInput,
    },
};

use crate::item_size::{Item, item_size};

/// Units that `DynamoDB` bills: a read unit for each started 4 KB of an item that is read consistently, a write unit for each
/// started kilobyte of one that is written. Rows that a query reads count together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    pub read: usize,
    pub written: usize,
    /// Requests that read.
    pub reads: usize,
}

/// Counts the units of the relay of [`Fixture::metered`](crate::Fixture::metered). A clone is the same meter. An update
/// counts as one unit, whatever the size of its row; transactions and deletions do not count.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Units>>);

impl Meter {
    /// The units since this was last called.
    pub fn take(&self) -> Units {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (input, mut units) = (context.input(), self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(put) = input.downcast_ref::<PutItemInput>() {
            units.written += put.item().map_or(0, write_units);
        } else if let Some(batch) = input.downcast_ref::<BatchWriteItemInput>() {
            let writes = batch.request_items().into_iter().flat_map(HashMap::values).flatten();
            let puts = writes.filter_map(|write| write.put_request());
            units.written += puts.map(|put| write_units(put.item())).sum::<usize>();
        } else if input.downcast_ref::<UpdateItemInput>().is_some() {
            units.written += 1;
        } else if let Some(batch) = input.downcast_ref::<BatchGetItemInput>() {
            // A row that does not exist takes a unit as well.
            let tables = batch.request_items().into_iter().flat_map(HashMap::values);
            units.read += tables.map(|table| table.keys().len()).sum::<usize>();
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Ok(output)) = context.output_or_error() else { return Ok(()) };
        let mut units = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = if let Some(found) = output.downcast_ref::<GetItemOutput>() {
            found.item().map_or(1, read_units)
        } else if let Some(found) = output.downcast_ref::<QueryOutput>() {
            found.items().iter().map(item_size).sum::<usize>().div_ceil(4096).max(1)
        } else if let Some(found) = output.downcast_ref::<BatchGetItemOutput>() {
            let items = found.responses().into_iter().flat_map(HashMap::values).flatten();
            items.map(|item| read_units(item) - 1).sum()
        } else {
            return Ok(());
        };
        units.read += read;
        units.reads += 1;
        Ok(())
    }
}

fn read_units(item: &Item) -> usize {
    item_size(item).div_ceil(4096)
}

fn write_units(item: &Item) -> usize {
    item_size(item).div_ceil(1024)
}
