//! What a test, a demo or the control API does to the simulated WeChat, and waits for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;

use crate::account::{Account, AccountSpec, Uin};
use crate::book::ContactRef;
use crate::clock;
use crate::config::{Config, Settings};
use crate::fault::{Armed, Fault};
use crate::inbox::{Entry, Message};
use crate::login::QrState;
use crate::person::{Group, Member, Person};
use crate::push::{From, Push};
use crate::record::{Pushed, Sent, Violation};
use crate::state::State;
use crate::wire::text;

/// A handle on the simulated WeChat; clones share it.
#[derive(Debug, Clone)]
pub struct World(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Rung after every change that somebody may wait for.
    changed: Notify,
}

/// Why something cannot be done to the simulated WeChat.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    #[error("there is no account {0}")]
    NoAccount(Uin),
    #[error("there is no QR code {0}")]
    NoQrCode(String),
    #[error("the QR code {0} is past that")]
    WrongStep(String),
    #[error("the account knows nobody called {0:?}")]
    NoContact(String),
    #[error("no push login waits for account {0}")]
    NoPushLogin(Uin),
    #[error("account {0} has no web login")]
    NotLoggedIn(Uin),
}

/// An account as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountState {
    pub uin: Uin,
    /// webwxinit was answered and the login has not ended.
    pub online: bool,
    /// A synccheck waits.
    pub polling: bool,
    /// Web logins so far.
    pub logins: u64,
    /// Entries of the inbox, and how many of them the client has confirmed.
    pub inbox: usize,
    pub confirmed: usize,
    pub sent: usize,
}

impl World {
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        Self(Arc::new(Shared { state: Mutex::new(State::new(config, seed)), changed: Notify::new() }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something and wakes whoever waits for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let outcome = change(&mut self.lock());
        self.0.changed.notify_waiters();
        outcome
    }

    /// Waits until the probe finds something; looks again after every change.
    pub(crate) async fn until<T>(&self, mut probe: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = probe(&mut self.lock()) {
                return found;
            }
            changed.await;
        }
    }

    fn on_account<T>(
        &self,
        uin: Uin,
        change: impl FnOnce(&mut Account) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        self.change(|state| {
            let account = state.accounts.get_mut(&uin).ok_or(ControlError::NoAccount(uin))?;
            change(account)
        })
    }

    /// Adds the account; one with the same Uin is replaced, and its web login ends.
    pub fn account(&self, spec: AccountSpec) -> Uin {
        let uin = spec.uin;
        self.change(|state| {
            state.end_session(uin, 1101);
            state.accounts.insert(uin, Account::new(spec));
        });
        uin
    }

    /// Changes the server's settings while it runs.
    pub fn configure(&self, settings: &Settings) {
        self.change(|state| settings.apply(&mut state.config));
    }

    // ---- phones -------------------------------------------------------------------------

    /// The account's phone scans the QR code: the client is told 201.
    pub fn scan(&self, uuid: &str, uin: Uin) -> Result<(), ControlError> {
        self.change(|state| {
            if !state.accounts.contains_key(&uin) {
                return Err(ControlError::NoAccount(uin));
            }
            step(state, uuid, |now| matches!(now, QrState::Waiting).then_some(QrState::Scanned(uin)))
        })
    }

    /// The phone agrees: the client is told 200 and the address that opens the session.
    pub fn confirm(&self, uuid: &str) -> Result<(), ControlError> {
        self.change(|state| {
            let ticket = format!("{}@qrticket_0", state.dice.text(crate::names::BASE64_URL, 24));
            step(state, uuid, |now| match now {
                QrState::Scanned(uin) => Some(QrState::Confirmed { uin: *uin, ticket }),
                _ => None,
            })
        })
    }

    /// The phone declines: the client is told neither 408 nor 201, 200 or 400, but 402.
    pub fn cancel(&self, uuid: &str) -> Result<(), ControlError> {
        self.change(|state| step(state, uuid, |now| matches!(now, QrState::Scanned(_)).then_some(QrState::Cancelled)))
    }

    /// The QR code grows old: the client is told 400.
    pub fn expire(&self, uuid: &str) -> Result<(), ControlError> {
        self.change(|state| {
            step(state, uuid, |now| matches!(now, QrState::Waiting | QrState::Scanned(_)).then_some(QrState::Expired))
        })
    }

