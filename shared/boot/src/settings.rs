//! Settings from the environment.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `TABLE_NAME` | the ledger's table | required |
//! | `INBOUND_QUEUE_URL` | the inbound queue | required |
//! | `COMMAND_QUEUE_URLS` | the command queue of each shard, in order, separated by commas | required |
//! | `MEDIA_BUCKET` | the bucket of media | required |
//! | `SEALING_KEY` | the sealing key as 64 hex digits | required |
//! | `TIME_ZONE` | IANA name of the time zone of local times | `Asia/Shanghai` |

use std::error::Error;

use jiff::tz::TimeZone;

/// A variable of the environment is missing or malformed. The text does not contain its value: that may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {why}")]
pub struct SettingError {
    name: &'static str,
    why: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SettingError {
    pub fn new(name: &'static str, why: impl Into<String>) -> Self {
        Self { name, why: why.into(), source: None }
    }

    /// An error with the reason why the value cannot be used.
    pub fn caused(name: &'static str, why: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(cause.into()), ..Self::new(name, why) }
    }
}

/// Settings of a deployment.
#[derive(Clone)]
pub struct Settings {
    pub table: String,
    pub inbound_queue: String,
    pub command_queues: Vec<String>,
    pub media_bucket: String,
    pub sealing_key: [u8; 32],
    pub zone: TimeZone,
}

/// The value of an optional variable. An empty value counts as none.
#[expect(clippy::disallowed_methods, reason = "the only place that reads the environment")]
pub fn optional(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

impl Settings {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, SettingError> {
        Self::read(optional)
    }

    /// The settings as variables, for another process of the same deployment.
    pub fn variables(&self) -> [(&'static str, String); 6] {
        [
            ("TABLE_NAME", self.table.clone()),
            ("INBOUND_QUEUE_URL", self.inbound_queue.clone()),
            ("COMMAND_QUEUE_URLS", self.command_queues.join(",")),
            ("MEDIA_BUCKET", self.media_bucket.clone()),
            ("SEALING_KEY", data_encoding::HEXLOWER.encode(&self.sealing_key)),
            ("TIME_ZONE", self.zone.iana_name().unwrap_or("UTC").to_owned()),
        ]
    }

    /// Reads settings; `variable` returns the value of a variable.
    fn read(variable: impl Fn(&'static str) -> Option<String>) -> Result<Self, SettingError> {
        let required = |name| variable(name).ok_or_else(|| SettingError::new(name, "is not set"));
        let key = data_encoding::HEXLOWER_PERMISSIVE.decode(required("SEALING_KEY")?.trim().as_bytes());
        let sealing_key = key.ok().and_then(|key| key.try_into().ok());
        let command_queues: Vec<String> =
            required("COMMAND_QUEUE_URLS")?.split(',').map(|url| url.trim().to_owned()).collect();
        if command_queues.iter().any(String::is_empty) {
            return Err(SettingError::new("COMMAND_QUEUE_URLS", "must be URLs separated by commas"));
        }
        Ok(Self {
            table: required("TABLE_NAME")?,
            inbound_queue: required("INBOUND_QUEUE_URL")?,
            command_queues,
            media_bucket: required("MEDIA_BUCKET")?,
            sealing_key: sealing_key.ok_or_else(|| SettingError::new("SEALING_KEY", "must be 64 hex digits"))?,
            zone: Self::zone(variable("TIME_ZONE").as_deref().unwrap_or("Asia/Shanghai"))?,
        })
    }

    /// The time zone with an IANA name.
    pub fn zone(name: &str) -> Result<TimeZone, SettingError> {
        TimeZone::get(name).map_err(|error| SettingError::caused("TIME_ZONE", "is not the name of a time zone", error))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(changes: &[(&'static str, Option<&str>)]) -> Result<Settings, String> {
        let key = "0f".repeat(32);
        let mut all = HashMap::from([
            ("TABLE_NAME", "relay"),
            ("INBOUND_QUEUE_URL", "http://q/in.fifo"),
            ("COMMAND_QUEUE_URLS", "http://q/0.fifo, http://q/1.fifo"),
            ("MEDIA_BUCKET", "media"),
            ("SEALING_KEY", &key),
        ]);
        for (name, value) in changes {
            match value {
                Some(value) => all.insert(name, value),
                None => all.remove(name),
            };
        }
        Settings::read(|name| all.get(name).map(|value| (*value).to_owned())).map_err(|error| error.to_string())
    }

    fn refused(name: &'static str, value: Option<&str>) -> String {
        read(&[(name, value)]).err().expect("it is refused")
    }

    #[test]
    fn settings_are_read_with_their_defaults() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.table, "relay");
        assert_eq!(settings.inbound_queue, "http://q/in.fifo");
        assert_eq!(settings.command_queues, ["http://q/0.fifo", "http://q/1.fifo"]);
        assert_eq!(settings.sealing_key, [15; 32]);
        assert_eq!(settings.zone.iana_name(), Some("Asia/Shanghai"));
        let elsewhere = read(&[("TIME_ZONE", Some("Europe/Berlin"))]).unwrap();
        assert_eq!(elsewhere.zone.iana_name(), Some("Europe/Berlin"));
    }

    #[test]
    fn settings_round_trip_through_variables() {
        let variables = HashMap::from(read(&[("TIME_ZONE", Some("Europe/Berlin"))]).unwrap().variables());
        let again = Settings::read(|name| variables.get(name).cloned()).unwrap().variables();
        assert_eq!(HashMap::from(again), variables);
        assert_eq!(variables["COMMAND_QUEUE_URLS"], "http://q/0.fifo,http://q/1.fifo");
        assert_eq!(variables["TIME_ZONE"], "Europe/Berlin");
    }

    #[test]
    fn a_missing_variable_is_named() {
        for name in ["TABLE_NAME", "INBOUND_QUEUE_URL", "COMMAND_QUEUE_URLS", "MEDIA_BUCKET", "SEALING_KEY"] {
            assert_eq!(refused(name, None), format!("{name}: is not set"));
        }
    }

    #[test]
    fn a_malformed_variable_is_named_and_its_value_is_not_shown() {
        assert_eq!(refused("SEALING_KEY", Some("0f0f")), "SEALING_KEY: must be 64 hex digits");
        assert_eq!(refused("SEALING_KEY", Some(&"xy".repeat(32))), "SEALING_KEY: must be 64 hex digits");
        let why = "COMMAND_QUEUE_URLS: must be URLs separated by commas";
        assert_eq!(refused("COMMAND_QUEUE_URLS", Some("http://q/0.fifo,,")), why);
        assert!(refused("TIME_ZONE", Some("Mars/Olympus")).starts_with("TIME_ZONE: "));
    }
}
