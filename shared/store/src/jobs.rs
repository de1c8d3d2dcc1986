//! Jobs: written once, claimed by a worker, finished once.

use std::time::Duration;

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use domain::{
    id::{AppId, JobId},
    job::{Job, JobState},
};
use jiff::Timestamp;

use crate::{
    Store, StoreError,
    due::{Due, millis},
    error::applied,
    item::{Item, from_item, number, string, to_item, to_value},
    keys,
};

/// The sweep sends the envelope of a job again after this time, because it may be lost.
const OVERDUE: Duration = Duration::from_mins(1);
/// Jobs are kept this long.
const KEPT: Duration = Duration::from_hours(7 * 24);

const NOT_ENDED: &str = "attribute_exists(pk) AND (#state.#state = :queued OR #state.#state = :sending)";
const CONTINUES: &str = "SET #state = :state, updated = :at";
const ENDS: &str = "SET #state = :state, updated = :at REMOVE due_key, due_at";

/// The values for changing the job's state.
fn state_values(job: &Job) -> Result<Item, StoreError> {
    Ok(Item::from([
        (":state".into(), to_value(&keys::job(&job.id), &job.state)?),
        (":queued".into(), string("queued")),
        (":sending".into(), string("sending")),
        (":at".into(), string(job.updated.to_string())),
    ]))
}

/// Result of claiming a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The caller must execute it. Its state says whether an earlier attempt may have reached WeChat.
    Ours(Job),
    /// Nothing to do: the job has ended or does not exist.
    Done,
}

impl Store {
    /// Writes a new job. `false` if a job with this id exists, which stays unchanged.
    pub async fn put_job(&self, job: &Job) -> Result<bool, StoreError> {
        let mut item = to_item(&keys::app(&job.app), &keys::job(&job.id), job)?;
        item.insert(keys::DUE_KEY.into(), string(keys::due_jobs(job.shard)));
        item.insert(keys::DUE_AT.into(), number(millis(job.created + OVERDUE)));
        item.insert(keys::EXPIRES.into(), number((job.created + KEPT).as_second()));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        applied(put.send().await.map(drop).map_err(StoreError::from_sdk))
    }

    pub async fn job(&self, app: &AppId, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.get(&keys::app(app), &keys::job(id)).await?.map(from_item).transpose()
    }

    /// Claims a job that has not ended. A job that was claimed before becomes uncertain. Only the owner of the shard's
    /// lease may call this, for one job of an app at a time.
    pub async fn claim_job(&self, app: &AppId, id: &JobId, at: Timestamp) -> Result<Claim, StoreError> {
        let Some(mut job) = self.job(app, id).await? else { return Ok(Claim::Done) };
        if job.state.is_final() {
            return Ok(Claim::Done);
        }
        job.state = JobState::Sending { uncertain: job.state != JobState::Queued };
        job.updated = at;
        if self.change_state(&job, false).await? { Ok(Claim::Ours(job)) } else { Ok(Claim::Done) }
    }

    /// Ends a job. `false` if it had ended before.
    pub async fn finish_job(&self, job: &Job, state: JobState, at: Timestamp) -> Result<bool, StoreError> {
        self.change_state(&Job { state, updated: at, ..job.clone() }, true).await
    }

    async fn change_state(&self, job: &Job, ends: bool) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(&job.app), &keys::job(&job.id))))
            .condition_expression(NOT_ENDED)
            .update_expression(if ends { ENDS } else { CONTINUES })
            .expression_attribute_names("#state", "state")
            .set_expression_attribute_values(Some(state_values(job)?));
        applied(update.send().await.map(drop).map_err(StoreError::from_sdk))
    }

    /// [`Self::finish_job`] as a part of a transaction.
    pub(crate) fn finish_write(
        &self,
        job: &Job,
        state: JobState,
        at: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(&job.app), &keys::job(&job.id))))
            .condition_expression(NOT_ENDED)
            .update_expression(ENDS)
            .expression_attribute_names("#state", "state")
            .set_expression_attribute_values(Some(state_values(&Job { state, updated: at, ..job.clone() })?));
        let update = update.build().expect("table, key and update are given");
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Jobs of a shard that should have ended by `now`. At most `limit`.
    pub async fn overdue_jobs(&self, shard: u16, now: Timestamp, limit: i32) -> Result<Vec<Due<JobId>>, StoreError> {
        self.due(keys::due_jobs(shard), keys::JOB, |id| JobId::trusted(id), now, Some(limit)).await
    }

    /// All jobs of a shard that have not ended. A worker reads them when it acquires the shard's lease.
    pub async fn open_jobs(&self, shard: u16) -> Result<Vec<Due<JobId>>, StoreError> {
        self.due(keys::due_jobs(shard), keys::JOB, |id| JobId::trusted(id), Timestamp::MAX, None).await
    }

    /// Makes an overdue job due again later, so that only one sweep sends its envelope. `false` if it has ended, or
    /// another sweep has moved it.
    pub async fn postpone_job(&self, due: &Due<JobId>, now: Timestamp) -> Result<bool, StoreError> {
        self.move_due(&keys::app(&due.app), &keys::job(&due.id), due.at, now + OVERDUE).await
    }
}