    /// Scans and confirms.
    pub fn log_in(&self, uuid: &str, uin: Uin) -> Result<(), ControlError> {
        self.scan(uuid, uin)?;
        self.confirm(uuid)
    }

    /// The phone agrees to the newest push login that asks it; returns its uuid.
    pub fn confirm_push_login(&self, uin: Uin) -> Result<String, ControlError> {
        let uuid = self.change(|state| waiting_push_login(state, uin)).ok_or(ControlError::NoPushLogin(uin))?;
        self.confirm(&uuid)?;
        Ok(uuid)
    }

    /// The phone declines the newest push login that asks it.
    pub fn decline_push_login(&self, uin: Uin) -> Result<String, ControlError> {
        let uuid = self.change(|state| waiting_push_login(state, uin)).ok_or(ControlError::NoPushLogin(uin))?;
        self.cancel(&uuid)?;
        Ok(uuid)
    }

    /// From now on every new QR code is scanned and confirmed at once, by these accounts in turn,
    /// and their phones agree to every push login. An empty list ends that.
    pub fn auto_scan(&self, accounts: impl IntoIterator<Item = Uin>) -> Result<(), ControlError> {
        let accounts: Vec<Uin> = accounts.into_iter().collect();
        self.change(|state| {
            if let Some(&missing) = accounts.iter().find(|uin| !state.accounts.contains_key(uin)) {
                return Err(ControlError::NoAccount(missing));
            }
            state.auto_scan = accounts;
            state.auto_scan_next = 0;
            Ok(())
        })
    }

    /// Ends the account's web login with 1101, as a login elsewhere does.
    pub fn kick(&self, uin: Uin) -> Result<(), ControlError> {
        self.end_login(uin, 1101)
    }

    /// Ends the account's web login with 1100, 1101 or 1102.
    pub fn end_login(&self, uin: Uin, retcode: i32) -> Result<(), ControlError> {
        self.change(|state| {
            if !state.accounts.contains_key(&uin) {
                return Err(ControlError::NoAccount(uin));
            }
            state.end_session(uin, retcode).then_some(()).ok_or(ControlError::NotLoggedIn(uin))
        })
    }

    // ---- messages -----------------------------------------------------------------------

    /// Pushes a text; returns WeChat's message id.
    pub fn push_text(&self, uin: Uin, from: From, text: impl Into<String>) -> Result<u64, ControlError> {
        self.push(uin, &Push::text(from, text))
    }

    /// Pushes a message of any kind; returns WeChat's message id. It waits in the account's inbox
    /// if no client is there.
    pub fn push(&self, uin: Uin, push: &Push) -> Result<u64, ControlError> {
        self.change(|state| deliver(state, uin, push))
    }

    /// What was pushed to the account, in order.
    pub fn pushed(&self, uin: Uin) -> Vec<Pushed> {
        self.lock().accounts.get(&uin).map_or_else(Vec::new, |account| account.inbox.pushed.clone())
    }

    /// What the account's clients have sent, in order.
    pub fn sent(&self, uin: Uin) -> Vec<Sent> {
        self.lock().accounts.get(&uin).map_or_else(Vec::new, |account| account.sent.clone())
    }

    // ---- contacts -----------------------------------------------------------------------

    /// Changes a friend or official account (a new nickname, remark, picture) and tells the client
    /// by ModContactList.
    pub fn edit_contact(&self, uin: Uin, name: &str, edit: impl FnOnce(&mut Person)) -> Result<(), ControlError> {
        let contact = self.on_account(uin, |account| {
            let contact = found(account, name)?;
            let mut person =
                account.book.person(contact).ok_or_else(|| ControlError::NoContact(name.into()))?.into_owned();
            edit(&mut person);
            account.book.edit(contact, person);
            Ok(contact)
        })?;
        self.change(|state| state.append(uin, Entry::Changed(contact)));
        Ok(())
    }

