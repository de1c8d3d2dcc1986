//! Everything the server knows, behind one lock.

use std::collections::HashMap;

use crate::account::Account;
use crate::clock;
use crate::config::Config;
use crate::fault::Armed;
use crate::inbox::{Entry, Message};
use crate::login::QrCode;
use crate::names::{self, BASE64_URL, Dice};
use crate::record::Violation;
use crate::session::Session;
use crate::spec::Uin;
use crate::upload::{Permit, Unfinished, Upload};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) accounts: HashMap<Uin, Account>,
    /// By Sid.
    pub(crate) sessions: HashMap<String, Session>,
    /// By uuid.
    pub(crate) qr_codes: HashMap<String, QrCode>,
    /// The uuids in the order they were handed out.
    pub(crate) uuids: Vec<String>,
    /// Who scans new QR codes by themselves, in turn.
    pub(crate) auto_scan: Vec<Uin>,
    pub(crate) auto_scan_next: usize,
    pub(crate) faults: Vec<Armed>,
    pub(crate) violations: Vec<Violation>,
    /// Whole files, by `MediaId`.
    pub(crate) uploads: HashMap<String, Upload>,
    /// Files that are coming, by Sid and `ClientMediaId`.
    pub(crate) unfinished: HashMap<(String, String), Unfinished>,
    pub(crate) permits: Vec<Permit>,
    pub(crate) dice: Dice,
    messages: u64,
    /// The simulator is being stopped: long polls end.
    pub(crate) closed: bool,
}

impl State {
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
            unfinished: HashMap::new(),
            permits: Vec::new(),
            messages: seed >> 24,
            dice: Dice::new(seed),
            closed: false,
        }
    }

    pub(crate) fn next_message_id(&mut self) -> u64 {
        self.messages = self.messages.wrapping_add(1);
        names::message_id(self.messages)
    }

    /// A uuid as WeChat makes them: ten characters and `==`.
    pub(crate) fn new_uuid(&mut self) -> String {
        format!("{}==", self.dice.text(BASE64_URL, 10))
    }

    pub(crate) fn current_session(&self, uin: Uin) -> Option<&Session> {
        self.sessions.get(self.accounts.get(&uin)?.current.as_deref()?)
    }

    /// Ends the account's web login with this code, if there is one.
    pub(crate) fn end_session(&mut self, uin: Uin, code: i32) -> bool {
        let Some(account) = self.accounts.get_mut(&uin) else { return false };
        account.bell.notify_waiters();
        let Some(session) = account.current.take().and_then(|sid| self.sessions.get_mut(&sid)) else {
            return false;
        };
        session.ended = Some(code);
        session.online = false;
        true
    }

    /// Starts a web login; the one before it ends with 1101.
    pub(crate) fn start_session(&mut self, uin: Uin) -> Session {
        self.end_session(uin, 1101);
        let session = Session::new(uin, clock::unix_seconds(), &mut self.dice);
        if let Some(account) = self.accounts.get_mut(&uin) {
            account.current = Some(session.sid.clone());
            account.logins += 1;
        }
        self.sessions.insert(session.sid.clone(), session.clone());
        session
    }

    pub(crate) fn append(&mut self, uin: Uin, entry: Entry) {
        if let Some(account) = self.accounts.get_mut(&uin) {
            account.inbox.append(entry, clock::unix_micros());
            account.bell.notify_waiters();
        }
    }

    pub(crate) fn append_message(&mut self, uin: Uin, message: Message) {
        self.append(uin, Entry::Message(Box::new(message)));
    }
}
