//! The state of the server, behind one lock.

use std::collections::HashMap;

use crate::account::Account;
use crate::clock;
use crate::config::Config;
use crate::fault::ActiveFault;
use crate::inbox::{Entry, Message};
use crate::login::QrCode;
use crate::names::{self, BASE64_URL, Rng};
use crate::record::Violation;
use crate::session::Session;
use crate::spec::Uin;
use crate::upload::{PartialUpload, Upload, UploadPermit};
use crate::wire::response::RET_LOGGED_OUT;

#[derive(Debug)]
pub(crate) struct SimulatorState {
    pub(crate) config: Config,
    pub(crate) accounts: HashMap<Uin, Account>,
    /// By Sid.
    pub(crate) sessions: HashMap<String, Session>,
    /// By uuid.
    pub(crate) qr_codes: HashMap<String, QrCode>,
    /// The uuids in the order in which they were issued.
    pub(crate) uuids: Vec<String>,
    /// The accounts that scan new QR codes automatically, in turn.
    pub(crate) auto_scan: Vec<Uin>,
    pub(crate) auto_scan_next: usize,
    pub(crate) faults: Vec<ActiveFault>,
    pub(crate) violations: Vec<Violation>,
    /// Complete files, by `MediaId`.
    pub(crate) uploads: HashMap<String, Upload>,
    /// Incomplete files, by Sid and `ClientMediaId`.
    pub(crate) partial_uploads: HashMap<(String, String), PartialUpload>,
    pub(crate) upload_permits: Vec<UploadPermit>,
    pub(crate) rng: Rng,
    message_counter: u64,
    /// Set when the simulator stops. Long polls end.
    pub(crate) closed: bool,
}

impl SimulatorState {
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            accounts: HashMap::new(),
            sessions: HashMap::new(),
            qr_codes: HashMap::new(),
            uuids: Vec::new(),
            auto_scan: Vec::new(),
            auto_scan_next: 0,
            faults: Vec::new(),
            violations: Vec::new(),
            uploads: HashMap::new(),
            partial_uploads: HashMap::new(),
            upload_permits: Vec::new(),
            message_counter: seed >> 24,
            rng: Rng::new(seed),
            closed: false,
        }
    }

    pub(crate) fn next_message_id(&mut self) -> u64 {
        self.message_counter = self.message_counter.wrapping_add(1);
        names::message_id(self.message_counter)
    }

    /// A uuid in WeChat's format: ten characters and `==`.
    pub(crate) fn new_uuid(&mut self) -> String {
        format!("{}==", self.rng.text(BASE64_URL, 10))
    }

    pub(crate) fn current_session(&self, uin: Uin) -> Option<&Session> {
        self.sessions.get(self.accounts.get(&uin)?.current_sid.as_deref()?)
    }

    /// Ends the account's web login with this code. Returns whether there was one.
    pub(crate) fn end_session(&mut self, uin: Uin, code: i32) -> bool {
        let Some(account) = self.accounts.get_mut(&uin) else { return false };
        account.poll_wakeup.notify_waiters();
        let Some(session) = account.current_sid.take().and_then(|sid| self.sessions.get_mut(&sid)) else {
            return false;
        };
        session.ended = Some(code);
        session.online = false;
        true
    }

    /// Starts a web login. The previous login ends with 1101.
    pub(crate) fn start_session(&mut self, uin: Uin) -> Session {
        self.end_session(uin, RET_LOGGED_OUT);
        let session = Session::new(uin, clock::unix_seconds(), &mut self.rng);
        if let Some(account) = self.accounts.get_mut(&uin) {
            account.current_sid = Some(session.sid.clone());
            account.logins += 1;
        }
        self.sessions.insert(session.sid.clone(), session.clone());
        session
    }

    pub(crate) fn append(&mut self, uin: Uin, entry: Entry) {
        if let Some(account) = self.accounts.get_mut(&uin) {
            account.inbox.append(entry, clock::unix_micros());
            account.poll_wakeup.notify_waiters();
        }
    }

    pub(crate) fn append_message(&mut self, uin: Uin, message: Message) {
        self.append(uin, Entry::Message(Box::new(message)));
    }
}
