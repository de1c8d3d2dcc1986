//! Configuration from the environment.
//!
//! | variable | what | default |
//! |---|---|---|
//! | `TABLE_NAME` | the ledger's table | required |
//! | `INBOUND_QUEUE_URL` | worker → dispatcher | required |
//! | `COMMAND_QUEUE_URLS` | one queue a shard, in order, separated by commas | required |
//! | `SEALING_KEY` | 64 hex digits, the key that tokens and sessions are sealed with | required |
//! | `TIME_ZONE` | an IANA name, the zone of local times | `Asia/Shanghai` |

use jiff::tz::TimeZone;

/// A variable is missing or malformed.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {why}")]
pub struct SettingError {
    pub name: &'static str,
    pub why: String,
}

/// What the relay must know of its deployment.
#[derive(Clone)]
pub struct Settings {
    pub table: String,
    pub inbound_queue: String,
    pub command_queues: Vec<String>,
    pub sealing_key: [u8; 32],
    pub zone: TimeZone,
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &'static str) -> Result<String, SettingError> {
    std::env::var(name).map_err(|error| SettingError { name, why: error.to_string() })
}

impl Settings {
    pub fn from_env() -> Result<Self, SettingError> {
        let key = data_encoding::HEXLOWER_PERMISSIVE.decode(variable("SEALING_KEY")?.trim().as_bytes());
        let sealing_key = key
            .ok()
            .and_then(|key| key.try_into().ok())
            .ok_or_else(|| SettingError { name: "SEALING_KEY", why: "must be 64 hex digits".to_owned() })?;
        let zone = variable("TIME_ZONE").unwrap_or_else(|_| "Asia/Shanghai".to_owned());
        Ok(Self {
            table: variable("TABLE_NAME")?,
            inbound_queue: variable("INBOUND_QUEUE_URL")?,
            command_queues: variable("COMMAND_QUEUE_URLS")?.split(',').map(|url| url.trim().to_owned()).collect(),
            sealing_key,
            zone: Self::zone(&zone)?,
        })
    }

    /// The zone of an IANA name.
    pub fn zone(name: &str) -> Result<TimeZone, SettingError> {
        TimeZone::get(name).map_err(|error| SettingError { name: "TIME_ZONE", why: error.to_string() })
    }
}

/// The value of an optional variable.
pub fn optional(name: &'static str) -> Option<String> {
    variable(name).ok().filter(|value| !value.is_empty())
}
