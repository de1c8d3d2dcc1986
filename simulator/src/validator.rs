//! The rules for requests. Every broken rule is recorded as a violation. A request that WeChat would refuse
//! is refused.

use axum::response::Response;
use serde_json::Value;

use crate::call::Call;
use crate::clock;
use crate::contact_ref::ContactRef;
use crate::record::{Violation, text_of};
use crate::session::Session;
use crate::spec::Uin;
use crate::state::SimulatorState;
use crate::wire::response;

/// The maximum number of recorded violations. It limits the memory that a faulty client can use.
const MAX_VIOLATIONS: usize = 10_000;
/// The maximum at which tolerated violations are still recorded. It leaves room for the others.
const MAX_TOLERATED: usize = MAX_VIOLATIONS / 2;

/// The `Ret` code of a request that WeChat refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) i32);

impl Refusal {
    pub(crate) fn response(self) -> Response {
        response::ret(self.0)
    }
}

/// Validates one request.
pub(crate) struct Validator<'a> {
    pub(crate) state: &'a mut SimulatorState,
    pub(crate) call: &'a Call,
    pub(crate) uin: Option<Uin>,
}

impl<'a> Validator<'a> {
    pub(crate) fn new(state: &'a mut SimulatorState, call: &'a Call) -> Self {
        Self { state, call, uin: None }
    }

    /// Records a violation.
    pub(crate) fn report(&mut self, rule: &'static str, detail: impl Into<String>) {
        self.record(rule, detail.into(), false);
    }

    /// Records something that WeChat tolerates.
    pub(crate) fn tolerate(&mut self, rule: &'static str, detail: impl Into<String>) {
        self.record(rule, detail.into(), true);
    }

