//! What the worker is asked to do. A job is moved by conditional writes only, so that a repeated envelope or a retried
//! request does nothing twice.
//!
//! ```text
//! queued ─claim─▶ sending ─▶ sent
//!                    │  └──▶ failed
//!                    └ crash: claimed again, `uncertain`, repeated with the same client id
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    delivery,
    id::{AppId, JobId, Seq},
    puid::Puid,
};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Command {
    /// Begin (or join) a login.
    Login,
    /// End the session at WeChat and here.
    Logout,
    /// Send text into a chat.
    SendText { to: Puid, text: String },
}

/// How far it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum JobState {
    Queued,
    /// A worker has it. `uncertain` once an earlier attempt may have reached WeChat without an answer.
    Sending {
        uncertain: bool,
    },
    /// Done; for a message, with WeChat's number for it.
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

    /// Whether nothing more will happen.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Failed { .. })
    }
}

/// What a job was made for, so that its log lines can name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A callback's answer to the message with this number in the app's log.
    Delivery(Seq),
    /// A request to the API, by its id.
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
    /// Unknown for a job of before there were origins.
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

    /// The message that it answers (see [`delivery::id`]).
    pub fn delivery_id(&self) -> Option<String> {
        match self.origin {
            Some(Origin::Delivery(seq)) => Some(delivery::id(&self.app, seq)),
            _ => None,
        }
    }

    /// The request that asked for it.
    pub fn request_id(&self) -> Option<&str> {
        match &self.origin {
            Some(Origin::Request(id)) => Some(id),
            _ => None,
        }
    }
}

/// The id of a job that something else determines: the same parts give the same id, so that making it twice makes one.
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
    fn derived_ids_depend_on_every_part_and_its_place() {
        assert_eq!(derived_id(&["a", "b"]), derived_id(&["a", "b"]));
        assert_ne!(derived_id(&["a", "b"]), derived_id(&["ab", ""]));
        assert_ne!(derived_id(&["a", "b"]), derived_id(&["b", "a"]));
        assert_eq!(derived_id(&["a"]).len(), 32);
    }

    #[test]
    fn states_and_commands_are_written_as_they_are_named() {
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
    }

    #[test]
    fn a_job_names_what_it_was_made_for() {
        let job = Job::queued(JobId::trusted("j"), AppId::trusted("a"), 0, Command::Login, Timestamp::UNIX_EPOCH);
        let reply = job.clone().made_for(Some(Origin::Delivery(Seq::new(7))));
        assert_eq!((reply.delivery_id().as_deref(), reply.request_id()), (Some("msg_a_7"), None));
        let asked = job.clone().made_for(Some(Origin::Request("r".into())));
        assert_eq!((asked.delivery_id(), asked.request_id()), (None, Some("r")));
        for job in [job, reply, asked] {
            let json = serde_json::to_value(&job).unwrap();
            assert_eq!(serde_json::from_value::<Job>(json).unwrap(), job);
        }
    }
}
