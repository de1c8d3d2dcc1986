//! A job, as an answer shows it.

use domain::{id::JobId, job::Job};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::jobs;

/// A job and how far it is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub struct JobRow {
    id: JobId,
    #[schemars(extend("enum" = ["queued", "sending", "sent", "failed"]))]
    status: &'static str,
    /// WeChat's id of the message, once it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id_str: Option<String>,
    /// Why the job failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<&Job> for JobRow {
    fn from(job: &Job) -> Self {
        let (message_id, why) = jobs::outcome(&job.state);
        Self {
            id: job.id.clone(),
            status: job.state.as_str(),
            message_id,
            message_id_str: message_id.map(|id| id.to_string()),
            why: why.map(str::to_owned),
        }
    }
}
