//! Jobs: work for the worker. Only conditional writes change a job's state, so that a repeated envelope or request has
//! no second effect.
//!
//! ```text
//! queued ─claim─▶ sending ─▶ sent
//!                    │  └──▶ failed
//!                    └ crash: claimed again as `uncertain`, repeated with the same client id
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    channel::MediaKind,
    delivery,
    id::{AppId, JobId, Seq},
    puid::Puid,
};

/// What a job asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Command {
    /// Start a login, or join the one under way.
    Login,
    /// End the session at WeChat and in the ledger.
    Logout,
    /// Send a text message to a chat.
    SendText { to: Puid, text: String },
    /// Send a picture, video or file to a chat.
    SendMedia {
        to: Puid,
        kind: MediaKind,
        source: OutgoingSource,
        /// The name that a file is shown under; by default the last part of its URL.
        name: Option<String>,
    },
    /// Recall a message that the job `sent_by` has sent.
    Recall { to: Puid, message_id: i64, sent_by: JobId },
    /// Accept a friend request: `username` and `ticket` are those of its message.
    AcceptFriend { username: String, ticket: String },
    /// Set the remark name of a friend; an empty one removes it.
    SetRemark { to: Puid, remark: String },
    /// Read all contacts from the channel again.
    Update,
}

/// Where the bytes to send come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutgoingSource {
    /// A URL that the policy for callbacks allows.
    Url(String),
    /// Bytes that the caller has uploaded under this name.
    Upload(String),
}

impl Command {
    /// Whether it sends a message.
    pub fn sends(&self) -> bool {
        matches!(self, Self::SendText { .. } | Self::SendMedia { .. })
    }
}

/// State of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum JobState {
    Queued,
    /// A worker executes it. `uncertain`: an earlier attempt may have reached WeChat, and its response was lost.
    Sending {
        uncertain: bool,
    },
    /// Done. `message_id` is WeChat's number of a sent message.
    Sent {
        message_id: Option<i64>,
    },
    Failed {
        why: String,
    },
}

impl JobState {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending { .. } => "sending",
            Self::Sent { .. } => "sent",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether the state can no longer change.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Failed { .. })
    }
}

/// What a job was created for; log lines about the job name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The callback's response to the delivery of this message.
    Delivery(Seq),
    /// An API request, by its request id.
    Request(String),
}

/// A job as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub app: AppId,
    pub shard: u16,
    pub command: Command,
    pub state: JobState,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// `None` for a job of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

impl Job {
    pub fn queued(id: JobId, app: AppId, shard: u16, command: Command, at: Timestamp) -> Self {
        Self { id, app, shard, command, state: JobState::Queued, created: at, updated: at, origin: None }
    }

    #[must_use]
    pub fn made_for(self, origin: Option<Origin>) -> Self {
        Self { origin, ..self }
    }

    /// The delivery that the job replies to (see [`delivery::id`]).
    pub fn delivery_id(&self) -> Option<String> {
        match self.origin {
            Some(Origin::Delivery(seq)) => Some(delivery::id(&self.app, seq)),
            _ => None,
        }
    }

    /// The API request that created the job.
    pub fn request_id(&self) -> Option<&str> {
        match &self.origin {
            Some(Origin::Request(id)) => Some(id),
            _ => None,
        }
    }
}

/// A job id that derives from `parts`. The same parts give the same id, so that creating the job twice creates one job.
pub fn derived_id(parts: &[&str]) -> JobId {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    JobId::trusted(data_encoding::HEXLOWER.encode(&hash.finalize()[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_depend_on_every_part_and_its_position() {
        assert_eq!(derived_id(&["a", "b"]), derived_id(&["a", "b"]));
        assert_ne!(derived_id(&["a", "b"]), derived_id(&["ab", ""]));
        assert_ne!(derived_id(&["a", "b"]), derived_id(&["b", "a"]));
        assert_eq!(derived_id(&["a"]).len(), 32);
    }

    #[test]
    fn states_and_commands_have_their_stored_names() {
        let states = [
            JobState::Queued,
            JobState::Sending { uncertain: true },
            JobState::Sent { message_id: Some(i64::MAX) },
            JobState::Failed { why: "x".into() },
        ];
        for state in states {
            let json = serde_json::to_value(&state).unwrap();
            assert_eq!(json["state"], state.as_str());
            assert_eq!(serde_json::from_value::<JobState>(json).unwrap(), state);
            assert_eq!(state.is_final(), matches!(state.as_str(), "sent" | "failed"));
        }
        let send = Command::SendText { to: Puid::new("p"), text: "好".into() };
        assert_eq!(serde_json::to_string(&send).unwrap(), r#"{"do":"send_text","to":"p","text":"好"}"#);
        assert_eq!(serde_json::to_string(&Command::Update).unwrap(), r#"{"do":"update"}"#);
    }

    #[test]
    fn a_job_names_its_origin() {
        let job = Job::queued(JobId::trusted("j"), AppId::trusted("a"), 0, Command::Login, Timestamp::UNIX_EPOCH);
        let reply = job.clone().made_for(Some(Origin::Delivery(Seq::new(7))));
        assert_eq!((reply.delivery_id().as_deref(), reply.request_id()), (Some("msg_a_7"), None));
        let requested = job.clone().made_for(Some(Origin::Request("r".into())));
        assert_eq!((requested.delivery_id(), requested.request_id()), (None, Some("r")));
        for job in [job, reply, requested] {
            let json = serde_json::to_value(&job).unwrap();
            assert_eq!(serde_json::from_value::<Job>(json).unwrap(), job);
        }
    }
}
