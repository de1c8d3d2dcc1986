//! An account: who it is, whom it knows, what reached it, which web login is its current one.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::book::Book;
use crate::inbox::Inbox;
use crate::record::Sent;
use crate::spec::AccountSpec;

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) no_web: bool,
    pub(crate) book: Book,
    pub(crate) inbox: Inbox,
    pub(crate) sent: Vec<Sent>,
    /// The Sid of the current web login; an earlier one was ended by it.
    pub(crate) current_sid: Option<String>,
    /// How many web logins there were, also those that have ended.
    pub(crate) logins: u64,
    /// Rung when the inbox grows or the login ends, so that a push wakes this account's poll only.
    pub(crate) poll_wakeup: Arc<Notify>,
}

impl Account {
    pub(crate) fn new(spec: AccountSpec) -> Self {
        Self {
            no_web: spec.no_web,
            book: Book::new(spec),
            inbox: Inbox::default(),
            sent: Vec::new(),
            current_sid: None,
            logins: 0,
            poll_wakeup: Arc::new(Notify::new()),
        }
    }
}
