//! Faults that a test injects: which requests fail, how, and how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spec::Uin;

/// A fault for the next requests of an endpoint. Only `endpoint` is required. Several effects can be
/// combined; the delay comes first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// The last segment of the path (`webwxsync`, `jslogin`), or `*` for all of WeChat's endpoints.
    pub endpoint: String,
    /// How many requests the fault affects. 0 affects all requests until the faults are cleared.
    pub times: u32,
    /// How many matching requests pass before the fault starts.
    pub after: u32,
    /// Affects only requests of this account.
    pub uin: Option<Uin>,
    /// Delay in milliseconds, before any other effect.
    pub delay_ms: u64,
    /// Returns this HTTP status, with `body`, and does not process the request.
    pub status: Option<u16>,
    /// Returns this body and does not process the request.
    pub body: Option<String>,
    /// Returns this error code the way WeChat does, and does not process the request: `Ret` in JSON,
    /// `retcode` in synccheck. 1205 means too frequent; 1100, 1101 and 1102 mean logged out.
    pub ret: Option<i32>,
    /// Closes the connection without a response and does not process the request.
    pub drop: bool,
    /// Processes the request, then closes the connection without a response.
    pub drop_answer: bool,
    /// Sends this many bytes of the response's body, then breaks the connection.
    pub cut_after: Option<usize>,
    /// Sends this many bytes of the response's body, then nothing more, but keeps the connection open.
    pub stall_after: Option<usize>,
    /// Sends the response's body at this many bytes a second.
    pub bytes_per_s: Option<u32>,
}

impl Fault {
    pub fn on(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), times: 1, ..Self::default() }
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.after = requests;
        self
    }

    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self
    }

    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    #[must_use]
    pub fn ret(mut self, ret: i32) -> Self {
        self.ret = Some(ret);
        self
    }

    #[must_use]
    pub fn drop_connection(mut self) -> Self {
        self.drop = true;
        self
    }

    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }

    #[must_use]
    pub fn stall_after(mut self, bytes: usize) -> Self {
        self.stall_after = Some(bytes);
        self
    }

    #[must_use]
    pub fn bytes_per_s(mut self, bytes: u32) -> Self {
        self.bytes_per_s = Some(bytes);
        self
    }

    #[must_use]
    pub fn drop_answer(mut self) -> Self {
        self.drop_answer = true;
        self
    }
}

/// A fault and the number of requests that it has matched.
#[derive(Debug)]
pub(crate) struct ActiveFault {
    pub(crate) fault: Fault,
    matched: u32,
}

impl ActiveFault {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, matched: 0 }
    }

    /// Counts a request that the fault applies to. Returns whether the fault affects it.
    pub(crate) fn matches(&mut self, endpoint: &str, uin: Option<Uin>) -> bool {
        let fault = &self.fault;
        if (fault.endpoint != "*" && fault.endpoint != endpoint) || (fault.uin.is_some() && fault.uin != uin) {
            return false;
        }
        self.matched = self.matched.saturating_add(1);
        self.matched > fault.after && (fault.times == 0 || self.matched - fault.after <= fault.times)
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.fault.times != 0 && self.matched >= self.fault.after.saturating_add(self.fault.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_affects_the_configured_number_of_requests() {
        let mut fault = ActiveFault::new(Fault::on("webwxsync").after(1).times(2));
        let hits: Vec<bool> = (0..5).map(|_| fault.matches("webwxsync", None)).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(!fault.matches("synccheck", None));
        assert!(fault.is_exhausted());
    }
}
