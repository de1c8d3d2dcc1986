//! `GET /check-login?uuid=`: the status of a login. With `wait=<seconds>` and `seen=<status>` the response waits until the
//! status is no longer `seen`.

use axum::routing::on;
use boot::{
    Grant::Table,
    TableOperation::{BatchGetItem, GetItem},
};
use domain::session::{EndReason, Session, SessionState};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::{
        auth::SecretCaller,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::ApiError,
        openapi::{Auth, Failure, Kind, Operation, Parameter, Reply, WAIT},
        params::{MAX_VALUE, Params},
        response::ApiResponse,
        state::AppState,
        view::session::{LoginStatus, User},
    },
    links::Links,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "check-login",
    title: Title { zh: "登录状态", en: "Login status" },
    routes: &[Route { method: Method::Get, path: "/check-login", handler: |method| on(method, handle) }],
    needs: None,
    grants: &[Table(BatchGetItem), Table(GetItem)],
    sample: Sample {
        auth: SampleAuth::AppSecret,
        online: false,
        query: "uuid=none",
        fields: &["alive", "avatar", "status", "user"],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Get,
    paths: &["/check-login"],
    summary: "The status of a login.",
    auth: Auth::Secret,
    parameters: &[&[
        Parameter::query("uuid", Kind::Text(MAX_VALUE), "The login's `uuid`, from `/login`.", "Ab12==").required(),
        Parameter::query(
            "seen",
            Kind::OneOf(|| LoginStatus::ALL.map(LoginStatus::as_str).to_vec()),
            "With `wait`: answer as soon as the status is another one.",
            "408",
        ),
        WAIT,
    ]],
    body: &[],
    file: None,
    replies: &[Reply::ok::<ApiResponse<LoginReport>>("The status.")],
    failures: &[Failure::ACCOUNT_MISMATCH],
}];

#[derive(Serialize, JsonSchema)]
struct LoginReport {
    /// `408` waiting for the scan, `201` scanned, `200` logged in, `400` over.
    #[schemars(extend("enum" = ["408", "201", "200", "400"]))]
    status: &'static str,
    /// Whether the app is online; null during a login.
    alive: Option<bool>,
    /// The picture of the account that scanned, as a data URI.
    avatar: Option<String>,
    #[schemars(with = "Option<User<'_>>")]
    user: Option<serde_json::Value>,
}

async fn handle(state: AppState, caller: SecretCaller) -> Result<ApiResponse<LoginReport>, ApiError> {
    let (uuid, seen) = (caller.params.required("uuid")?, seen(&caller.params)?);
    let polling = state.poll_for(caller.params.wait()?);
    loop {
        let session = state.relay.store.session(&caller.app.id).await?;
        let session = session.unwrap_or_else(|| Session::offline(state.relay.now()));
        let status = LoginStatus::of(&session, uuid);
        if seen == Some(status) && polling.next().await {
            continue;
        }
        let latest = session.login.as_ref().is_some_and(|login| login.uuid == uuid);
        if latest && status == LoginStatus::Over && session.ending == Some(EndReason::AccountMismatch) {
            return Err(ApiError::AccountMismatch);
        }
        return report(&session, status, &caller.links(&state)).map(ApiResponse::new);
    }
}

/// The parameter `seen`.
fn seen(params: &Params) -> Result<Option<LoginStatus>, ApiError> {
    let Some(seen) = params.get("seen") else { return Ok(None) };
    let status = LoginStatus::ALL.into_iter().find(|status| status.as_str() == seen);
    status.map(Some).ok_or_else(|| ApiError::field("seen", "must be 408, 201, 200 or 400"))
}

fn report(session: &Session, status: LoginStatus, links: &Links<'_>) -> Result<LoginReport, ApiError> {
    let user = session.user.as_ref().filter(|_| status == LoginStatus::LoggedIn).map(|user| User::of(user, links));
    let user = user.map(serde_json::to_value).transpose().map_err(|error| ApiError::Internal(error.to_string()))?;
    let shown = matches!(status, LoginStatus::Scanned | LoginStatus::LoggedIn);
    Ok(LoginReport {
        status: status.as_str(),
        alive: match session.state {
            SessionState::Online => Some(true),
            SessionState::Offline => Some(false),
            SessionState::Starting | SessionState::Waiting | SessionState::Scanned => None,
        },
        avatar: session.login.as_ref().filter(|_| shown).and_then(|login| login.avatar().map(str::to_owned)),
        user,
    })
}

#[cfg(test)]
mod tests {
    use domain::{
        channel::{LoginStep, Ticket},
        session,
    };

    use super::*;
    use crate::support::Api;

    const PATH: &str = "/check-login?uuid=Ab12==";

    #[tokio::test]
    async fn a_login_is_followed_to_its_end() {
        let api = Api::start().await;
        assert_eq!(api.secret(PATH).await.json["status"], "400", "no login has begun");
        api.waiting().await;
        insta::assert_snapshot!(api.secret(PATH).await, @r#"
        200 OK
        {
          "alive": null,
          "avatar": null,
          "status": "408",
          "success": true,
          "user": null
        }
        "#);
        api.session(|session| {
            session.state = session::SessionState::Scanned;
            let step = LoginStep::ConfirmOnPhone { avatar: Some("data:img/jpg;base64,AA==".to_owned()) };
            session.login.as_mut().unwrap().proceed(Ticket::default(), step);
        })
        .await;
        insta::assert_snapshot!(api.secret(PATH).await, @r#"
        200 OK
        {
          "alive": null,
          "avatar": "data:img/jpg;base64,AA==",
          "status": "201",
          "success": true,
          "user": null
        }
        "#);
        api.online().await;
        insta::assert_snapshot!(api.secret(PATH).await, @r#"
        200 OK
        {
          "alive": true,
          "avatar": "data:img/jpg;base64,AA==",
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
        assert_eq!(api.secret("/check-login/?uuid=another").await.json["status"], "400");
        api.session(|session| session.state = session::SessionState::Offline).await;
        let over = api.secret(PATH).await.json;
        assert_eq!((&over["status"], &over["alive"]), (&"400".into(), &false.into()));
    }

    #[tokio::test]
    async fn a_waiting_request_is_answered_when_the_status_changes() {
        let api = Api::start().await;
        api.waiting().await;
        let (answer, ()) = tokio::join!(api.secret("/check-login?uuid=Ab12==&seen=408&wait=20"), api.online());
        assert_eq!(answer.json["status"], "200");
    }

    #[tokio::test]
    async fn another_account_is_refused() {
        let api = Api::start().await;
        api.waiting().await;
        api.session(|session| {
            session.state = session::SessionState::Offline;
            session.ending = Some(EndReason::AccountMismatch);
        })
        .await;
        insta::assert_snapshot!(api.secret(PATH).await, @r#"
        409 Conflict
        {
          "code": "account_mismatch",
          "errmsg": "The app is bound to another account; an administrator can unbind it.",
          "success": false
        }
        "#);
        assert_eq!(api.secret("/check-login").await.json["fields"]["uuid"], "is required");
    }
}
