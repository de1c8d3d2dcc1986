//! The handle that tests, demos and the control API use: actions on the simulated WeChat, and waiting for its
//! state.

mod chat;
mod contacts;
mod phone;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;

use crate::account::Account;
use crate::config::{Config, Settings};
use crate::fault::{ActiveFault, Fault};
use crate::login::QrState;
use crate::record::{Sent, Violation};
use crate::spec::{AccountSpec, Uin};
use crate::state::SimulatorState;
use crate::wire::response::RET_LOGGED_OUT;

/// A handle that controls the simulated WeChat. Clones share the same state.
#[derive(Debug, Clone)]
pub struct World(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<SimulatorState>,
    /// Notified after every change.
    changed: Notify,
}

/// Why an action on the simulated WeChat failed.
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

/// The current state of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountState {
    pub uin: Uin,
    /// webwxinit was answered and the login has not ended.
    pub online: bool,
    /// A synccheck is waiting.
    pub polling: bool,
    /// The number of web logins so far.
    pub logins: u64,
    /// The number of inbox entries, and how many of them the client has confirmed.
    pub inbox: usize,
    pub confirmed: usize,
    pub sent: usize,
}

impl World {
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        Self(Arc::new(Shared { state: Mutex::new(SimulatorState::new(config, seed)), changed: Notify::new() }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, SimulatorState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes all waiting tasks.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut SimulatorState) -> T) -> T {
        let outcome = change(&mut self.lock());
        self.0.changed.notify_waiters();
        outcome
    }

    /// Waits until the probe returns a value. It runs again after every change.
    pub(crate) async fn wait_until<T>(&self, mut probe: impl FnMut(&mut SimulatorState) -> Option<T>) -> T {
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

    fn change_account<T>(
        &self,
        uin: Uin,
        change: impl FnOnce(&mut Account) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        self.change(|state| {
            let account = state.accounts.get_mut(&uin).ok_or(ControlError::NoAccount(uin))?;
            change(account)
        })
    }

    /// Adds the account. An account with the same Uin is replaced, and its web login ends.
    pub fn account(&self, spec: AccountSpec) -> Uin {
        let uin = spec.uin;
        self.change(|state| {
            state.end_session(uin, RET_LOGGED_OUT);
            state.accounts.insert(uin, Account::new(spec));
        });
        uin
    }

    /// Changes the settings of the running server.
    pub fn configure(&self, settings: &Settings) {
        self.change(|state| settings.apply(&mut state.config));
    }

    /// Adds a fault. Each request gets the first fault that matches, in the order in which they were added.
    pub fn fault(&self, fault: Fault) {
        self.change(|state| state.faults.push(ActiveFault::new(fault)));
    }

    pub fn clear_faults(&self) {
        self.change(|state| state.faults.clear());
    }

    /// All rules that clients broke, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    pub fn clear_violations(&self) {
        self.change(|state| state.violations.clear());
    }

    /// The state of every account, sorted by Uin.
    pub fn accounts(&self) -> Vec<AccountState> {
        let state = self.lock();
        let mut uins: Vec<Uin> = state.accounts.keys().copied().collect();
        uins.sort_unstable();
        uins.into_iter().filter_map(|uin| account_state(&state, uin)).collect()
    }

    /// The state of the account.
    pub fn state_of(&self, uin: Uin) -> Result<AccountState, ControlError> {
        account_state(&self.lock(), uin).ok_or(ControlError::NoAccount(uin))
    }

    /// Waits for the `n`th uuid since the start, counted from 1.
    pub async fn wait_uuid(&self, n: usize) -> String {
        self.wait_until(|state| state.uuids.get(n.checked_sub(1)?).cloned()).await
    }

    /// Waits until a client has logged in with this QR code, and returns the account.
    pub async fn wait_login(&self, uuid: &str) -> Uin {
        self.wait_until(|state| match state.qr_codes.get(uuid)?.state {
            QrState::LoggedIn { uin } => Some(uin),
            _ => None,
        })
        .await
    }

    /// Waits for a push login of this account, and returns its uuid.
    pub async fn wait_push_login(&self, uin: Uin) -> String {
        self.wait_until(|state| phone::waiting_push_login(state, uin)).await
    }

    /// Waits until webwxinit has been answered.
    pub async fn wait_online(&self, uin: Uin) {
        self.wait_state(uin, |account| account.online).await;
    }

    /// Waits until a synccheck of the account is waiting, so that the client is idle.
    pub async fn wait_polling(&self, uin: Uin) {
        self.wait_state(uin, |account| account.polling).await;
    }

    /// Waits until the client has confirmed everything in the inbox.
    pub async fn wait_confirmed(&self, uin: Uin) {
        self.wait_state(uin, |account| account.online && account.confirmed >= account.inbox).await;
    }

    /// Waits until the account has no web login.
    pub async fn wait_offline(&self, uin: Uin) {
        self.wait_until(|state| state.current_session(uin).is_none().then_some(())).await;
    }

    /// Waits until the account's clients have sent at least `n` messages, and returns all of them.
    pub async fn wait_sent(&self, uin: Uin, n: usize) -> Vec<Sent> {
        self.wait_until(|state| {
            let sent = &state.accounts.get(&uin)?.sent;
            (sent.len() >= n).then(|| sent.clone())
        })
        .await
    }

    pub(crate) async fn wait_state(&self, uin: Uin, ready: impl Fn(&AccountState) -> bool) -> AccountState {
        self.wait_until(|state| account_state(state, uin).filter(|account| ready(account))).await
    }
}

fn account_state(state: &SimulatorState, uin: Uin) -> Option<AccountState> {
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

impl World {
    /// Ends all long polls and the server.
    pub(crate) fn close(&self) {
        self.change(|state| {
            state.closed = true;
            for account in state.accounts.values() {
                account.poll_wakeup.notify_waiters();
            }
        });
    }
}
