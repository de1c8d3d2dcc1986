//! `GET /login`: begins a QR login of the app, or joins the one under way, and shows its code: as a page that follows
//! the login to its end, as a picture, or as JSON. An app that is online answers with who it is.

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use domain::{
    app::App,
    job::{Command, JobState, derived_id},
    session::{Login, Session, State as SessionState},
};
use serde::Serialize;

use super::{at, login_page};
use crate::{ApiError, State, auth::Holder, jobs, qr, reply::Success, view::session::User};

/// Requests within so many seconds share a job.
const SHARED: i64 = 10;

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Shown<'a> {
    Code {
        uuid: &'a str,
        status: &'static str,
        qrcode: &'a str,
        login_url: &'a str,
        qrcode_image: Option<String>,
        /// Seconds.
        expires_in: i64,
    },
    Online {
        status: &'static str,
        user: Option<User<'a>>,
    },
}

pub fn route() -> Router<State> {
    at(&["/login"], &get(handle))
}

async fn handle(state: State, headers: HeaderMap, holder: Holder) -> Result<Response, ApiError> {
    let session = current(&state, &holder.app).await?;
    let shown = shown(&state, &session);
    let content = code(&state, &session).and_then(|(_, content)| qr::png(content));
    let status = if content.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    match (wanted(&headers), content) {
        (Wanted::Page, _) => login_page::respond(&shown, &state.relay.ids.hex()),
        (Wanted::Picture, Some(png)) => Ok(([(header::CONTENT_TYPE, "image/png"), NO_STORE], png).into_response()),
        _ => Ok((status, [NO_STORE], Success::new(shown)).into_response()),
    }
}

/// A code is good for minutes, and whoever scans it is the app's account.
const NO_STORE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

enum Wanted {
    Page,
    Picture,
    Json,
}

/// The first kind of the `Accept` header that we have.
fn wanted(headers: &HeaderMap) -> Wanted {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kinds
        .filter_map(|kind| match kind {
            "text/html" => Some(Wanted::Page),
            "application/json" | "*/*" => Some(Wanted::Json),
            _ => kind.starts_with("image/").then_some(Wanted::Picture),
        })
        .next()
        .unwrap_or(Wanted::Json)
}

/// The login that can be shown, with what its code says. A push login has no code.
fn code<'a>(state: &State, session: &'a Session) -> Option<(&'a Login, &'a str)> {
    let login = session.login.as_ref().filter(|login| login.expires > state.relay.now())?;
    let content = login.qr_content.as_deref()?;
    matches!(session.state, SessionState::Waiting | SessionState::Scanned).then_some((login, content))
}

/// The session, online or with a code to show; begins a login where there is neither.
async fn current(state: &State, app: &App) -> Result<Session, ApiError> {
    let (store, now) = (&state.relay.store, state.relay.now());
    let ready = |session: &Session| session.state == SessionState::Online || code(state, session).is_some();
    let before = store.session(&app.id).await?;
    if let Some(session) = before.as_ref().filter(|session| ready(session)) {
        return Ok(session.clone());
    }
    let since = before.map(|session| session.since.to_string()).unwrap_or_default();
    let id = derived_id(&["login", &app.id, &since, &(now.as_second() / SHARED).to_string()]);
    let (mut job, wait) = (state.ask(app, id, Command::Login).await?, state.wait(state.config.worker_wait));
    while wait.again().await {
        if let Some(session) = store.session(&app.id).await?.filter(ready) {
            return Ok(session);
        }
        job = state.job(&app.id, &job.id).await?;
        if let (JobState::Failed { .. }, (_, Some(why))) = (&job.state, jobs::result(&job.state)) {
            return Err(ApiError::LoginFailed(why.to_owned()));
        }
    }
    Err(ApiError::WorkerUnavailable)
}

fn shown<'a>(state: &State, session: &'a Session) -> Shown<'a> {
    match code(state, session) {
        Some((login, content)) => Shown::Code {
            uuid: &login.uuid,
            status: "0",
            qrcode: &login.qr_url,
            login_url: content,
            qrcode_image: qr::data_uri(content),
            expires_in: login.expires.duration_since(state.relay.now()).as_secs(),
        },
        None => Shown::Online { status: "200", user: session.user.as_ref().map(User::from) },
    }
}