    fn record(&mut self, rule: &'static str, detail: String, tolerated: bool) {
        let limit = if tolerated { MAX_TOLERATED } else { MAX_VIOLATIONS };
        if self.state.violations.len() < limit {
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

    /// Returns the body of a POST and its session.
    pub(crate) fn authenticate_post(&mut self) -> Result<(Value, Session), Refusal> {
        if let Some(escape) = self.call.unicode_escape() {
            let escape = escape.to_owned();
            self.report("escaped_unicode", format!("{escape} is not decoded: send UTF-8"));
        }
        let Some(body) = self.call.json() else {
            self.report("body_not_json", "the body is no JSON");
            return Err(Refusal(response::RET_PARAMETER));
        };
        let session = self.authenticate_base_request(&body["BaseRequest"])?;
        Ok((body, session))
    }

    /// Finds the session of a `BaseRequest` and checks that all fields match it.
    pub(crate) fn authenticate_base_request(&mut self, base: &Value) -> Result<Session, Refusal> {
        for field in ["Uin", "Sid", "Skey", "DeviceID"] {
            if base.get(field).is_none() {
                self.report("base_request_incomplete", format!("BaseRequest has no {field}"));
            }
        }
        let session = self.find_session(&text_of(&base["Sid"]))?;
        let uin = text_of(&base["Uin"]);
        if uin != session.uin.to_string() {
            self.report("uin_wrong", format!("BaseRequest.Uin is {uin:?}"));
        } else if base["Uin"].is_string() {
            self.tolerate("uin_as_text", "BaseRequest.Uin is a string, the page sends a number");
        }
        self.check_skey(&text_of(&base["Skey"]), &session);
        self.check_device_id(&text_of(&base["DeviceID"]), &session);
        self.check_pass_ticket(&session);
        self.check_cookies(&session);
        check_not_ended(&session)?;
        Ok(session)
    }

    /// Finds the session of a GET by its cookies.
    pub(crate) fn authenticate_cookies(&mut self) -> Result<Session, Refusal> {
        let sid = self.call.cookie("wxsid").to_owned();
        let session = self.find_session(&sid)?;
        self.check_cookies(&session);
        check_not_ended(&session)?;
        Ok(session)
    }

    /// Finds a session by its Sid. A client that does not encode the query turns `+` into a space.
    pub(crate) fn find_session(&mut self, sid: &str) -> Result<Session, Refusal> {
        let found = self.state.sessions.get(sid).cloned();
        let found = found.or_else(|| {
            let repaired = self.state.sessions.get(&sid.replace(' ', "+")).cloned()?;
            self.tolerate("sid_not_encoded", "the + of the sid came as a space");
            Some(repaired)
        });
        let Some(session) = found else {
            self.report("sid_unknown", format!("no session has the sid {sid:?}"));
            return Err(Refusal(response::RET_COOKIE));
        };
        self.uin = Some(session.uin);
        Ok(session)
    }

    /// Finds the contact that has this user name in the session.
    pub(crate) fn find_contact(&mut self, session: &Session, user_name: &str) -> Option<ContactRef> {
        let contact = session.contact(user_name);
        if contact.is_none() {
            self.report("user_name_unknown", format!("nobody is called {user_name:?} in this session"));
        }
        contact
    }

    pub(crate) fn check_skey(&mut self, skey: &str, session: &Session) {
        if skey.is_empty() {
            self.tolerate("skey_empty", "the skey is empty");
        } else if skey != session.skey {
            self.report("skey_wrong", format!("the skey is {skey:?}"));
        }
    }

    pub(crate) fn check_device_id(&mut self, device_id: &str, session: &Session) {
        let digits = device_id.strip_prefix('e').unwrap_or("");
        if digits.len() == 15 && digits.bytes().all(|b| b.is_ascii_digit()) {
            return;
        }
        // A random number from Python can be shorter, or written as 1e-05.
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b"e-".contains(&b));
        if is_number || is_pass_ticket(device_id, session) {
            self.tolerate("device_id_shape", format!("DeviceID is {device_id:?}, not e and 15 digits"));
        } else {
            self.report("device_id_shape", format!("DeviceID is {device_id:?}, not e and 15 digits"));
        }
    }

    /// The pass ticket in the XML is already percent-encoded, so a client must put it into the URL unchanged.
    fn check_pass_ticket(&mut self, session: &Session) {
        let Some(ticket) = self.call.query.get("pass_ticket").cloned() else {
            if ["webwxinit", "webwxsync"].contains(&self.call.endpoint.as_str()) {
                self.tolerate("pass_ticket_missing", "no pass_ticket in the query");
            }
            return;
        };
        if ticket == session.pass_ticket {
            return;
        }
        let detail = format!("pass_ticket is {ticket:?}");
        if ticket == encode_pass_ticket(&session.pass_ticket) {
            self.tolerate("pass_ticket_encoded_twice", detail);
        } else if ticket.replace(' ', "+") == session.pass_ticket {
            self.tolerate("pass_ticket_not_encoded", detail);
        } else if ticket.starts_with('e') && ticket[1..].bytes().all(|b| b.is_ascii_digit()) {
            self.tolerate("pass_ticket_is_device_id", detail);
        } else {
            self.report("pass_ticket_wrong", detail);
        }
    }

    pub(crate) fn check_cookies(&mut self, session: &Session) {
        let expected = [
            ("wxuin", session.uin.to_string()),
            ("wxsid", session.sid.clone()),
            ("webwx_data_ticket", session.data_ticket.clone()),
        ];
        for (name, value) in expected {
            match self.call.cookie(name) {
                // An upload sends its keys in the form. itchat 1.2.32 sends it without cookies.
                "" if self.call.endpoint == "webwxuploadmedia" => {
                    self.tolerate("cookie_missing", format!("no cookie {name}"));
                }
                "" => self.report("cookie_missing", format!("no cookie {name}")),
                sent if sent != value => {
                    let detail = format!("the cookie {name} is {sent:?}");
                    self.report("cookie_wrong", detail);
                }
                _ => {}
            }
        }
    }

    pub(crate) fn check_md5(&mut self, md5: &str) {
        if md5.len() != 32 || !md5.bytes().all(|b| b.is_ascii_hexdigit()) {
            self.report("md5_shape", format!("FileMd5 is {md5:?}"));
        }
    }

    /// Checks the host name of a client that uses the name of a real WeChat host.
    pub(crate) fn check_host(&mut self, prefix: &str) {
        if self.call.uses_real_host() && !self.call.host.starts_with(prefix) {
            let detail = format!("asked {}, not {prefix}…", self.call.host);
            self.report("host_wrong", detail);
        }
    }
}

/// Percent-encodes the pass ticket as in the XML of the login page.
pub(crate) fn encode_pass_ticket(ticket: &str) -> String {
    ticket.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn is_pass_ticket(text: &str, session: &Session) -> bool {
    text == session.pass_ticket || text == encode_pass_ticket(&session.pass_ticket)
}

fn check_not_ended(session: &Session) -> Result<(), Refusal> {
    match session.ended {
        Some(code) => Err(Refusal(code)),
        None => Ok(()),
    }
}
