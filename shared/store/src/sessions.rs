//! Sessions. Only the owner of the shard's lease writes them; the epoch fences out former owners.

use domain::{id::AppId, session::Session};

use crate::{
    Lease, Store, StoreError,
    item::{from_item, number, to_item},
    keys,
};

impl Store {
    /// `None` before the app's first login.
    pub async fn session(&self, app: &AppId) -> Result<Option<Session>, StoreError> {
        self.get(&keys::app(app), keys::SESSION).await?.map(from_item).transpose()
    }

    /// Writes the session. [`StoreError::Conflict`] if a worker with a newer lease has written it.
    pub async fn put_session(&self, app: &AppId, session: &Session, lease: &Lease) -> Result<(), StoreError> {
        let mut item = to_item(&keys::app(app), keys::SESSION, session)?;
        item.insert("epoch".into(), number(lease.epoch));
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(epoch) OR epoch <= :epoch")
            .expression_attribute_values(":epoch", number(lease.epoch))
            .send()
            .await
            .map_err(StoreError::from_sdk)?;
        Ok(())
    }
}
