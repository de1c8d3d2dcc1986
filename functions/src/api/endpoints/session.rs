//! `GET /session`: the app's session, its channel, and how much waits.

use axum::{
    response::{IntoResponse, Response},
    routing::on,
};
use boot::{
    Grant::{Commands, Inbound, Table},
    QueueOperation::GetQueueAttributes,
    TableOperation::{BatchGetItem, GetItem, Query},
};
use domain::{
    channel::{Capabilities, ChannelKind},
    session::{EndReason, Progress, Session, SessionState},
};
use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::{
        auth::Caller,
        endpoint::{Endpoint, Method, Route, Sample, SampleAuth, Title},
        error::ApiError,
        openapi::{Auth, LocalTime, Operation, Reply},
        response::ApiResponse,
        state::AppState,
        view::session::User,
    },
    times::Times,
};

pub const ENDPOINT: Endpoint = Endpoint {
    binary: "session",
    title: Title { zh: "会话", en: "Session" },
    routes: &[Route { method: Method::Get, path: "/session", handler: |method| on(method, handle) }],
    needs: None,
    grants: &[
        Table(BatchGetItem),
        Table(GetItem),
        Table(Query),
        Inbound(GetQueueAttributes),
        Commands(GetQueueAttributes),
    ],
    sample: Sample {
        auth: SampleAuth::Signature,
        online: true,
        query: "",
        fields: &[
            "capabilities",
            "channel",
            "contacts",
            "ending",
            "last_error",
            "last_sync",
            "parked",
            "queues",
            "since",
            "state",
            "sync_error",
            "updating",
            "user",
        ],
    },
};

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    method: Method::Get,
    paths: &["/session"],
    summary: "The app's session, its channel, and how much waits.",
    auth: Auth::Signature,
    parameters: &[],
    body: &[],
    file: None,
    replies: &[Reply::ok::<ApiResponse<SessionReport<'static>>>("The session.")],
    failures: &[],
}];

#[derive(Serialize, JsonSchema)]
struct SessionReport<'a> {
    channel: ChannelKind,
    capabilities: Capabilities,
    #[schemars(extend("enum" = ["offline", "starting", "waiting", "scanned", "online"]))]
    state: &'static str,
    #[schemars(with = "LocalTime")]
    since: String,
    user: Option<User<'a>>,
    /// Why the last session or login ended.
    ending: Option<&'a EndReason>,
    last_error: Option<&'a str>,
    /// When the contacts were last read.
    #[schemars(with = "Option<LocalTime>")]
    last_sync: Option<String>,
    /// Why they could not be read since.
    sync_error: Option<&'a str>,
    /// Whether they are being read.
    updating: bool,
    contacts: Progress,
    queues: Depths,
    /// Parked chats.
    parked: usize,
}

/// Messages in the queues that serve the app, those of other apps included.
#[derive(Serialize, JsonSchema)]
struct Depths {
    inbound: u64,
    commands: u64,
}

async fn handle(state: AppState, caller: Caller) -> Result<Response, ApiError> {
    let (relay, app) = (&state.relay, &caller.app);
    let commands = relay.queues.commands.get(usize::from(app.shard));
    let commands = commands.ok_or_else(|| ApiError::Internal(format!("no queue for shard {}", app.shard)))?;
    let stored = async {
        let both = try_join(relay.store.session(&app.id), relay.store.parked_chats(&app.id));
        Ok::<_, ApiError>(both.await?)
    };
    let queued = async { Ok(try_join(relay.queues.inbound.depth(), commands.depth()).await?) };
    let ((session, parked), (inbound, commands)) = try_join(Box::pin(stored), Box::pin(queued)).await?;
    let session = session.unwrap_or_else(|| Session::offline(app.created));
    let (times, online) = (Times(&relay.zone), session.state == SessionState::Online);
    let report = SessionReport {
        channel: app.channel,
        capabilities: (state.config.capabilities)(app.channel),
        state: session.state.as_str(),
        since: times.iso(session.since),
        user: session.user.as_ref().filter(|_| online).map(|user| User::of(user, &caller.links(&state))),
        ending: session.ending.as_ref(),
        last_error: session.last_error.as_deref(),
        last_sync: session.last_sync.map(|at| times.iso(at)),
        sync_error: session.sync_error.as_deref(),
        updating: session.updating,
        contacts: session.contacts,
        queues: Depths { inbound, commands },
        parked: parked.len(),
    };
    Ok(ApiResponse::new(report).into_response())
}

#[cfg(test)]
mod tests {
    use domain::{delivery::Parked, id::Seq, puid::Puid};

    use super::*;
    use crate::support::Api;

    #[expect(clippy::too_many_lines, reason = "whole responses")]
    #[tokio::test]
    async fn a_session_is_shown_with_its_user_channel_and_backlog() {
        let api = Api::start().await;
        insta::assert_snapshot!(api.signed("/session").await, @r#"
        200 OK
        {
          "capabilities": {
            "accept_friends": true,
            "contacts": true,
            "groups": true,
            "media_in": [
              "image",
              "record",
              "file",
              "video"
            ],
            "media_out": [
              "image",
              "file",
              "video"
            ],
            "official_accounts": true,
            "recall": true,
            "remarks": true,
            "write_first": true
          },
          "channel": "web",
          "contacts": {
            "done": 0,
            "total": 0
          },
          "ending": null,
          "last_error": null,
          "last_sync": null,
          "parked": 0,
          "queues": {
            "commands": 0,
            "inbound": 0
          },
          "since": "2020-01-07T11:25:45.988020",
          "state": "offline",
          "success": true,
          "sync_error": null,
          "updating": false,
          "user": null
        }
        "#);
        api.online().await;
        let now = api.fixture.relay.now();
        api.session(|session| {
            session.contacts = Progress { done: 7, total: 313 };
            session.last_error = Some("the connection was closed".to_owned());
            session.last_sync = Some(now);
            session.sync_error = Some("the contacts could not be read".to_owned());
            session.updating = true;
        })
        .await;
        let parked = Parked {
            chat: Puid::new("1fee435b"),
            attempts: 0,
            due: now,
            since: now,
            last_seq: Seq::FIRST,
            last_error: "the callback answered 500".to_owned(),
        };
        api.fixture.relay.store.park(&api.app.id, 0, &parked).await.unwrap();
        insta::assert_snapshot!(api.signed("/session/").await, @r#"
        200 OK
        {
          "capabilities": {
            "accept_friends": true,
            "contacts": true,
            "groups": true,
            "media_in": [
              "image",
              "record",
              "file",
              "video"
            ],
            "media_out": [
              "image",
              "file",
              "video"
            ],
            "official_accounts": true,
            "recall": true,
            "remarks": true,
            "write_first": true
          },
          "channel": "web",
          "contacts": {
            "done": 7,
            "total": 313
          },
          "ending": null,
          "last_error": "the connection was closed",
          "last_sync": "2020-01-07T11:25:45.988020",
          "parked": 1,
          "queues": {
            "commands": 0,
            "inbound": 0
          },
          "since": "2020-01-07T11:25:45.988020",
          "state": "online",
          "success": true,
          "sync_error": "the contacts could not be read",
          "updating": true,
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
        api.session(|session| {
            session.state = SessionState::Offline;
            session.ending = Some(EndReason::EndedByWeChat { code: 1101 });
        })
        .await;
        let ended = api.signed("/session").await.json;
        assert_eq!(ended["ending"], serde_json::json!({ "why": "ended_by_we_chat", "code": 1101 }));
        assert_eq!(ended["user"], serde_json::Value::Null);
    }
}
