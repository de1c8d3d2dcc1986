//! Actions on the phone: scan, confirm, decline, and end the web login.

use super::{ControlError, World};
use crate::login::QrState;
use crate::spec::Uin;
use crate::state::SimulatorState;
use crate::wire::response::RET_LOGGED_OUT;

impl World {
    /// The account's phone scans the QR code. The client receives 201.
    pub fn scan(&self, uuid: &str, uin: Uin) -> Result<(), ControlError> {
        self.change(|state| {
            if !state.accounts.contains_key(&uin) {
                return Err(ControlError::NoAccount(uin));
            }
            advance_qr_code(state, uuid, |now| matches!(now, QrState::Waiting).then_some(QrState::Scanned(uin)))
        })
    }

    /// The phone confirms the login. The client receives 200 and the address that opens the session.
    pub fn confirm(&self, uuid: &str) -> Result<(), ControlError> {
        self.change(|state| {
            let ticket = format!("{}@qrticket_0", state.rng.text(crate::names::BASE64_URL, 24));
            advance_qr_code(state, uuid, |now| match now {
                QrState::Scanned(uin) => Some(QrState::Confirmed { uin: *uin, ticket }),
                _ => None,
            })
        })
    }

    /// The phone declines the login. The client receives 402.
    pub fn cancel(&self, uuid: &str) -> Result<(), ControlError> {
        self.change(|state| {
            advance_qr_code(state, uuid, |now| matches!(now, QrState::Scanned(_)).then_some(QrState::Cancelled))
        })
    }

    /// The QR code expires. The client receives 400.
    pub fn expire(&self, uuid: &str) -> Result<(), ControlError> {
        self.change(|state| {
            advance_qr_code(state, uuid, |now| {
                matches!(now, QrState::Waiting | QrState::Scanned(_)).then_some(QrState::Expired)
            })
        })
    }

    /// Scans the QR code and confirms the login.
    pub fn log_in(&self, uuid: &str, uin: Uin) -> Result<(), ControlError> {
        self.scan(uuid, uin)?;
        self.confirm(uuid)
    }

    /// Confirms the newest push login of this account. Returns its uuid.
    pub fn confirm_push_login(&self, uin: Uin) -> Result<String, ControlError> {
        let uuid = self.change(|state| waiting_push_login(state, uin)).ok_or(ControlError::NoPushLogin(uin))?;
        self.confirm(&uuid)?;
        Ok(uuid)
    }

    /// Declines the newest push login of this account. Returns its uuid.
    pub fn decline_push_login(&self, uin: Uin) -> Result<String, ControlError> {
        let uuid = self.change(|state| waiting_push_login(state, uin)).ok_or(ControlError::NoPushLogin(uin))?;
        self.cancel(&uuid)?;
        Ok(uuid)
    }

    /// From now on these accounts scan and confirm every new QR code in turn, and their phones confirm every
    /// push login. An empty list switches this off.
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

    /// Ends the account's web login with 1101, as a login in another place does.
    pub fn kick(&self, uin: Uin) -> Result<(), ControlError> {
        self.end_login(uin, RET_LOGGED_OUT)
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
}

fn advance_qr_code(
    state: &mut SimulatorState,
    uuid: &str,
    next: impl FnOnce(&QrState) -> Option<QrState>,
) -> Result<(), ControlError> {
    let qr = state.qr_codes.get_mut(uuid).ok_or_else(|| ControlError::NoQrCode(uuid.into()))?;
    qr.state = next(&qr.state).ok_or_else(|| ControlError::WrongStep(uuid.into()))?;
    Ok(())
}

pub(super) fn waiting_push_login(state: &mut SimulatorState, uin: Uin) -> Option<String> {
    state
        .uuids
        .iter()
        .rev()
        .find(|uuid| {
            state
                .qr_codes
                .get(*uuid)
                .is_some_and(|qr| qr.push_login_to == Some(uin) && matches!(qr.state, QrState::Scanned(_)))
        })
        .cloned()
}