    /// Changes a group's name, picture or members, and tells the client by ModContactList.
    pub fn edit_group(&self, uin: Uin, name: &str, edit: impl FnOnce(&mut Group)) -> Result<(), ControlError> {
        let contact = self.on_account(uin, |account| {
            let unknown = || ControlError::NoContact(name.into());
            let index = account.book.group_called(name).ok_or_else(unknown)?;
            let mut group = account.book.group(index).ok_or_else(unknown)?.into_owned();
            edit(&mut group);
            account.book.edit_group(index, group);
            Ok(ContactRef::Group(index))
        })?;
        self.change(|state| state.append(uin, Entry::Changed(contact)));
        Ok(())
    }

    /// A new friend, told by ModContactList.
    pub fn add_friend(&self, uin: Uin, person: Person) -> Result<ContactRef, ControlError> {
        let contact = self.on_account(uin, |account| Ok(account.book.add_friend(person)))?;
        self.change(|state| state.append(uin, Entry::Changed(contact)));
        Ok(contact)
    }

    /// A new group, told by ModContactList if it is saved; else by its first message.
    pub fn add_group(&self, uin: Uin, group: Group) -> Result<ContactRef, ControlError> {
        let saved = group.saved;
        let index = self.on_account(uin, |account| Ok(account.book.add_group(group)))?;
        let contact = ContactRef::Group(index);
        if saved {
            self.change(|state| state.append(uin, Entry::Changed(contact)));
        }
        Ok(contact)
    }

    /// Adds a member to a group, told by ModContactList.
    pub fn add_member(&self, uin: Uin, group: &str, member: Member) -> Result<(), ControlError> {
        self.edit_group(uin, group, |group| group.members.push(member))
    }

    /// A friend, group or official account is gone, told by DelContactList.
    pub fn remove_contact(&self, uin: Uin, name: &str) -> Result<(), ControlError> {
        let contact = self.on_account(uin, |account| {
            let contact = found(account, name)?;
            account.book.remove(contact);
            Ok(contact)
        })?;
        self.change(|state| state.append(uin, Entry::Removed(contact)));
        Ok(())
    }

    /// The user name that a contact has in the account's current web login.
    pub fn user_name(&self, uin: Uin, name: &str) -> Result<String, ControlError> {
        let state = self.lock();
        let account = state.accounts.get(&uin).ok_or(ControlError::NoAccount(uin))?;
        let contact = found(account, name)?;
        let session = state.current_session(uin).ok_or(ControlError::NotLoggedIn(uin))?;
        Ok(session.user_name(contact))
    }

    // ---- trouble ------------------------------------------------------------------------

    /// Arms a fault; faults are tried in the order they were armed.
    pub fn fault(&self, fault: Fault) {
        self.change(|state| state.faults.push(Armed::new(fault)));
    }

    pub fn clear_faults(&self) {
        self.change(|state| state.faults.clear());
    }

    /// Everything that clients did wrong, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    pub fn clear_violations(&self) {
        self.change(|state| state.violations.clear());
    }

    // ---- waiting ------------------------------------------------------------------------

    /// How the account stands.
    pub fn state_of(&self, uin: Uin) -> Result<AccountState, ControlError> {
        account_state(&self.lock(), uin).ok_or(ControlError::NoAccount(uin))
    }

    /// The `n`th uuid handed out since the start (from 1), once there is one.
    pub async fn wait_uuid(&self, n: usize) -> String {
        self.until(|state| state.uuids.get(n.checked_sub(1)?).cloned()).await
    }

    /// Who logged in with this QR code, once webwxnewloginpage was answered.
    pub async fn wait_login(&self, uuid: &str) -> Uin {
        self.until(|state| match state.qr_codes.get(uuid)?.state {
            QrState::LoggedIn { uin } => Some(uin),
            _ => None,
        })
        .await
    }

    /// Waits for a push login that asks this account; its uuid.
    pub async fn wait_push_login(&self, uin: Uin) -> String {
        self.until(|state| waiting_push_login(state, uin)).await
    }

    /// Waits until webwxinit has been answered.
    pub async fn wait_online(&self, uin: Uin) {
        self.wait_state(uin, |account| account.online).await;
    }

    /// Waits until a synccheck of the account waits: the client is idle and listens.
    pub async fn wait_polling(&self, uin: Uin) {
        self.wait_state(uin, |account| account.polling).await;
    }

    /// Waits until the client has confirmed everything in the inbox.
    pub async fn wait_confirmed(&self, uin: Uin) {
        self.wait_state(uin, |account| account.online && account.confirmed >= account.inbox).await;
    }

    /// Waits until the account has no web login.
    pub async fn wait_offline(&self, uin: Uin) {
        self.until(|state| state.current_session(uin).is_none().then_some(())).await;
    }

    /// Waits until the account's clients have sent at least `n` messages; all of them.
    pub async fn wait_sent(&self, uin: Uin, n: usize) -> Vec<Sent> {
        self.until(|state| {
            let sent = &state.accounts.get(&uin)?.sent;
            (sent.len() >= n).then(|| sent.clone())
        })
        .await
    }

    pub(crate) async fn wait_state(&self, uin: Uin, ready: impl Fn(&AccountState) -> bool) -> AccountState {
        self.until(|state| account_state(state, uin).filter(|account| ready(account))).await
    }
}

