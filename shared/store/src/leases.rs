//! Who serves a shard. A worker that holds the lease raises its beat; another takes it over when it was given back, or
//! when the beat stood still for long enough on the other's own clock. Clocks of two machines are never compared.

use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    item::{from_item, number, string, to_item},
    keys,
};

/// A shard's lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub shard: u16,
    /// The worker's own name; `None` once given back.
    pub owner: Option<String>,
    /// Raised by one whenever the owner changes.
    pub epoch: u64,
    /// Raised by one at every sign of life.
    #[serde(rename = "beat")]
    pub heartbeat: u64,
}

impl Store {
    /// The lease as it stands; `None` before the first.
    pub async fn lease(&self, shard: u16) -> Result<Option<Lease>, StoreError> {
        self.get(&keys::shard(shard), keys::LEASE).await?.map(from_item).transpose()
    }

    /// Takes the lease, `seen` being what was there: [`StoreError::Conflict`] when that has changed since.
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
            // A put whose answer was lost is sent again, and then finds itself there.
            Err(StoreError::Conflict) if self.lease(shard).await?.as_ref() == Some(&lease) => Ok(lease),
            Err(error) => Err(error),
        }
    }

    /// Raises the beat: [`StoreError::Conflict`] when the lease is somebody else's by now.
    pub async fn write_heartbeat(&self, lease: &mut Lease) -> Result<(), StoreError> {
        self.change_lease(lease, "SET beat = beat + :one").await?;
        lease.heartbeat += 1;
        Ok(())
    }

    /// Gives the lease back, so that another worker need not wait: [`StoreError::Conflict`] when it was lost already.
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
