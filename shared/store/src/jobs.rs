//! Jobs: put once, claimed by a worker, finished once.

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

/// A job that has not ended after this long is looked at by the sweep: its envelope may be lost.
const OVERDUE: Duration = Duration::from_mins(1);
/// Ended jobs are kept this long.
const KEPT: Duration = Duration::from_hours(7 * 24);

const NOT_ENDED: &str = "attribute_exists(pk) AND (#state.#state = :queued OR #state.#state = :sending)";
const MOVES: &str = "SET #state = :state, updated = :at";
const ENDS: &str = "SET #state = :state, updated = :at REMOVE due_key, due_at";

/// The values of a job's move.
fn moved(job: &Job) -> Result<Item, StoreError> {
    Ok(Item::from([
        (":state".into(), to_value(&keys::job(&job.id), &job.state)?),
        (":queued".into(), string("queued")),
        (":sending".into(), string("sending")),
        (":at".into(), string(job.updated.to_string())),
    ]))
}

/// What came of asking for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is ours to do. Its state says whether an earlier attempt may have reached WeChat.
    Ours(Job),
    /// Nothing to do: it has ended, or is not there.
    Done,
}

impl Store {
    /// Puts a job: `false` when there is one with this id, which then stays as it is.
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

    /// Takes a job that has not ended. One that was taken before comes as uncertain. Only the worker that holds the
    /// shard's lease may ask, one command of an app at a time.
    pub async fn claim_job(&self, app: &AppId, id: &JobId, at: Timestamp) -> Result<Claim, StoreError> {
        let Some(mut job) = self.job(app, id).await? else { return Ok(Claim::Done) };
        if job.state.is_final() {
            return Ok(Claim::Done);
        }
        job.state = JobState::Sending { uncertain: job.state != JobState::Queued };
        job.updated = at;
        if self.move_job(&job, false).await? { Ok(Claim::Ours(job)) } else { Ok(Claim::Done) }
    }

    /// Ends a job: `false` when it had ended.
    pub async fn finish_job(&self, job: &Job, state: JobState, at: Timestamp) -> Result<bool, StoreError> {
        self.move_job(&Job { state, updated: at, ..job.clone() }, true).await
    }

    async fn move_job(&self, job: &Job, ends: bool) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(&job.app), &keys::job(&job.id))))
            .condition_expression(NOT_ENDED)
            .update_expression(if ends { ENDS } else { MOVES })
            .expression_attribute_names("#state", "state")
            .set_expression_attribute_values(Some(moved(job)?));
        applied(update.send().await.map(drop).map_err(StoreError::from_sdk))
    }

    /// [`Self::finish_job`] as a part of a transaction.
    pub(crate) fn ending(&self, job: &Job, state: JobState, at: Timestamp) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(keys::key(&keys::app(&job.app), &keys::job(&job.id))))
            .condition_expression(NOT_ENDED)
            .update_expression(ENDS)
            .expression_attribute_names("#state", "state")
            .set_expression_attribute_values(Some(moved(&Job { state, updated: at, ..job.clone() })?));
        let update = update.build().expect("table, key and update are given");
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Jobs of a shard that should have ended by `now`, as app and id. At most `limit`.
    pub async fn overdue_jobs(&self, shard: u16, now: Timestamp, limit: i32) -> Result<Vec<Due<JobId>>, StoreError> {
        self.due(keys::due_jobs(shard), keys::JOB, |id| JobId::trusted(id), now, Some(limit)).await
    }

    /// Every open job of a shard, as app and id: what a worker looks at when it takes the shard over.
    pub async fn open_jobs(&self, shard: u16) -> Result<Vec<Due<JobId>>, StoreError> {
        self.due(keys::due_jobs(shard), keys::JOB, |id| JobId::trusted(id), Timestamp::MAX, None).await
    }

    /// Moves the time at which an overdue job is looked at again, so that two sweeps do not both send its envelope:
    /// `false` when it has ended or another sweep has moved it.
    pub async fn postpone_job(&self, due: &Due<JobId>, now: Timestamp) -> Result<bool, StoreError> {
        self.move_due(&keys::app(&due.app), &keys::job(&due.id), due.at, now + OVERDUE).await
    }
}