fn step(state: &mut State, uuid: &str, next: impl FnOnce(&QrState) -> Option<QrState>) -> Result<(), ControlError> {
    let qr = state.qr_codes.get_mut(uuid).ok_or_else(|| ControlError::NoQrCode(uuid.into()))?;
    qr.state = next(&qr.state).ok_or_else(|| ControlError::WrongStep(uuid.into()))?;
    Ok(())
}

fn waiting_push_login(state: &mut State, uin: Uin) -> Option<String> {
    state
        .uuids
        .iter()
        .rev()
        .find(|uuid| {
            state
                .qr_codes
                .get(*uuid)
                .is_some_and(|qr| qr.pushed_to == Some(uin) && matches!(qr.state, QrState::Scanned(_)))
        })
        .cloned()
}

fn found(account: &Account, name: &str) -> Result<ContactRef, ControlError> {
    account.book.find(name).ok_or_else(|| ControlError::NoContact(name.into()))
}

fn account_state(state: &State, uin: Uin) -> Option<AccountState> {
    let account = state.accounts.get(&uin)?;
    let session = state.current_session(uin);
    Some(AccountState {
        uin,
        online: session.is_some_and(|session| session.online),
        polling: session.is_some_and(|session| session.polling > 0),
        logins: account.logins,
        inbox: account.inbox.len(),
        confirmed: session.map_or(0, |session| session.confirmed),
        sent: account.sent.len(),
    })
}

/// Puts a message into the inbox.
pub(crate) fn deliver(state: &mut State, uin: Uin, push: &Push) -> Result<u64, ControlError> {
    let book = &state.accounts.get(&uin).ok_or(ControlError::NoAccount(uin))?.book;
    let unknown = |name: &str| ControlError::NoContact(name.into());
    let (from, to, member) = match &push.from {
        From::Friend(name) => (book.friend(name).ok_or_else(|| unknown(name))?, ContactRef::Myself, None),
        From::OfficialAccount(name) => {
            (book.official_account(name).ok_or_else(|| unknown(name))?, ContactRef::Myself, None)
        }
        From::Special(name) => (ContactRef::special(name).ok_or_else(|| unknown(name))?, ContactRef::Myself, None),
        From::Group { group, member } => {
            let index = book.group_called(group).ok_or_else(|| unknown(group))?;
            // A system message of a group has no sender.
            let writer = match member.as_str() {
                "" => None,
                name => Some(book.member(index, name).ok_or_else(|| unknown(name))?),
            };
            (ContactRef::Group(index), ContactRef::Myself, writer)
        }
        From::Phone { to } => (ContactRef::Myself, book.find(to).ok_or_else(|| unknown(to))?, None),
    };
    let id = state.next_message_id();
    let msg_type = push.fields.get("MsgType").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let message = Message {
        id,
        from,
        to,
        member,
        msg_type: u32::try_from(msg_type).unwrap_or(1),
        content: text::message(&push.text),
        fields: push.fields.clone(),
        chats: Vec::new(),
        create_time: clock::unix_seconds(),
    };
    state.append_message(uin, message);
    Ok(id)
}

impl World {
    /// Ends long polls and the server.
    pub(crate) fn close(&self) {
        self.change(|state| {
            state.closed = true;
            for account in state.accounts.values() {
                account.bell.notify_waiters();
            }
        });
    }
}
