//! The row `BOOK`: the version of the contact book, and the parts of its lists.
//!
//! The rows of contacts and of members are the truth. Lists, name table and departed keys are derived from them, so that a
//! page or a change need not read them all. A writer marks `BOOK` before it changes anything and completes it afterwards.
//! After a crash in between, or a change by an earlier version, the book is not [`current`](Book::is_current): the next
//! writer derives everything anew, and until then readers see the lists as they were.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{departed::DepartedKeys, id::AppId};

use super::Lists;
use crate::{
    Store, StoreError,
    item::{Item, number, number_of},
    keys,
};

/// The state of a contact book.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// Changes with every change of a contact, so that readers can cache.
    pub version: u64,
    /// `None` if the lists were never written, or an earlier version has changed contacts without them.
    pub lists: Option<Lists>,
    /// Whether a change has begun and was not completed.
    unfinished: bool,
}

impl Book {
    pub(crate) fn read(item: Option<&Item>) -> Result<Self, StoreError> {
        let Some(item) = item else { return Ok(Self::default()) };
        let version = number_of(item, "version").unwrap_or(0);
        let lists = item.get("lists").and_then(|lists| lists.as_b().ok());
        let lists = lists.filter(|_| number_of(item, "listed") == Some(version));
        let lists = lists.map(|lists| Lists::unpack(lists.as_ref())).transpose()?;
        Ok(Self { version, lists, unfinished: item.contains_key("unfinished") })
    }

    /// Whether lists, name table and departed keys agree with the contacts.
    pub fn is_current(&self) -> bool {
        self.lists.is_some() && !self.unfinished
    }
}

impl Store {
    pub async fn book(&self, app: &AppId) -> Result<Book, StoreError> {
        Book::read(self.get(&keys::app(app), keys::BOOK).await?.as_ref())
    }

    /// Marks the book before its rows change. [`StoreError::Conflict`] if another writer has changed it since `book` was
    /// read.
    pub async fn begin_book(&self, app: &AppId, book: &Book) -> Result<(), StoreError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(app), keys::BOOK)))
            .update_expression("SET unfinished = :unfinished")
            .condition_expression("version = :version OR (attribute_not_exists(version) AND :version = :none)")
            .expression_attribute_values(":unfinished", AttributeValue::Bool(true))
            .expression_attribute_values(":version", number(book.version))
            .expression_attribute_values(":none", number(0))
            .send()
            .await
            .map_err(StoreError::from_sdk)?;
        Ok(())
    }

    /// Completes a change: `book` with these lists becomes valid as the next version, which is returned.
    /// [`StoreError::Conflict`] as [`Self::begin_book`].
    pub async fn finish_book(&self, app: &AppId, book: &Book, lists: Lists) -> Result<Book, StoreError> {
        let packed = lists.pack()?;
        let next = Book { version: book.version + 1, lists: Some(lists), unfinished: false };
        let mut item = keys::key(&keys::app(app), keys::BOOK);
        item.insert("version".into(), number(next.version));
        item.insert("listed".into(), number(next.version));
        item.insert("lists".into(), AttributeValue::B(Blob::new(packed)));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("version = :version OR (attribute_not_exists(version) AND :version = :none)")
            .expression_attribute_values(":version", number(book.version))
            .expression_attribute_values(":none", number(0));
        match put.send().await.map_err(StoreError::from_sdk) {
            Ok(_) => Ok(next),
            // The response to an earlier attempt may be lost.
            Err(StoreError::Conflict) if self.book(app).await? == next => Ok(next),
            Err(error) => Err(error),
        }
    }

    /// The keys of departed contacts.
    pub async fn departed(&self, app: &AppId) -> Result<DepartedKeys, StoreError> {
        let row = self.get(&keys::app(app), keys::DEPARTED).await?;
        let keys = row.as_ref().and_then(|row| row.get("keys")?.as_b().ok());
        Ok(keys.map(|keys| DepartedKeys::from_bytes(keys.as_ref())).unwrap_or_default())
    }

    pub async fn put_departed(&self, app: &AppId, departed: &DepartedKeys) -> Result<(), StoreError> {
        let mut item = keys::key(&keys::app(app), keys::DEPARTED);
        item.insert("keys".into(), AttributeValue::B(Blob::new(departed.to_bytes())));
        self.put_all(vec![item]).await
    }
}
