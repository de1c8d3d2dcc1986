//! Settings of the server, at the start and while it runs.

use std::time::Duration;

use serde::Deserialize;

/// How the server behaves towards all clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How long `login` and `synccheck` wait before they report that nothing happened. WeChat waits 25 s.
    pub long_poll: Duration,
    /// Delay of every response of WeChat's endpoints.
    pub latency: Duration,
    /// Contacts per page of webwxgetcontact.
    pub contact_page: usize,
    /// Messages per response of webwxsync. If there are more, `ContinueFlag` is 1.
    pub sync_batch: usize,
    /// The HTTP status of webwxnewloginpage. `None` means 301 after a successful login in desktop mode, and
    /// 200 otherwise. A 301 never has a `Location` header.
    pub login_status: Option<u16>,
    /// How long a sent message can be recalled.
    pub revoke_window: Duration,
    /// Seed of keys and user names. `None` draws a random seed, so that two runs never share a user name.
    pub seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            long_poll: Duration::from_secs(25),
            latency: Duration::ZERO,
            contact_page: 500,
            sync_batch: 50,
            login_status: None,
            revoke_window: Duration::from_mins(2),
            seed: None,
        }
    }
}

/// Changes to the [`Config`] of a running server. Missing fields stay unchanged. This is the body of `POST
/// /_sim/config`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub long_poll_ms: Option<u64>,
    pub latency_ms: Option<u64>,
    pub contact_page: Option<usize>,
    pub sync_batch: Option<usize>,
    pub login_status: Option<u16>,
    pub revoke_window_ms: Option<u64>,
}

impl Settings {
    pub(crate) fn apply(&self, config: &mut Config) {
        if let Some(ms) = self.long_poll_ms {
            config.long_poll = Duration::from_millis(ms);
        }
        if let Some(ms) = self.latency_ms {
            config.latency = Duration::from_millis(ms);
        }
        if let Some(size) = self.contact_page {
            config.contact_page = size.max(1);
        }
        if let Some(size) = self.sync_batch {
            config.sync_batch = size.max(1);
        }
        if let Some(ms) = self.revoke_window_ms {
            config.revoke_window = Duration::from_millis(ms);
        }
        if self.login_status.is_some() {
            config.login_status = self.login_status;
        }
    }
}
