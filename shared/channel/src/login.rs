//! A login as a series of steps. The worker stores each step, and pages, terminals and programs show it; only the channel
//! knows the protocol behind it.

use domain::{
    channel::{AccountId, Cursor, LoginStep, Ticket},
    contact::{Card, Peer},
};

use crate::Connection;

/// A login that has just begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLogin {
    /// The network's name of the attempt: `uuid` in the API.
    pub id: String,
    pub ticket: Ticket,
    pub step: LoginStep,
}

/// What one poll of a login brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginProgress {
    /// Nothing has changed.
    Unchanged,
    /// The login proceeds with another step. Poll on with `ticket`.
    Step { ticket: Ticket, step: LoginStep },
    /// The network has replaced the login by a new one, whose QR code has to be scanned.
    Restarted(NewLogin),
    /// The person has confirmed. [`Channel::open`](crate::Channel::open) the session with `ticket`.
    Confirmed { ticket: Ticket },
    /// The login expired, or the person cancelled it.
    Expired,
}

/// What opening a confirmed login brought.
pub enum Opening {
    Opened(Box<Opened>),
    /// The network wants another login first. The confirmation is used up: the person has to scan again.
    Restarted(NewLogin),
}

/// A session that has just begun.
pub struct Opened {
    pub connection: Box<dyn Connection>,
    pub account: AccountId,
    /// The account's own card.
    pub user: Card,
    /// Cards of recent chats. Groups that are not saved to contacts appear only here.
    pub recent: Vec<Card>,
    /// Further recent chats, without cards.
    pub mentioned: Vec<Peer>,
    pub cursor: Cursor,
}
