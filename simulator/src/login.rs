//! A QR code's life, from jslogin (or a push login) to the session it becomes.

use crate::spec::Uin;

#[derive(Debug)]
pub(crate) struct QrCode {
    pub(crate) state: QrState,
    /// jslogin asked for `mod=desktop`.
    pub(crate) desktop: bool,
    /// The client has been told of the scan (201). It is told once, whatever its `tip`: itchat-uos
    /// always asks with 1, wechat4u always with 0, and neither may miss it or spin.
    pub(crate) scan_reported: bool,
    /// Whose phone is asked, for a push login.
    pub(crate) push_login_to: Option<Uin>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QrState {
    Waiting,
    Scanned(Uin),
    /// The phone agreed; the ticket opens webwxnewloginpage once.
    Confirmed {
        uin: Uin,
        ticket: String,
    },
    /// The ticket was used: the session's Sid.
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

    /// A push login: the phone shows the question at once.
    pub(crate) fn pushed(uin: Uin, desktop: bool) -> Self {
        Self { state: QrState::Scanned(uin), desktop, scan_reported: false, push_login_to: Some(uin) }
    }
}
