//! What a client must send. Whatever it does not is kept as a violation; what WeChat would refuse
//! is refused.

use axum::response::Response;
use serde_json::Value;

use crate::call::Call;
use crate::clock;
use crate::record::{Violation, text_of};
use crate::session::Session;
use crate::spec::Uin;
use crate::state::State;
use crate::wire::answer;

/// Violations kept at most: a client gone wild must not fill the memory.
const KEPT: usize = 10_000;
/// Tolerated ones leave room for the others.
const KEPT_TOLERATED: usize = KEPT / 2;

/// WeChat's "parameter error".
pub(crate) const RET_PARAMETER: i32 = 1;
/// WeChat's "cookie invalid".
pub(crate) const RET_COOKIE: i32 = 1102;

/// A request that WeChat does not serve: the `Ret` it answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) i32);

impl Refused {
    pub(crate) fn answer(self) -> Response {
        answer::ret(self.0)
    }
}

/// Looks at one request.
pub(crate) struct Judge<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) call: &'a Call,
    pub(crate) uin: Option<Uin>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(state: &'a mut State, call: &'a Call) -> Self {
        Self { state, call, uin: None }
    }

    /// Keeps a violation.
    pub(crate) fn broken(&mut self, rule: &'static str, detail: impl Into<String>) {
        self.keep(rule, detail.into(), false);
    }

    /// Keeps something that WeChat lets pass.
    pub(crate) fn tolerated(&mut self, rule: &'static str, detail: impl Into<String>) {
        self.keep(rule, detail.into(), true);
    }

    fn keep(&mut self, rule: &'static str, detail: String, tolerated: bool) {
        let room = if tolerated { KEPT_TOLERATED } else { KEPT };
        if self.state.violations.len() < room {
            self.state.violations.push(Violation {
                endpoint: self.call.endpoint.clone(),
                rule,
                detail,
                uin: self.uin,
                tolerated,
                at: clock::unix_micros(),
            });
        }
    }

    /// The body of a POST and the session it belongs to.
    pub(crate) fn posted(&mut self) -> Result<(Value, Session), Refused> {
        if let Some(escape) = self.call.unicode_escape() {
            let escape = escape.to_owned();
            self.broken("escaped_unicode", format!("{escape} is not decoded: send UTF-8"));
        }
        let Some(body) = self.call.json() else {
            self.broken("body_not_json", "the body is no JSON");
            return Err(Refused(RET_PARAMETER));
        };
        let session = self.base_request(&body["BaseRequest"])?;
        Ok((body, session))
    }

    /// Finds the session of a `BaseRequest` and checks that its fields agree.
    pub(crate) fn base_request(&mut self, base: &Value) -> Result<Session, Refused> {
        for field in ["Uin", "Sid", "Skey", "DeviceID"] {
            if base.get(field).is_none() {
                self.broken("base_request_incomplete", format!("BaseRequest has no {field}"));
            }
        }
        let session = self.session(&text_of(&base["Sid"]))?;
        let uin = text_of(&base["Uin"]);
        if uin != session.uin.to_string() {
            self.broken("uin_wrong", format!("BaseRequest.Uin is {uin:?}"));
        } else if base["Uin"].is_string() {
            self.tolerated("uin_as_text", "BaseRequest.Uin is a string, the page sends a number");
        }
        self.skey(&text_of(&base["Skey"]), &session);
        self.device_id(&text_of(&base["DeviceID"]), &session);
        self.pass_ticket(&session);
        self.cookies_of(&session);
        alive(&session)?;
        Ok(session)
    }

    /// The session of a GET, which is known by its cookies.
    pub(crate) fn by_cookies(&mut self) -> Result<Session, Refused> {
        let sid = self.call.cookie("wxsid").to_owned();
        let session = self.session(&sid)?;
        self.cookies_of(&session);
        alive(&session)?;
        Ok(session)
    }

    /// The session with this Sid; a query may have lost its `+`.
    pub(crate) fn session(&mut self, sid: &str) -> Result<Session, Refused> {
        let found = self.state.sessions.get(sid).cloned();
        let found = found.or_else(|| {
            let mended = self.state.sessions.get(&sid.replace(' ', "+")).cloned()?;
            self.tolerated("sid_not_encoded", "the + of the sid came as a space");
            Some(mended)
        });
        let Some(session) = found else {
            self.broken("sid_unknown", format!("no session has the sid {sid:?}"));
            return Err(Refused(RET_COOKIE));
        };
        self.uin = Some(session.uin);
        Ok(session)
    }

    pub(crate) fn skey(&mut self, skey: &str, session: &Session) {
        if skey.is_empty() {
            self.tolerated("skey_empty", "the skey is empty");
        } else if skey != session.skey {
            self.broken("skey_wrong", format!("the skey is {skey:?}"));
        }
    }

    pub(crate) fn device_id(&mut self, device_id: &str, session: &Session) {
        let digits = device_id.strip_prefix('e').unwrap_or("");
        if digits.len() == 15 && digits.bytes().all(|b| b.is_ascii_digit()) {
            return;
        }
        // Python's random number may be shorter, or be written as 1e-05.
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b"e-".contains(&b));
        if is_number || is_pass_ticket(device_id, session) {
            self.tolerated("device_id_shape", format!("DeviceID is {device_id:?}, not e and 15 digits"));
        } else {
            self.broken("device_id_shape", format!("DeviceID is {device_id:?}, not e and 15 digits"));
        }
    }

    /// The ticket in the XML is percent-encoded already: it belongs into a URL as it is.
    fn pass_ticket(&mut self, session: &Session) {
        let Some(ticket) = self.call.query.get("pass_ticket").cloned() else {
            if ["webwxinit", "webwxsync"].contains(&self.call.endpoint.as_str()) {
                self.tolerated("pass_ticket_missing", "no pass_ticket in the query");
            }
            return;
        };
        if ticket == session.pass_ticket {
            return;
        }
        let detail = format!("pass_ticket is {ticket:?}");
        if ticket == encoded(&session.pass_ticket) {
            self.tolerated("pass_ticket_encoded_twice", detail);
        } else if ticket.replace(' ', "+") == session.pass_ticket {
            self.tolerated("pass_ticket_not_encoded", detail);
        } else if ticket.starts_with('e') && ticket[1..].bytes().all(|b| b.is_ascii_digit()) {
            self.tolerated("pass_ticket_is_device_id", detail);
        } else {
            self.broken("pass_ticket_wrong", detail);
        }
    }

    pub(crate) fn cookies_of(&mut self, session: &Session) {
        let expected = [
            ("wxuin", session.uin.to_string()),
            ("wxsid", session.sid.clone()),
            ("webwx_data_ticket", session.data_ticket.clone()),
        ];
        for (name, value) in expected {
            match self.call.cookie(name) {
                // An upload carries its keys in the form; itchat 1.2.32 sends it without cookies.
                "" if self.call.endpoint == "webwxuploadmedia" => {
                    self.tolerated("cookie_missing", format!("no cookie {name}"));
                }
                "" => self.broken("cookie_missing", format!("no cookie {name}")),
                sent if sent != value => {
                    let detail = format!("the cookie {name} is {sent:?}");
                    self.broken("cookie_wrong", detail);
                }
                _ => {}
            }
        }
    }

    pub(crate) fn md5(&mut self, md5: &str) {
        if md5.len() != 32 || !md5.bytes().all(|b| b.is_ascii_hexdigit()) {
            self.broken("md5_shape", format!("FileMd5 is {md5:?}"));
        }
    }

    /// A client that came by a real host's name must have come by the right one.
    pub(crate) fn host(&mut self, prefix: &str) {
        if self.call.by_real_host() && !self.call.host.starts_with(prefix) {
            let detail = format!("asked {}, not {prefix}…", self.call.host);
            self.broken("host_wrong", detail);
        }
    }
}

/// The ticket as the XML has it.
pub(crate) fn encoded(ticket: &str) -> String {
    ticket.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn is_pass_ticket(text: &str, session: &Session) -> bool {
    text == session.pass_ticket || text == encoded(&session.pass_ticket)
}

fn alive(session: &Session) -> Result<(), Refused> {
    match session.ended {
        Some(code) => Err(Refused(code)),
        None => Ok(()),
    }
}
