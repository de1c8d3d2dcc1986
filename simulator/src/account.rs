//! An account: its contacts, its inbox, what its clients sent, and its current web login.

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
    /// The Sid of the current web login. A new login ends the one before it.
    pub(crate) current_sid: Option<String>,
    /// The number of web logins, including those that have ended.
    pub(crate) logins: u64,
    /// Notified when the inbox grows or the login ends. Each account has its own, so that a push wakes only
    /// the polls of that account.
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
