//! Faults by endpoint: what goes wrong, how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spec::Uin;

/// Something that goes wrong with the next requests of an endpoint. Every field but `endpoint` may
/// be left out; several together happen together, the delay first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// The last part of the path (`webwxsync`, `jslogin`), or `*` for all of WeChat's.
    pub endpoint: String,
    /// How many requests; 0 means every one until faults are cleared.
    pub times: u32,
    /// Requests that pass first.
    pub after: u32,
    /// Only this account's requests.
    pub uin: Option<Uin>,
    /// Waits before anything else.
    pub delay_ms: u64,
    /// Answers with this status, and `body`, instead of doing anything.
    pub status: Option<u16>,
    /// Answers with this body instead of doing anything.
    pub body: Option<String>,
    /// Answers as WeChat refuses: `Ret` in JSON, `retcode` in synccheck, without doing anything.
    /// 1205 is "too often"; 1100, 1101, 1102 are "logged out".
    pub ret: Option<i32>,
    /// Closes the connection without an answer, before the request is looked at.
    pub drop: bool,
    /// Does what was asked, then closes the connection without an answer.
    pub drop_answer: bool,
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
    pub fn drop_answer(mut self) -> Self {
        self.drop_answer = true;
        self
    }
}

/// A fault and how often it has met its endpoint.
#[derive(Debug)]
pub(crate) struct ActiveFault {
    pub(crate) fault: Fault,
    matched: u32,
}

impl ActiveFault {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, matched: 0 }
    }

    /// Whether this request is hit; counts it.
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
    fn a_fault_hits_as_often_as_it_says() {
        let mut fault = ActiveFault::new(Fault::on("webwxsync").after(1).times(2));
        let hits: Vec<bool> = (0..5).map(|_| fault.matches("webwxsync", None)).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(!fault.matches("synccheck", None));
        assert!(fault.is_exhausted());
    }
}
