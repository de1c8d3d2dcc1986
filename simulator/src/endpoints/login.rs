//! The login up to its confirmation: `jslogin`, `qrcode`, `l` and `login`, and the push login without a QR
//! code.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{any, get};
use data_encoding::BASE64;
use serde_json::json;

use super::BIN;
use crate::call::Call;
use crate::login::{QrCode, QrState};
use crate::spec::Uin;
use crate::validator::Validator;
use crate::wire::{image, response};
use crate::world::World;

/// The app id of WeChat's web page.
const APP_ID: &str = "wx782c26e4c19acffb";

pub(super) fn routes() -> Router<World> {
    Router::new()
        .route("/", get(|| async { response::text("") }))
        .route("/jslogin", any(jslogin))
        .route("/qrcode/{uuid}", get(qrcode))
        .route("/l/{uuid}", get(|| async { response::text("scan me with the phone") }))
        .route(&format!("{BIN}/login"), get(login))
        .route(&format!("{BIN}/webwxpushloginurl"), get(push_login))
}

/// Creates a QR code. With auto-scan, an account scans and confirms it at once.
async fn jslogin(State(world): State<World>, call: Call) -> Response {
    let desktop = call.query("redirect_uri").contains("mod=desktop");
    let (uuid, scanner) = world.change(|state| {
        let mut validator = Validator::new(state, &call);
        if call.query("appid") != APP_ID || call.query("fun") != "new" {
            validator.report("jslogin_parameters", "appid and fun are not the page's");
        }
        let uuid = state.new_uuid();
        state.qr_codes.insert(uuid.clone(), QrCode::new(desktop));
        state.uuids.push(uuid.clone());
        let next = state.auto_scan_next;
        let scanner = state.auto_scan.get(next % state.auto_scan.len().max(1)).copied();
        state.auto_scan_next += 1;
        (uuid, scanner)
    });
    if let Some(uin) = scanner {
        scan_and_confirm(&world, &uuid, uin);
    }
    response::text(format!("window.QRLogin.code = 200; window.QRLogin.uuid = \"{uuid}\";"))
}

fn scan_and_confirm(world: &World, uuid: &str, uin: Uin) {
    // This fails if the account has been replaced since auto-scan was set. The QR code then stays unscanned.
    if world.scan(uuid, uin).is_ok() {
        let _ = world.confirm(uuid);
    }
}

/// Starts a login that the phone of a known account confirms, without a QR code.
async fn push_login(State(world): State<World>, call: Call) -> Response {
    let uin: Option<Uin> = call.query("uin").parse().ok();
    let desktop = call.query("mod") == "desktop";
    let push_login = world.change(|state| {
        let Some(uin) = uin.filter(|uin| state.accounts.contains_key(uin)) else {
            Validator::new(state, &call).report("push_login_uin", "no account has that uin");
            return None;
        };
        let mut validator = Validator::new(state, &call);
        validator.uin = Some(uin);
        if call.cookie("wxuin") != uin.to_string() {
            validator.report("cookie_missing", "no cookie wxuin of that account");
        }
        if call.cookie("webwx_auth_ticket").is_empty() {
            validator.report("cookie_missing", "no cookie webwx_auth_ticket");
            return None;
        }
        let uuid = state.new_uuid();
        state.qr_codes.insert(uuid.clone(), QrCode::pushed(uin, desktop));
        state.uuids.push(uuid.clone());
        Some((uuid, !state.auto_scan.is_empty()))
    });
    match push_login {
        None => response::json(&json!({"ret": "1", "msg": "push login fail", "uuid": ""})),
        Some((uuid, confirms)) => {
            if confirms {
                let _ = world.confirm(&uuid);
            }
            response::json(&json!({"ret": "0", "msg": "all ok", "uuid": uuid}))
        }
    }
}

/// The long poll for the next step of a login.
async fn login(State(world): State<World>, call: Call) -> Response {
    let uuid = call.query("uuid").to_owned();
    let wait = world.lock().config.long_poll;
    let first = call.query("tip") == "1";
    let reply = world.wait_until(|state| {
        let closed = state.closed;
        let Some(qr) = state.qr_codes.get_mut(&uuid) else { return Some(LoginReply::Expired) };
        match &qr.state {
            QrState::Scanned(uin) if !qr.scan_reported => {
                qr.scan_reported = true;
                Some(LoginReply::Scanned(*uin))
            }
            QrState::Waiting | QrState::Scanned(_) => closed.then_some(LoginReply::Nothing),
            QrState::Confirmed { ticket, .. } => Some(LoginReply::Confirmed(ticket.clone())),
            QrState::Cancelled => Some(LoginReply::Cancelled),
            QrState::LoggedIn { .. } | QrState::Expired => Some(LoginReply::Expired),
        }
    });
    let reply = tokio::time::timeout(wait.max(Duration::from_millis(1)), reply).await;
    let reply = reply.unwrap_or_else(|_| world.lock().reply_after_timeout(&uuid, first));
    response::text(reply.script(&call))
}

/// What the long poll reports.
enum LoginReply {
    Nothing,
    Scanned(Uin),
    Confirmed(String),
    Cancelled,
    Expired,
}

impl crate::state::SimulatorState {
    /// The reply when the long poll times out. A client that sends `tip=1` has not seen the scan yet.
    fn reply_after_timeout(&self, uuid: &str, first: bool) -> LoginReply {
        match self.qr_codes.get(uuid).map(|qr| &qr.state) {
            Some(QrState::Scanned(uin)) if first => LoginReply::Scanned(*uin),
            _ => LoginReply::Nothing,
        }
    }
}

impl LoginReply {
    fn script(&self, call: &Call) -> String {
        match self {
            Self::Nothing => "window.code=408;".into(),
            Self::Expired => "window.code=400;".into(),
            Self::Cancelled => "window.code=402;".into(),
            Self::Scanned(uin) => format!(
                "window.code=201;window.userAvatar = 'data:img/jpg;base64,{}';",
                BASE64.encode(&image::picture(*uin)),
            ),
            Self::Confirmed(ticket) => format!(
                "window.code=200;\nwindow.redirect_uri=\"{}{BIN}/webwxnewloginpage?ticket={ticket}&uuid={}&lang=zh_CN&scan={}\";",
                account_origin(call),
                call.query("uuid"),
                crate::clock::unix_seconds(),
            ),
        }
    }
}

/// The origin of the account's own host. It is WeChat's host if the client used a real WeChat host name, and
/// otherwise the host that the client used.
fn account_origin(call: &Call) -> String {
    if call.host.ends_with(".wechat.com") {
        "https://web.wechat.com".into()
    } else if call.uses_real_host() {
        "https://wx.qq.com".into()
    } else {
        format!("http://{}", call.host)
    }
}

/// Returns the QR code as a picture. WeChat sends a JPEG, the simulator a PNG.
async fn qrcode(State(world): State<World>, Path(uuid): Path<String>) -> Response {
    if !world.lock().qr_codes.contains_key(&uuid) {
        return response::text("");
    }
    match image::qr_code(&format!("https://login.weixin.qq.com/l/{uuid}")) {
        Some(picture) => response::bytes("image/png", picture),
        None => response::text(""),
    }
}
