//! Jobs for the worker: a row in the ledger, then an envelope in the command queue. And what a request must find before it
//! creates one.

use domain::{
    app::App,
    contact::Contact,
    id::{AppId, JobId},
    job::{Command, Job, JobState, Origin},
    puid::Puid,
    session::SessionState,
};
use queue::CommandEnvelope;

use crate::api::{error::ApiError, polling::Polling, state::AppState};

impl AppState {
    /// Creates the job, or finds the one with its id, and sends its envelope unless the job has ended. Repeating it is
    /// safe: queue and worker recognise a job by its id.
    pub(crate) async fn enqueue(&self, app: &App, id: JobId, command: Command) -> Result<Job, ApiError> {
        let store = &self.relay.store;
        let origin = self.request.as_ref().map(|id| Origin::Request(id.as_str().to_owned()));
        let mut job = Job::queued(id, app.id.clone(), app.shard, command, self.relay.now()).made_for(origin);
        if store.put_job(&job).await? {
            tracing::info!(request.id = job.request_id(), job.id = %job.id, "job queued");
        } else {
            job = self.job(&app.id, &job.id).await?;
        }
        if !job.state.is_final() {
            let envelope = CommandEnvelope { app: app.id.clone(), job: job.id.clone() };
            self.relay.queues.command(app.shard, &envelope).await?;
        }
        Ok(job)
    }

    /// Creates the job, or joins the one with this id; one that has failed is tried again as another job.
    pub(crate) async fn enqueue_once(&self, app: &App, id: JobId, command: Command) -> Result<Job, ApiError> {
        let known = self.relay.store.job(&app.id, &id).await?;
        let failed = known.is_some_and(|job| matches!(job.state, JobState::Failed { .. }));
        let id = if failed { JobId::generate(&*self.relay.ids) } else { id };
        self.enqueue(app, id, command).await
    }

    /// The contact, unless it is gone.
    pub(crate) async fn contact(&self, app: &AppId, puid: &Puid) -> Result<Contact, ApiError> {
        let contact = self.relay.store.contact(app, puid).await?;
        contact.filter(|contact| contact.present).ok_or(ApiError::NotFound("contact"))
    }

    /// Fails unless the app is online.
    pub(crate) async fn check_online(&self, app: &AppId) -> Result<(), ApiError> {
        let session = self.relay.store.session(app).await?;
        let online = session.is_some_and(|session| session.state == SessionState::Online);
        if online { Ok(()) } else { Err(ApiError::SessionOffline) }
    }

    pub(crate) async fn job(&self, app: &AppId, id: &JobId) -> Result<Job, ApiError> {
        self.relay.store.job(app, id).await?.ok_or(ApiError::NotFound("job"))
    }

    /// The job once it has ended, or at the deadline.
    pub(crate) async fn wait_for(&self, mut job: Job, polling: &Polling) -> Result<Job, ApiError> {
        while !job.state.is_final() && polling.next().await {
            job = self.job(&job.app, &job.id).await?;
        }
        Ok(job)
    }
}

/// WeChat's id of the sent message, or why the job failed.
pub(crate) fn outcome(state: &JobState) -> (Option<i64>, Option<&str>) {
    match state {
        JobState::Sent { message_id } => (*message_id, None),
        JobState::Failed { why } => (None, Some(why)),
        JobState::Queued | JobState::Sending { .. } => (None, None),
    }
}
