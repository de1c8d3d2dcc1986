//! `webwxnewloginpage` opens a session, `webwxlogout` ends it.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{any, get};

use super::BIN;
use crate::call::Call;
use crate::login::QrState;
use crate::session::Session;
use crate::state::SimulatorState;
use crate::validator::{self, Validator};
use crate::wire::response;
use crate::world::World;

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route(&format!("{BIN}/webwxnewloginpage"), get(new_login_page))
        .route(&format!("{BIN}/webwxlogout"), any(logout))
}

/// Exchanges the ticket of a confirmed login for a session. The keys are in the XML body and in cookies.
async fn new_login_page(State(world): State<World>, call: Call) -> Response {
    world.change(|state| match open_session(state, &call) {
        Ok((session, desktop)) => session_response(state, &call, &session, desktop),
        Err((ret, message)) => {
            let xml = format!("<error><ret>{ret}</ret><message>{message}</message></error>");
            response::with_status(login_page_status(state, 200), xml)
        }
    })
}

fn open_session(state: &mut SimulatorState, call: &Call) -> Result<(Session, bool), (i32, &'static str)> {
    let uuid = call.query("uuid").to_owned();
    let mut validator = Validator::new(state, call);
    for (name, value) in [("fun", "new"), ("version", "v2")] {
        if call.query(name) != value {
            validator.tolerate("login_page_parameters", format!("{name} is not {value}"));
        }
    }
    let Some(qr) = validator.state.qr_codes.get(&uuid) else {
        validator.report("uuid_unknown", format!("no QR code {uuid:?}"));
        return Err((1, "ticket error"));
    };
    let desktop = qr.desktop;
    let uin = match &qr.state {
        QrState::Confirmed { uin, ticket } if *ticket == call.query("ticket") => *uin,
        _ => {
            validator.report("ticket_wrong", "the ticket is not that of the redirect_uri, or was used");
            return Err((1, "ticket error"));
        }
    };
    validator.uin = Some(uin);
    let as_desktop = desktop && check_desktop_headers(&mut validator);
    let Some(account) = state.accounts.get(&uin) else { return Err((1, "no such account")) };
    if account.no_web && !as_desktop {
        return Err((1203, "为了你的帐号安全，此微信号不能登录网页微信。你可以使用Windows微信或Mac微信在电脑端登录。"));
    }
    let session = state.start_session(uin);
    if let Some(qr) = state.qr_codes.get_mut(&uuid) {
        qr.state = QrState::LoggedIn { uin };
    }
    Ok((session, desktop))
}

/// Checks the headers that desktop mode requires: a token and the client version.
fn check_desktop_headers(validator: &mut Validator<'_>) -> bool {
    const TOKEN_LENGTH: usize = 500;
    let spam = validator.call.header("extspam");
    let (long_enough, version) = (spam.len() >= TOKEN_LENGTH, validator.call.header("client-version"));
    let good = long_enough && version == "2.0.0";
    if !good {
        let detail = format!("extspam of {} characters, client-version {version:?}", spam.len());
        validator.report("desktop_headers", detail);
    }
    good
}

fn session_response(state: &SimulatorState, call: &Call, session: &Session, desktop: bool) -> Response {
    let xml = format!(
        "<error><ret>0</ret><message></message><skey>{}</skey><wxsid>{}</wxsid><wxuin>{}</wxuin>\
         <pass_ticket>{}</pass_ticket><isgrayscale>1</isgrayscale></error>",
        session.skey,
        session.sid,
        session.uin,
        validator::encode_pass_ticket(&session.pass_ticket),
    );
    let mut response = response::with_status(login_page_status(state, if desktop { 301 } else { 200 }), xml);
    for line in session_cookies(call, session) {
        if let Ok(value) = HeaderValue::from_str(&line) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

/// The configured status, or `usual` if none is configured.
fn login_page_status(state: &SimulatorState, usual: u16) -> StatusCode {
    StatusCode::from_u16(state.config.login_status.unwrap_or(usual)).unwrap_or(StatusCode::OK)
}

/// The session's cookies. `webwx_data_ticket` belongs to the parent domain, all others to the account's host.
fn session_cookies(call: &Call, session: &Session) -> Vec<String> {
    const EXPIRES: &str = "Expires=Thu, 31-Dec-2037 12:00:00 GMT";
    let (host, parent) = match (call.uses_real_host(), call.host.rsplit_once(".qq.com")) {
        (false, _) => (String::new(), String::new()),
        (true, Some(_)) => (format!("Domain={};", call.host), "Domain=.qq.com;".into()),
        (true, None) => (format!("Domain={};", call.host), "Domain=.wechat.com;".into()),
    };
    let now = crate::clock::unix_seconds();
    [
        ("wxuin", session.uin.to_string(), &host),
        ("wxsid", session.sid.clone(), &host),
        ("wxloadtime", now.to_string(), &host),
        ("mm_lang", "zh_CN".into(), &host),
        ("webwx_data_ticket", session.data_ticket.clone(), &parent),
        ("webwxuvid", format!("{:032x}", u128::from(session.salt) << 64), &host),
        ("webwx_auth_ticket", session.auth_ticket.clone(), &host),
    ]
    .into_iter()
    .map(|(name, value, domain)| format!("{name}={value}; {domain} Path=/; {EXPIRES}"))
    .collect()
}

/// Ends the session. The body is empty, as WeChat's is for its redirect.
async fn logout(State(world): State<World>, call: Call) -> Response {
    world.change(|state| {
        let mut validator = Validator::new(state, &call);
        if call.query("redirect") != "1" {
            validator.report("logout_parameters", "redirect is not 1");
        }
        if let Ok(session) = validator.authenticate_cookies() {
            validator.check_skey(call.query("skey"), &session);
            state.end_session(session.uin, response::RET_LOGGED_OUT);
        }
        response::text("")
    })
}
