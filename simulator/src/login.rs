//! The states of a QR code, from jslogin or a push login to the session.

use crate::spec::Uin;

#[derive(Debug)]
pub(crate) struct QrCode {
    pub(crate) state: QrState,
    /// jslogin was called with `mod=desktop`.
    pub(crate) desktop: bool,
    /// The client has received the scan (201). It is reported once, whatever the client's `tip` is:
    /// itchat-uos always sends 1 and wechat4u always sends 0. Both must receive the scan, and neither must
    /// receive it in a busy loop.
    pub(crate) scan_reported: bool,
    /// The account whose phone receives the push login.
    pub(crate) push_login_to: Option<Uin>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QrState {
    Waiting,
    Scanned(Uin),
    /// The phone confirmed. The ticket opens webwxnewloginpage once.
    Confirmed {
        uin: Uin,
        ticket: String,
    },
    /// The ticket was used to open a session.
    LoggedIn {
        uin: Uin,
    },
    Cancelled,
    Expired,
}

impl QrCode {
    pub(crate) fn new(desktop: bool) -> Self {
        Self { state: QrState::Waiting, desktop, scan_reported: false, push_login_to: None }
    }

    /// Creates the QR code of a push login. The phone shows the question at once.
    pub(crate) fn pushed(uin: Uin, desktop: bool) -> Self {
        Self { state: QrState::Scanned(uin), desktop, scan_reported: false, push_login_to: Some(uin) }
    }
}
