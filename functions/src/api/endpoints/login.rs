//! `GET /login`: starts a login of the app, or joins the current one, and shows its QR code: as a page that follows the
//! login to its end, as a picture, or as JSON. If the app is online, the response has its user.

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::on,
};
use boot::{
    Grant::{Commands, Table},
    QueueOperation::SendMessage,
    TableOperation::{BatchGetItem, GetItem, PutItem},
};
use domain::{
    app::App,
    job::{Command, JobState, derived_id},
    session::{Login, QrCode, Session, SessionState},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::{
        accept::{Representation, preferred},
        auth::SecretCaller,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::ApiError,
        jobs, login_page,
        openapi::{Auth, Failure, Operation, Reply},
        qr,
        response::ApiResponse,
        state::AppState,
        view::session::User,
    },
    links::Links,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "login",
    title: Title { zh: "登录", en: "Login" },
    routes: &[Route { method: Method::Get, path: "/login", handler: |method| on(method, handle) }],
    needs: None,
    grants: &[Table(BatchGetItem), Table(GetItem), Table(PutItem), Commands(SendMessage)],
    sample: Sample { auth: SampleAuth::AppSecret, online: true, query: "", fields: &["status", "user"] },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Get,
    paths: &["/login"],
    summary: "Starts a login of the app, or joins the current one. Accept chooses between JSON, the QR code as a \
              picture, and a page that shows the code and follows the login.",
    auth: Auth::Secret,
    parameters: &[],
    body: &[],
    file: None,
    replies: &[
        Reply::ok::<ApiResponse<LoginView<'static>>>("The app is online; or a picture or page was asked for.")
            .or(&["text/html", "image/png"]),
        Reply::accepted::<ApiResponse<LoginView<'static>>>("The QR code to scan."),
    ],
    failures: &[Failure::LOGIN_FAILED, Failure::WORKER_UNAVAILABLE],
}];

const OFFERED: [Representation; 3] = [Representation::Page, Representation::Picture, Representation::Json];
/// Requests within this time share a job, in seconds.
const JOB_WINDOW: i64 = 10;

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum LoginView<'a> {
    Code {
        #[schemars(example = &"Ab12==")]
        uuid: &'a str,
        #[schemars(extend("const" = "0"))]
        status: &'static str,
        /// WeChat's page with the QR code.
        #[schemars(example = &"https://login.weixin.qq.com/qrcode/Ab12==")]
        qrcode: Option<&'a str>,
        /// What the QR code says.
        #[schemars(example = &"https://login.weixin.qq.com/l/Ab12==")]
        login_url: &'a str,
        /// The QR code as a data URI.
        #[schemars(example = &"data:image/png;base64,iVBORw0KGgo=")]
        qrcode_image: Option<String>,
        /// Seconds.
        #[schemars(example = 300)]
        expires_in: i64,
    },
    Online {
        #[schemars(extend("const" = "200"))]
        status: &'static str,
        user: Option<User<'a>>,
    },
}

async fn handle(state: AppState, headers: HeaderMap, caller: SecretCaller) -> Result<Response, ApiError> {
    let session = current_session(&state, &caller.app).await?;
    let view = view(&state, &session, &caller.links(&state));
    let content = code(&state, &session).and_then(|(_, code)| qr::png(code.content));
    match (preferred(&headers, &OFFERED), content) {
        (Representation::Page, _) => login_page::respond(&view, &state.relay.ids.hex()),
        (Representation::Picture, Some(png)) => {
            Ok(([(header::CONTENT_TYPE, "image/png"), NO_STORE], png).into_response())
        }
        (_, Some(_)) => Ok(([NO_STORE], ApiResponse::accepted(view)).into_response()),
        (_, None) => Ok(([NO_STORE], ApiResponse::new(view)).into_response()),
    }
}

/// A QR code is valid for minutes, and the account that scans it becomes the app's.
const NO_STORE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

/// The login that can be shown, with its QR code. A push login has no code.
fn code<'a>(state: &AppState, session: &'a Session) -> Option<(&'a Login, QrCode<'a>)> {
    let login = session.login.as_ref().filter(|login| login.expires > state.relay.now())?;
    let code = login.qr_code()?;
    matches!(session.state, SessionState::Waiting | SessionState::Scanned).then_some((login, code))
}

/// A session that is online or has a QR code to show. Starts a login if there is neither.
async fn current_session(state: &AppState, app: &App) -> Result<Session, ApiError> {
    let (store, now) = (&state.relay.store, state.relay.now());
    let ready = |session: &Session| session.state == SessionState::Online || code(state, session).is_some();
    let before = store.session(&app.id).await?;
    if let Some(session) = before.as_ref().filter(|session| ready(session)) {
        return Ok(session.clone());
    }
    let since = before.map(|session| session.since.to_string()).unwrap_or_default();
    let id = derived_id(&["login", &app.id, &since, &(now.as_second() / JOB_WINDOW).to_string()]);
    let (mut job, polling) = (state.enqueue(app, id, Command::Login).await?, state.poll_for(state.config.worker_wait));
    while polling.next().await {
        if let Some(session) = store.session(&app.id).await?.filter(ready) {
            return Ok(session);
        }
        job = state.job(&app.id, &job.id).await?;
        if let (JobState::Failed { .. }, (_, Some(why))) = (&job.state, jobs::outcome(&job.state)) {
            return Err(ApiError::LoginFailed(why.to_owned()));
        }
    }
    Err(ApiError::WorkerUnavailable)
}

