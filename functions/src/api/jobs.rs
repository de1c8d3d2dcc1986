//! Asking the worker for something: a job in the ledger, then its envelope in the queue.

use domain::{
    app::App,
    id::{AppId, JobId},
    job::{Command, Job, JobState, Origin},
};
use queue::CommandEnvelope;

use crate::api::{error::ApiError, state::AppState, wait::Wait};

impl AppState {
    /// Puts the job, or finds the one that has its id, and sends its envelope unless it has ended. Once more is
    /// harmless: the queue and the worker know a job by its id.
    pub(crate) async fn ask(&self, app: &App, id: JobId, command: Command) -> Result<Job, ApiError> {
        let store = &self.relay.store;
        let origin = self.request.as_ref().map(|id| Origin::Request(id.as_str().to_owned()));
        let mut job = Job::queued(id, app.id.clone(), app.shard, command, self.relay.now()).made_for(origin);
        if store.put_job(&job).await? {
            tracing::info!(request.id = job.request_id(), job.id = %job.id, "a job is queued");
        } else {
            job = self.job(&app.id, &job.id).await?;
        }
        if !job.state.is_final() {
            let envelope = CommandEnvelope { app: app.id.clone(), job: job.id.clone() };
            self.relay.queues.command(app.shard, &envelope).await?;
        }
        Ok(job)
    }

    pub(crate) async fn job(&self, app: &AppId, id: &JobId) -> Result<Job, ApiError> {
        self.relay.store.job(app, id).await?.ok_or(ApiError::NotFound("job"))
    }

    /// The job as it is when it has ended, or when the time is over.
    pub(crate) async fn follow(&self, mut job: Job, wait: &Wait) -> Result<Job, ApiError> {
        while !job.state.is_final() && wait.again().await {
            job = self.job(&job.app, &job.id).await?;
        }
        Ok(job)
    }
}

/// What a message became: WeChat's number for it, or why not.
pub(crate) fn result(state: &JobState) -> (Option<i64>, Option<&str>) {
    match state {
        JobState::Sent { message_id } => (*message_id, None),
        JobState::Failed { why } => (None, Some(why)),
        JobState::Queued | JobState::Sending { .. } => (None, None),
    }
}
