//! Leases of shards. The owner increments the heartbeat. Another worker acquires the lease if it was released, or if the
//! heartbeat did not change for long enough on that worker's own clock. So clocks of two machines are never compared.

use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    item::{from_item, number, string, to_item},
    keys,
};

/// The right to serve a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub shard: u16,
    /// Name of the worker; `None` after a release.
    pub owner: Option<String>,
    /// Grows by one with each acquisition.
    pub epoch: u64,
    /// Grows by one with each heartbeat of the owner.
    #[serde(rename = "beat")]
    pub heartbeat: u64,
}

impl Store {
    /// `None` if the lease was never acquired.
    pub async fn lease(&self, shard: u16) -> Result<Option<Lease>, StoreError> {
        self.get(&keys::shard(shard), keys::LEASE).await?.map(from_item).transpose()
    }

    /// Acquires the lease. `seen` is its last known state; [`StoreError::Conflict`] if that has changed.
    pub async fn acquire_lease(&self, shard: u16, owner: &str, seen: Option<&Lease>) -> Result<Lease, StoreError> {
        let epoch = seen.map_or(0, |lease| lease.epoch) + 1;
        let lease = Lease { shard, owner: Some(owner.to_owned()), epoch, heartbeat: 0 };
        let put = self.client.put_item().table_name(&self.table).set_item(Some(to_item(
            &keys::shard(shard),
            keys::LEASE,
            &lease,
        )?));
        let put = match seen {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => put
                .condition_expression("epoch = :epoch AND beat = :beat")
                .expression_attribute_values(":epoch", number(seen.epoch))
                .expression_attribute_values(":beat", number(seen.heartbeat)),
        };
        match put.send().await.map_err(StoreError::from_sdk) {
            Ok(_) => Ok(lease),
            // The SDK repeats a put whose response was lost, and the second one finds the first.
            Err(StoreError::Conflict) if self.lease(shard).await?.as_ref() == Some(&lease) => Ok(lease),
            Err(error) => Err(error),
        }
    }

    /// Increments the heartbeat. [`StoreError::Conflict`] if the lease has another owner.
    pub async fn write_heartbeat(&self, lease: &mut Lease) -> Result<(), StoreError> {
        self.change_lease(lease, "SET beat = beat + :one").await?;
        lease.heartbeat += 1;
        Ok(())
    }

    /// Releases the lease, so that another worker need not wait. [`StoreError::Conflict`] if it has another owner.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        self.change_lease(lease, "SET beat = beat + :one REMOVE #owner").await
    }

    async fn change_lease(&self, lease: &Lease, change: &str) -> Result<(), StoreError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::shard(lease.shard), keys::LEASE)))
            .condition_expression("#owner = :owner AND epoch = :epoch")
            .update_expression(change)
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", string(lease.owner.clone().unwrap_or_default()))
            .expression_attribute_values(":epoch", number(lease.epoch))
            .expression_attribute_values(":one", number(1))
            .send()
            .await
            .map_err(StoreError::from_sdk)?;
        Ok(())
    }
}