fn view<'a>(state: &AppState, session: &'a Session, links: &Links<'_>) -> LoginView<'a> {
    match code(state, session) {
        Some((login, code)) => LoginView::Code {
            uuid: &login.uuid,
            status: "0",
            qrcode: code.page,
            login_url: code.content,
            qrcode_image: qr::data_uri(code.content),
            expires_in: login.expires.duration_since(state.relay.now()).as_secs(),
        },
        None => LoginView::Online { status: "200", user: session.user.as_ref().map(|user| User::of(user, links)) },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use domain::job::JobState;

    use super::*;
    use crate::{api::state::Config, support::Api};

    async fn accepting(api: &Api, accept: &str) -> crate::support::Answer {
        let path = format!("/login?app_id={}&app_secret={}", api.app.id, testing::APP_SECRET);
        api.request(http::Request::get(path).header("accept", accept)).await
    }

    #[tokio::test]
    async fn a_login_is_started_and_its_qr_code_returned() {
        let api = Api::start().await;
        let worker = async {
            let jobs = api.commands(1).await;
            assert_eq!(jobs.iter().map(|job| &job.command).collect::<Vec<_>>(), [&Command::Login]);
            api.waiting().await;
            api.finish(&jobs[0], JobState::Sent { message_id: None }).await;
        };
        let (mut answer, ()) = tokio::join!(api.secret("/login"), worker);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let image = answer.json["qrcode_image"].take();
        assert!(image.as_str().unwrap().starts_with("data:image/png;base64,iVBORw0KGgo"));
        insta::assert_snapshot!(answer, @r#"
        202 Accepted
        {
          "expires_in": 300,
          "login_url": "https://login.weixin.qq.com/l/Ab12==",
          "qrcode": "https://login.weixin.qq.com/qrcode/Ab12==",
          "qrcode_image": null,
          "status": "0",
          "success": true,
          "uuid": "Ab12=="
        }
        "#);
    }

    #[tokio::test]
    async fn a_current_login_is_shown_as_json_picture_or_page() {
        let api = Api::start().await;
        api.waiting().await;
        assert_eq!(api.secret("/login/").await.json["uuid"], "Ab12==");
        let picture = accepting(&api, "image/avif,image/webp,*/*;q=0.8").await;
        assert_eq!((picture.status, picture.header("content-type")), (StatusCode::OK, Some("image/png")));
        assert!(picture.body.starts_with(b"\x89PNG"));
        let page = accepting(&api, "text/html,application/xhtml+xml,image/png,*/*;q=0.8").await;
        assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, Some("text/html; charset=utf-8")));
        assert!(page.text().contains(r#""uuid":"Ab12==""#) && !page.text().contains("{{"));
        insta::assert_snapshot!(page.header("content-security-policy").unwrap(), @"default-src 'none'; img-src data:; connect-src 'self'; style-src 'nonce-00000000000000000000000000000009'; script-src 'nonce-00000000000000000000000000000009'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        assert_eq!(accepting(&api, "application/json, image/png").await.json["status"], "0");
    }

    #[tokio::test]
    async fn an_app_that_is_online_shows_its_user() {
        let api = Api::start().await;
        api.waiting().await;
        api.online().await;
        insta::assert_snapshot!(api.secret("/login").await, @r#"
        200 OK
        {
          "status": "200",
          "success": true,
          "user": {
            "avatar": "/media/image/avatar/e1d54615.jpg",
            "avatar_url": "http://relay.test/media/image/avatar/e1d54615.jpg?app_id=00000000000000000000000000000001&expires=1578371145&sig=38b982249824a7748571e4d8b6e6b70414b739abefc9b7fa03b2cbf0fbc3fb17",
            "name": "我",
            "nick_name": "我",
            "puid": "e1d54615",
            "user_name": "@e1d54615"
          }
        }
        "#);
        assert!(accepting(&api, "text/html").await.text().contains(r#""status":"200""#));
        assert_eq!(accepting(&api, "image/png").await.json["status"], "200");
    }

    #[tokio::test]
    async fn without_a_worker_the_caller_is_asked_to_retry() {
        let api = Api::with(Config { worker_wait: Duration::ZERO, ..Config::default() }).await;
        let answer = api.secret("/login").await;
        assert_eq!(answer.header("retry-after"), Some("5"));
        insta::assert_snapshot!(answer, @r#"
        503 Service Unavailable
        {
          "code": "worker_unavailable",
          "errmsg": "The worker did not answer in time; try again soon.",
          "success": false
        }
        "#);
        api.secret("/login").await;
        // The second request shares the job of the first.
        api.commands(1).await;
    }

    #[tokio::test]
    async fn a_login_that_wechat_refuses_has_a_reason() {
        let api = Api::start().await;
        let worker = async {
            let jobs = api.commands(1).await;
            api.finish(&jobs[0], JobState::Failed { why: "not allowed to log in here".to_owned() }).await;
        };
        let (answer, ()) = tokio::join!(api.secret("/login"), worker);
        insta::assert_snapshot!(answer, @r#"
        503 Service Unavailable
        {
          "code": "login_failed",
          "errmsg": "WeChat did not let the login begin: not allowed to log in here.",
          "success": false
        }
        "#);
    }

    #[tokio::test]
    async fn an_expired_code_is_not_shown() {
        let api = Api::with(Config { worker_wait: Duration::ZERO, ..Config::default() }).await;
        api.waiting().await;
        api.fixture.clock.advance_seconds(301);
        assert_eq!(api.secret("/login").await.json["code"], "worker_unavailable");
    }
}
